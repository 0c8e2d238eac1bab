"""manifest.json: the files of a bundle with checksums, their origin, scores and signature."""

import datetime
import pathlib
import sys
from typing import Any

import onnx
import torch

from data import strict_json, versions
from data.checksum import file_sha256
from data.command_line import UserError
from export.files import INT8_FILES, Model
from job import validation
from job.checkpoint import Checkpoint, git_commit

FORMATS = {
    "model.torchscript.pt": "TorchScript",
    "model.int8.torchscript.pt": "TorchScript, int8",
    "model.onnx": "ONNX",
    "model.int8.onnx": "ONNX, int8",
    "speller.onnx": "ONNX, one letter of an out-of-vocabulary word",
    "model.pt2": "torch.export, one word per step",
    "vocab.json": "cold-open-vocabulary",
}
IF_PRESENT = ("speller.onnx", "model.pt2")  # some bundles have none
# The fields that do not follow from the model.
MEASURED = {"created", "files", "scores", "held_out", "config", "versions", "git_commit"}
FORMAT = "cold-open-manifest"
BASE_LICENCE = (
    " Its network was fine-tuned from the Cold Open base network, whose weights are under CC BY-SA "
    "4.0: artifacts/base/README.md of the project credits its sources."
)
MANIFEST = "manifest.json"  # written last: its presence means that the bundle is complete
LICENCE = (
    "The program and the file formats are under the MIT licence. The text that the model was "
    "trained on belongs to its owners, whose rights may restrict the use of the model and its "
    "output."
)


def build_manifest(
    folder: pathlib.Path, model: Model, content: Checkpoint, checks: dict[str, Any]
) -> dict[str, Any]:
    """The manifest of the files in a folder.

    Args:
        folder: with the files of the model.
        model: that the files were built from.
        content: the checkpoint.
        checks: what `export.bundle` measured: `differences` of scores by file, and `held_out`, the
            result of the int8 check.
    """
    files = {}
    for name, kind in FORMATS.items():
        if not (folder / name).is_file():
            continue
        files[name] = {
            "sha256": file_sha256(folder / name),
            "bytes": (folder / name).stat().st_size,
            "format": kind,
        }
        if name in checks["differences"]:
            files[name]["max_abs_difference"] = checks["differences"][name]
    fixed = fixed_fields(model, content.base)
    return {
        **{name: fixed.pop(name) for name in ("format", "version", "show")},
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "files": files,
        "scores": content.scores,
        "held_out": checks["held_out"],
        "config": content.config,
        "versions": {
            "trained": content.versions,
            "exported": {
                "python": ".".join(map(str, sys.version_info[:3])),
                "torch": str(torch.__version__),
                "onnx": onnx.__version__,
            },
        },
        "git_commit": {"trained": content.git_commit, "exported": git_commit()},
        **fixed,
    }


def fixed_fields(model: Model, base: str) -> dict[str, Any]:
    """The fields of a manifest that follow from the model.

    Args:
        base: checksum of the base network that it was fine-tuned from; "" for none.
    """
    network = model.network
    state = ["float32", [network.n_layers, "batch", network.hidden_dim]]
    scores = ["float32", ["batch", "time", len(model.vocabulary)]]
    features = ["float32", ["batch", "time", network.fc.in_features]]
    return {
        "format": FORMAT,
        "version": versions.MANIFEST,
        "show": model.vocabulary.show,
        "weights_sha256": model.vocabulary.weights_sha256,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "cache": model.cache,
        "licence": LICENCE + (BASE_LICENCE if base else ""),
        "base_sha256": base,
        "signature": {
            "inputs": {"tokens": ["int64", ["batch", "time"]], "h": state, "c": state},
            "outputs": {
                "scores": scores,
                "h_after": state,
                "c_after": state,
                "features": features,
            },
        },
    }


def read_manifest(folder: pathlib.Path) -> dict[str, Any]:
    """The manifest of a bundle; `check_fixed_fields` checks what follows from the model.

    Raises:
        UserError: if it is missing, damaged, of another version, or does not list the files of a
            whole bundle.
    """
    path = folder / MANIFEST
    try:
        manifest = strict_json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; a bundle without a manifest is incomplete"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path} is not a manifest of an exported bundle")
    if (version := manifest.get("version")) != versions.MANIFEST:
        raise UserError(
            f"{path} has version {version!r:.40}, this program reads version {versions.MANIFEST}: "
            "export the model again"
        )
    try:
        _check_measured(manifest)
        _check_files(folder, manifest)
    except KeyError as error:
        raise UserError(f"{path} is incomplete: it has no {error}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged: {error}") from None
    return manifest


def check_fixed_fields(manifest: dict[str, Any], model: Model) -> None:
    """Checks the fields of a manifest that follow from the model; raises `UserError`."""
    expected = fixed_fields(model, manifest["base_sha256"])
    for name, value in expected.items():
        if manifest.get(name) != value:
            raise UserError(f"{MANIFEST}: {name} is not that of the files")
    if unknown := sorted(set(manifest) - set(expected) - MEASURED):
        raise UserError(f"{MANIFEST} has an unknown field {unknown[0]!r:.40}")


def _check_measured(manifest: dict[str, Any]) -> None:
    """Checks the types of the fields that were measured at training and export."""
    config = validation.check_config(manifest["config"])
    validation.check_scores(manifest["scores"])
    validation.check_cache(manifest["cache"])
    validation.check_versions(manifest["versions"]["trained"])
    validation.check_versions(manifest["versions"]["exported"])
    datetime.datetime.fromisoformat(manifest["created"])
    for name in ("trained", "exported"):
        validation.check_text(f"git_commit.{name}", manifest["git_commit"][name])
    validation.check_text("base_sha256", manifest["base_sha256"])
    validation.check_text("weights_sha256", manifest["weights_sha256"])
    validation.check_text("config.show", config.show)
    if not isinstance(manifest["held_out"]["left_out"], dict):
        raise ValueError("held_out.left_out is not a dict")


def _check_files(folder: pathlib.Path, manifest: dict[str, Any]) -> None:
    """Checks that a manifest lists a whole bundle, and no file twice or from elsewhere."""
    files = manifest["files"]
    # A path instead of a name could refer to any file of this machine.
    if not isinstance(files, dict) or set(files) - set(FORMATS):
        raise ValueError("it lists files that are not part of a bundle")
    left_out = set(manifest["held_out"]["left_out"]) & set(INT8_FILES)
    for name in FORMATS:
        if name in files:
            sizes = files[name]["sha256"], files[name]["bytes"], files[name]["format"]
            if [type(value) for value in sizes] != [str, int, str] or sizes[2] != FORMATS[name]:
                raise ValueError(f"the entry of {name} has other fields than an export writes")
        elif (folder / name).exists():
            raise ValueError(f"{name} is in the folder, but not in the manifest")
        elif name not in {*left_out, *IF_PRESENT}:
            raise ValueError(f"it does not list {name}, which every bundle has")
