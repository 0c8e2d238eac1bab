"""python -m export verify DIR: checks that a bundle is complete and its files belong together."""

import hashlib
import pathlib
import types
from collections.abc import Iterator
from typing import Any

import onnx

from data import strict_json, versions
from data.checksum import file_sha256
from data.command_line import UserError
from data.vocab import Vocabulary
from export.manifest import FORMATS, MANIFEST
from export.parity import compare
from export.runtimes import load_torchscript, step_of_onnx, step_of_torchscript


def verify(folder: pathlib.Path) -> Iterator[str]:
    """Yields one line per passed check. No file is unpickled.

    Loading a TorchScript file compiles the program in it. For a bundle from an untrusted source,
    first compare the checksums with those that its publisher gives.

    Raises:
        UserError: at the first check that fails; the message has the file's path.
    """
    manifest = read_manifest(folder)
    check_checksums(folder, manifest)
    yield f"{len(manifest['files'])} files have the sizes and checksums of {folder / MANIFEST}"

    vocabulary, writers = check_vocabulary(folder, manifest)
    yield f"all files have the vocabulary of {vocabulary.show}, {len(vocabulary):,} words"

    if {"model.torchscript.pt", "model.onnx"} <= set(manifest["files"]):
        n_layers, _, hidden_dim = manifest["signature"]["inputs"]["h"][1]
        sizes = types.SimpleNamespace(
            n_layers=n_layers, hidden_dim=hidden_dim, vocab_size=len(vocabulary)
        )
        steps = (
            step_of_torchscript(writers["model.torchscript.pt"]),
            step_of_onnx(folder / "model.onnx"),
        )
        difference = compare(str(folder / "model.onnx"), *steps, sizes, "verified")
        yield f"TorchScript and ONNX give the same scores, to {difference:.0e}"
    for name, writer in writers.items():
        # The high temperature makes it likely that the speller is used too.
        if not writer.generate("", 300, temperature=1.5, invent_words=True).strip():
            raise UserError(f"{folder / name} generates no text")
        yield f"{name} generates text"


def check_checksums(folder: pathlib.Path, manifest: dict[str, Any]) -> None:
    """Checks the size and the SHA-256 of every file in the manifest.

    Raises:
        UserError: for the first file that is missing or differs.
    """
    for name, file in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing: the manifest lists it")
        if path.stat().st_size != file["bytes"] or file_sha256(path) != file["sha256"]:
            raise UserError(f"{path} differs from the manifest's checksum: download it again")


def check_vocabulary(
    folder: pathlib.Path, manifest: dict[str, Any]
) -> tuple[Vocabulary, dict[str, Any]]:
    """Checks that all files have the vocabulary and the weights that the manifest lists.

    Returns:
        (the vocabulary, the loaded TorchScript files by name).

    Raises:
        UserError: for the first file that has another vocabulary or other weights.
    """
    text = (folder / "vocab.json").read_bytes()
    vocabulary = Vocabulary.from_json(text.decode("utf-8", "replace"))
    if vocabulary.weights_sha256 != manifest["weights_sha256"]:
        raise UserError(f"{folder / 'vocab.json'} belongs to other weights than the manifest")
    digest = hashlib.sha256(text).hexdigest()
    writers = {}
    for name in manifest["files"]:
        if name.endswith(".torchscript.pt"):
            writers[name], vocabulary_in_file = load_torchscript(folder / name)
            if vocabulary_in_file != vocabulary:
                raise UserError(f"{folder / name} has another vocabulary than vocab.json")
        if name.endswith(".onnx"):
            check_onnx(folder / name, digest, manifest["weights_sha256"])
    return vocabulary, writers


def read_manifest(folder: pathlib.Path) -> dict[str, Any]:
    """The manifest of a bundle.

    Raises:
        UserError: if it is missing, damaged, or of another version.
    """
    path = folder / MANIFEST
    try:
        manifest = strict_json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; a bundle without a manifest is incomplete"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != "cold-open-manifest":
        raise UserError(f"{path} is not a manifest of an exported bundle")
    if manifest.get("version") != versions.MANIFEST:
        raise UserError(
            f"{path} has version {manifest.get('version')}, this program reads version "
            f"{versions.MANIFEST}: export the model again"
        )
    files = manifest.get("files")
    # A path instead of a name could refer to any file of this machine.
    if not isinstance(files, dict) or not {"vocab.json"} <= set(files) <= set(FORMATS):
        raise UserError(f"{path} lists files that are not part of a bundle")
    try:
        [(file["sha256"], file["bytes"]) for file in files.values()]
        manifest["weights_sha256"], manifest["signature"]["inputs"]["h"][1][2]
    except (KeyError, TypeError, IndexError):
        raise UserError(f"{path} is incomplete: a field is missing") from None
    return manifest


def check_onnx(path: pathlib.Path, vocabulary_sha256: str, weights_sha256: str) -> None:
    """Checks that a file is valid ONNX and belongs to the vocabulary and weights given.

    Raises:
        UserError: if it is not valid, or belongs to others.
    """
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # the exceptions of protobuf and the checker have no common base
        raise UserError(f"{path} is not a valid ONNX file: {str(error).splitlines()[0]}") from None
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if metadata.get("vocabulary_sha256") != vocabulary_sha256:
        raise UserError(f"{path} belongs to another vocabulary than vocab.json")
    if metadata.get("weights_sha256") != weights_sha256:
        raise UserError(f"{path} has other weights than the manifest lists")
