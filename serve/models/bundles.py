"""The exported models in a folder: found, checked against their manifests, and told about."""

import dataclasses
import datetime
import hashlib
import json
import pathlib
from typing import Any

from data import versions
from data.command_line import UserError
from data.vocab import Vocabulary

FILES = {  # by runtime and precision
    ("torchscript", "int8"): "model.int8.torchscript.pt",
    ("torchscript", "fp32"): "model.torchscript.pt",
    ("onnx", "int8"): "model.int8.onnx",
    ("onnx", "fp32"): "model.onnx",
}


@dataclasses.dataclass(frozen=True)
class Bundle:
    """One exported model: which of its files is used, and what its manifest tells."""

    name: str  # of its folder
    folder: pathlib.Path
    file: str
    manifest: dict[str, Any]

    def read(self, name: str) -> bytes:
        """A file of the bundle, once its checksum is seen to be the manifest's.

        What is checked is what is used: the file is not opened a second time.

        Raises:
            UserError: if it is missing, or not the one that was exported.
        """
        path = self.folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}): export anew") from None
        if hashlib.sha256(content).hexdigest() != self.manifest["files"][name]["sha256"]:
            raise UserError(f"{path} is not the file that its manifest tells of: export anew")
        return content

    def vocabulary(self) -> Vocabulary:
        """The bundle's vocabulary; raises `UserError` if it is of other weights."""
        vocabulary = Vocabulary.from_json(self.read("vocab.json").decode("utf-8", "replace"))
        if vocabulary.weights_sha256 != self.manifest["weights_sha256"]:
            raise UserError(f"{self.folder}: vocab.json belongs to other weights: export anew")
        return vocabulary

    @property
    def facts(self) -> dict[str, Any]:
        """What a person may want to know of the model."""
        manifest = self.manifest
        scores, versions = manifest["scores"], manifest["versions"]
        return {
            "name": self.name,
            "show": manifest["show"],
            "file": self.file,
            "format": manifest["files"][self.file]["format"],
            "megabytes": round(manifest["files"][self.file]["bytes"] / 1e6, 1),
            "parameters": manifest["parameters"],
            "held_out_loss": round(scores["valid_loss"], 3),
            "held_out_loss_with_cache": _rounded(scores.get("valid_loss_with_cache")),
            "bits_per_character": _rounded(scores.get("bits_per_character")),
            "trained_with_torch": versions["trained"]["torch"],
            "exported_with_torch": versions["exported"]["torch"],
            "exported": manifest["created"],
            "weights": manifest["weights_sha256"][:16],
            "licence": manifest["licence"],
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def find_bundles(root: pathlib.Path) -> list[pathlib.Path]:
    """The folders below `root` that hold a bundle, the one exported last first.

    Raises:
        UserError: if there is none.
    """
    found = sorted(
        (path.parent for path in root.glob("*/manifest.json")),
        key=lambda folder: (folder / "manifest.json").stat().st_mtime,
        reverse=True,
    )
    if not found:
        raise UserError(
            f"{root} holds no exported model: run make demo, or make train and make export"
        )
    return found


def open_bundle(path: pathlib.Path, runtime: str, precision: str) -> Bundle:
    """The bundle in a folder, or the one that a file in it belongs to.

    Args:
        path: the folder, or one of its model files, which is then used whatever the precision.
        runtime: "torchscript" or "onnx".
        precision: "int8", or "fp32"; where there is no int8 file, fp32 serves.

    Raises:
        UserError: if there is no bundle, it is damaged, or lacks a file for the runtime.
    """
    folder = path if path.is_dir() else path.parent
    manifest_path = folder / "manifest.json"
    if not path.exists() or not manifest_path.is_file():
        raise UserError(f"{path}: there is no exported model with its manifest.json; make export")
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        files = manifest["files"]
        if manifest["format"] != "cold-open-manifest" or manifest["version"] != versions.MANIFEST:
            raise UserError(f"{manifest_path} is of another version of this program: export anew")
        fitting = [FILES[runtime, precision], FILES[runtime, "fp32"]]
        if not path.is_dir():
            fitting = [path.name] if path.name in FILES.values() else []
        file = next((name for name in fitting if name in files), None)
        if file is None:
            raise UserError(f"{path} is no model for {runtime} that its manifest names")
        for name in (file, "vocab.json"):
            _ = files[name]["sha256"].lower()
        bundle = Bundle(folder.resolve().name, folder, file, manifest)
        facts = bundle.facts
        _ = datetime.datetime.fromisoformat(facts["exported"]), f"{facts['parameters']:,}"
        _ = facts["show"].strip(), facts["licence"].strip()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{manifest_path} is damaged ({error!r:.80}): export anew") from None
    return bundle
