"""python -m export verify DIR: whether a bundle from elsewhere is whole and of one piece."""

import hashlib
import json
import pathlib
import types
from collections.abc import Iterator
from typing import Any

import onnx

from data import versions
from data.command_line import UserError
from data.vocab import Vocabulary
from export.manifest import FORMATS, MANIFEST, sha256
from export.parity import compare, load_torchscript, step_of_onnx, step_of_torchscript


def inspect(folder: pathlib.Path) -> Iterator[str]:
    """Yields a line for each thing that holds. Nothing in the bundle is unpickled.

    Loading a TorchScript file compiles the program in it: verify a stranger's checksums against
    those that the stranger published before anything else.

    Raises:
        UserError: for the first thing that does not hold; names the file.
    """
    manifest = read_manifest(folder)
    for name, file in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing: the manifest names it")
        if path.stat().st_size != file["bytes"] or sha256(path) != file["sha256"]:
            raise UserError(f"{path} is not the file that the manifest tells of: fetch it again")
    yield f"{len(manifest['files'])} files have the sizes and checksums of {folder / MANIFEST}"

    text = (folder / "vocab.json").read_bytes()
    vocabulary = Vocabulary.from_json(text.decode("utf-8", "replace"))
    if vocabulary.weights_sha256 != manifest["weights_sha256"]:
        raise UserError(f"{folder / 'vocab.json'} belongs to other weights than the manifest")
    digest = hashlib.sha256(text).hexdigest()
    writers = {}
    for name in manifest["files"]:
        if name.endswith(".torchscript.pt"):
            writers[name], inside = load_torchscript(folder / name)
            if inside != vocabulary:
                raise UserError(f"{folder / name} holds another vocabulary than vocab.json")
        if name.endswith(".onnx"):
            check_onnx(folder / name, digest, manifest["weights_sha256"])
    yield f"all hold the vocabulary of {vocabulary.show}, {len(vocabulary):,} words"

    if {"model.torchscript.pt", "model.onnx"} <= set(manifest["files"]):
        n_layers, _, hidden_dim = manifest["signature"]["inputs"]["h"][1]
        sizes = types.SimpleNamespace(
            n_layers=n_layers, hidden_dim=hidden_dim, vocab_size=len(vocabulary)
        )
        steps = (
            step_of_torchscript(writers["model.torchscript.pt"]),
            step_of_onnx(folder / "model.onnx"),
        )
        worst = compare(str(folder / "model.onnx"), *steps, sizes, "verified")
        yield f"TorchScript and ONNX give the same scores, to {worst:.0e}"
    for name, writer in writers.items():
        if not writer.generate("", 300, temperature=1.5).strip():  # wild enough to spell a word
            raise UserError(f"{folder / name} writes nothing")
        yield f"{name} writes"


def read_manifest(folder: pathlib.Path) -> dict[str, Any]:
    """The manifest of a bundle.

    Raises:
        UserError: if there is none, or it is damaged, or of another version.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such file; a bundle without it is not whole"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != "cold-open-manifest":
        raise UserError(f"{path} is not a manifest of this project")
    if manifest.get("version") != versions.MANIFEST:
        raise UserError(
            f"{path} has version {manifest.get('version')}, this program reads "
            f"{versions.MANIFEST}: export the model again"
        )
    files = manifest.get("files")
    # A name with a slash in it could point at anything on this machine.
    if not isinstance(files, dict) or not {"vocab.json"} <= set(files) <= set(FORMATS):
        raise UserError(f"{path} names files that a bundle does not have")
    try:
        [(file["sha256"], file["bytes"]) for file in files.values()]
        manifest["weights_sha256"], manifest["signature"]["inputs"]["h"][1][2]
    except (KeyError, TypeError, IndexError):
        raise UserError(f"{path} lacks a part of a manifest") from None
    return manifest


def check_onnx(path: pathlib.Path, vocabulary_sha256: str, weights_sha256: str) -> None:
    """Checks a graph by the rules of ONNX, and that it belongs to the bundle."""
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's errors have no common base
        raise UserError(f"{path} is no valid ONNX file: {str(error).splitlines()[0]}") from None
    told = {entry.key: entry.value for entry in model.metadata_props}
    if told.get("vocabulary_sha256") != vocabulary_sha256:
        raise UserError(f"{path} belongs to another vocabulary than vocab.json")
    if told.get("weights_sha256") != weights_sha256:
        raise UserError(f"{path} holds other weights than the manifest tells of")
