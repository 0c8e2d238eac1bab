"""python -m export verify DIR: checks that a bundle is complete and its files belong together.

The weights in model.onnx, which is data, are read. From them every other file is built again and
compared with the one in the bundle, so that each bit of it is checked without running anything in
it. A TorchScript file is a program: it is loaded only on request.
"""

import io
import pathlib
from collections.abc import Iterator
from typing import Any

import onnx

from data import strict_json
from data.checksum import file_sha256
from data.command_line import UserError
from data.vocab import Vocabulary
from export.files import Model, weights_sha256
from export.manifest import MANIFEST, check_fixed_fields, read_manifest
from export.onnx_graphs.weights import network_in, speller_weights_in
from export.parity import compare
from export.runtimes import load_torchscript, step_of_network, step_of_onnx, step_of_torchscript
from export.torchscript.archive import content_of, difference
from job import validation

TORCHSCRIPT = ".torchscript.pt"


def verify(folder: pathlib.Path, run_torchscript: bool = False) -> Iterator[str]:
    """Yields one line per passed check. Nothing in the files is executed, except by ONNX Runtime.

    Args:
        folder: of the bundle.
        run_torchscript: whether to load the TorchScript files too and compare what they generate.
            Loading one runs the program in it: only for files from a source that you trust. They
            may then contain other code than this version of the program exports.

    Raises:
        UserError: at the first check that fails; the message has the file's path.
    """
    manifest = read_manifest(folder)
    check_checksums(folder, manifest)
    yield f"{len(manifest['files'])} files have the sizes and checksums of {folder / MANIFEST}"

    model = read_model(folder, manifest)
    vocabulary = model.vocabulary
    check_fixed_fields(manifest, model)
    yield f"model.onnx has the weights of the manifest, for {len(vocabulary):,} words"

    for name in manifest["files"]:
        if name.endswith(TORCHSCRIPT):
            if code := check_torchscript(folder / name, model):
                if not run_torchscript:
                    raise other_code(folder / name, code, manifest)
                yield f"{name} has other code than this version exports: {code}"
            else:
                yield f"{name} has the code of this version and the same weights; it is not loaded"
        elif name in model.names:
            if (folder / name).read_bytes() != model.build(name):
                raise UserError(f"{folder / name} differs from what model.onnx is exported to")
            yield f"{name} is what this version exports from the same weights"
        else:
            yield f"{name} has only its checksum checked: load it if you trust its source"

    steps = step_of_network(model.network), step_of_onnx(folder / "model.onnx")
    largest = compare(str(folder / "model.onnx"), *steps, model.network, "verified")
    yield f"PyTorch and ONNX Runtime give the same scores, to {largest:.0e}"
    if run_torchscript:
        for name in manifest["files"]:
            if name.endswith(TORCHSCRIPT):
                yield run(folder / name, model)


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


def read_model(folder: pathlib.Path, manifest: dict[str, Any]) -> Model:
    """The model in vocab.json, model.onnx and speller.onnx.

    Raises:
        UserError: if one is damaged, or belongs to other weights than the manifest.
    """
    path = folder / "vocab.json"
    try:
        vocabulary = Vocabulary.from_json(path.read_bytes().decode())
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    if vocabulary.weights_sha256 != manifest["weights_sha256"]:
        raise UserError(f"{path} belongs to other weights than the manifest")
    path = folder / "model.onnx"
    try:
        network = network_in(read_onnx(path))
    except (ValueError, KeyError, IndexError, RuntimeError, ZeroDivisionError) as error:
        raise UserError(f"{path} is not the network of a bundle: {error!r:.200}") from None
    if network.vocab_size != len(vocabulary) or network.fc.out_features != len(vocabulary):
        raise UserError(
            f"{path} has {network.fc.out_features} words and the vocabulary {len(vocabulary)}"
        )
    if weights_sha256(network) != manifest["weights_sha256"]:
        raise UserError(f"{path} has other weights than the manifest lists")
    speller = read_speller(folder / "speller.onnx") if "speller.onnx" in manifest["files"] else {}
    return Model(network, vocabulary, manifest["cache"], speller)


def read_speller(path: pathlib.Path) -> dict[str, Any]:
    """The packed speller in an ONNX file.

    Raises:
        UserError: if it is damaged.
    """
    try:
        model = read_onnx(path)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        letters = strict_json.loads(metadata["letters"])
        packed = {"letters": letters, "weights": speller_weights_in(model)}
        validation.check_speller(packed, packed["weights"]["context.weight"].shape[1])
    except (ValueError, KeyError, IndexError, RuntimeError) as error:
        raise UserError(f"{path} is not the speller of a bundle: {error!r:.200}") from None
    return packed


def read_onnx(path: pathlib.Path) -> onnx.ModelProto:
    """An ONNX file, without any other file that it refers to.

    Raises:
        UserError: if it is not valid.
    """
    try:
        return onnx.load(str(path), load_external_data=False)
    except Exception as error:  # the exceptions of protobuf have no common base
        raise UserError(f"{path} is not a valid ONNX file: {str(error).splitlines()[0]}") from None


def check_torchscript(path: pathlib.Path, model: Model) -> str:
    """Checks that a TorchScript file is what a model is exported to, without loading it.

    Returns:
        The name of a class with other code; "" if all code is this version's.

    Raises:
        UserError: if the file is damaged, or has other values than the model.
    """
    try:
        actual = content_of(str(path))
    except (ValueError, RuntimeError, KeyError) as error:
        reason = str(error).strip().split("\n")[0][:120]
        raise UserError(f"{path} is damaged or not a TorchScript file ({reason})") from None
    different = difference(actual, content_of(io.BytesIO(model.build(path.name))))
    if " of " in different:
        return different
    if different == "extra/vocab.json":
        raise UserError(f"{path} has another vocabulary than vocab.json")
    if different:
        raise UserError(f"{path} differs from what model.onnx is exported to ({different})")
    return ""


def other_code(path: pathlib.Path, code: str, manifest: dict[str, Any]) -> UserError:
    """The error for a TorchScript file that was not written by this version of the program."""
    exported = manifest["versions"]["exported"]["torch"]
    return UserError(
        f"{path} has other code than this version exports ({code}; the manifest says PyTorch "
        f"{exported}): it may do anything when it is loaded; only for a source that you trust, "
        "--run-torchscript loads it"
    )


def run(path: pathlib.Path, model: Model) -> str:
    """Loads a TorchScript file and generates a text with it; returns a line for the user.

    Raises:
        UserError: if it cannot be loaded, or gives other scores than the network in float32.
    """
    writer, vocabulary = load_torchscript(path)
    if vocabulary != model.vocabulary:
        raise UserError(f"{path} has another vocabulary than vocab.json")
    # The high temperature makes it likely that the speller is used too.
    if not writer.generate("", 300, temperature=1.5, invent_words=True).strip():
        raise UserError(f"{path} generates no text")
    if "int8" in path.name:
        return f"{path.name} generates text"
    steps = step_of_network(model.network), step_of_torchscript(writer)
    largest = compare(str(path), *steps, model.network, "verified")
    return f"{path.name} generates text, with the same scores to {largest:.0e}"
