"""Exported bundles on disk: finding them, checking them against their manifests, their facts."""

import contextlib
import dataclasses
import datetime
import hashlib
import pathlib
from typing import Any

from data import strict_json, versions
from data.command_line import UserError
from data.model_versions import (
    MANIFEST,
    POINTER,
    VERSIONS,
    current_folder,
    pinned_folder,
    version_of,
)
from data.vocab import Vocabulary
from serve.limits import MAX_EVALUATIONS, MAX_PLOTTED

FILES = {  # by runtime and precision
    ("torchscript", "int8"): "model.int8.torchscript.pt",
    ("torchscript", "fp32"): "model.torchscript.pt",
    ("onnx", "int8"): "model.int8.onnx",
    ("onnx", "fp32"): "model.onnx",
}
FORMAT = "cold-open-manifest"
BASE = "base"  # folder of the base network
METRICS = "metrics.jsonl"  # one evaluation a line; only for people, and without a checksum
DESCRIPTIONS = ("manifest.json", "README.md")  # of the bundle, not named in the manifest


@dataclasses.dataclass(frozen=True)
class Bundle:
    """One exported model: its folder, its manifest, and the model file in use."""

    name: str  # of the model's folder
    version: str  # see `data.model_versions`
    folder: pathlib.Path  # of the version
    file: str
    manifest: dict[str, Any]

    @property
    def id(self) -> str:
        """Name and version, as `--model` takes them."""
        return f"{self.name}@{self.version}"

    def read(self, name: str) -> bytes:
        """The content of a file of the bundle, after a check of its SHA-256.

        The content that is checked is the content that is used: the file is read once.

        Raises:
            UserError: if the file cannot be read or differs from the manifest's.
        """
        path = self.folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}): export again") from None
        if hashlib.sha256(content).hexdigest() != self.manifest["files"][name]["sha256"]:
            raise UserError(f"{path} differs from the file in the manifest: export again")
        return content

    def vocabulary(self) -> Vocabulary:
        """The bundle's vocabulary; raises `UserError` if it belongs to other weights."""
        vocabulary = Vocabulary.from_json(self.read("vocab.json").decode("utf-8", "replace"))
        if vocabulary.weights_sha256 != self.manifest["weights_sha256"]:
            raise UserError(f"{self.folder}: vocab.json belongs to other weights: export again")
        return vocabulary

    @property
    def weights(self) -> str:
        """The first digits of the SHA-256 of the weights."""
        return self.manifest["weights_sha256"][:16]

    def evaluations(self) -> list[dict[str, float]]:
        """The evaluations of the training run; an epoch and two losses in nats of each.

        A file that is missing or damaged gives an empty list: the model works without it.
        """
        names = ("epoch", "train_loss_without_dropout", "valid_loss")
        try:
            lines = (self.folder / METRICS).read_text(encoding="utf-8").splitlines()
            rows = [strict_json.loads(line) for line in lines[-MAX_EVALUATIONS:]]
            found = [{name: float(row[name]) for name in names} for row in rows]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []
        valid = all(0 <= value <= MAX_PLOTTED for row in found for value in row.values())
        return found if valid else []

    def downloads(self) -> dict[str, pathlib.Path]:
        """The files that a user may download, by name: those of the manifest, and its own."""
        names = (*self.manifest["files"], *DESCRIPTIONS)
        paths = {name: self.folder / name for name in names if pathlib.Path(name).name == name}
        return {name: path for name, path in paths.items() if path.is_file()}

    @property
    def facts(self) -> dict[str, Any]:
        """Show, scores, sizes, versions and licence of the model, for people to read."""
        manifest = self.manifest
        scores, versions = manifest["scores"], manifest["versions"]
        return {
            "name": self.name,
            "version": self.version,
            "show": manifest["show"],
            "file": self.file,
            "format": manifest["files"][self.file]["format"],
            "megabytes": round(manifest["files"][self.file]["bytes"] / 1e6, 1),
            "parameters": manifest["parameters"],
            "network": "{cell}, {n_layers} layers of {hidden_dim:,} units".format(
                **manifest["config"] | {"cell": manifest["config"]["cell"].upper()}
            ),
            "fine_tuned": bool(manifest["base_sha256"]),
            "held_out_loss": round(scores["valid_loss"], 3),
            "held_out_loss_with_cache": _rounded(scores.get("valid_loss_with_cache")),
            "bits_per_character": _rounded(scores.get("bits_per_character")),
            "trained_with_torch": versions["trained"]["torch"],
            "exported_with_torch": versions["exported"]["torch"],
            "exported": manifest["created"],
            "weights": self.weights,
            "licence": manifest["licence"],
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def find_bundles(root: pathlib.Path) -> list[pathlib.Path]:
    """The folders in `root` that hold a model, the one that was exported or rolled back last first.

    The folder of the base network has a manifest of its own: it is no bundle.

    Raises:
        UserError: if there is none.
    """
    times: dict[pathlib.Path, float] = {}
    for name in (MANIFEST, POINTER):
        for path in root.glob(f"*/{name}"):
            if path.parent.name != BASE:
                with contextlib.suppress(OSError):  # an export replaces it just now
                    times[path.parent] = path.stat().st_mtime
    if not times:
        raise UserError(
            f"{root} holds no exported model: run make demo, or make train and make export"
        )
    return sorted(sorted(times), key=times.__getitem__, reverse=True)


def locate(model: str, artifacts: pathlib.Path) -> pathlib.Path:
    """The folder or file that `--model` names.

    Args:
        model: the name of a folder in `artifacts`, or a path to a folder or model file, either with
            or without @VERSION.

    Raises:
        UserError: if there is no such version of the model.
    """
    name, at, version = model.rpartition("@")
    if not at or pathlib.Path(model).exists():
        name, at, version = model, "", ""
    path = pathlib.Path(name)
    if not path.exists() and (artifacts / name).is_dir():
        path = artifacts / name
    return pinned_folder(path, version) if at else path


def open_bundle(path: pathlib.Path, runtime: str, precision: str) -> Bundle:
    """The current version of the model in a folder, or the bundle of a model file.

    Args:
        path: the folder of a model or of one version, or one of its model files, which then
            overrides `precision`.
        runtime: "torchscript" or "onnx".
        precision: "int8", or "fp32"; a bundle without an int8 file uses fp32.

    Raises:
        UserError: if there is no bundle, its manifest is damaged or of another version, or it has
            no file for the runtime.
    """
    model_folder = path if path.is_dir() else path.parent
    folder = current_folder(model_folder)
    manifest_path = folder / MANIFEST
    if not path.exists() or not manifest_path.is_file():
        raise UserError(f"{path}: there is no exported model with its manifest.json; make export")
    try:
        content = manifest_path.read_bytes()
        manifest = strict_json.loads(content)
        files = manifest["files"]
        if manifest["format"] != FORMAT or manifest["version"] != versions.MANIFEST:
            raise UserError(f"{manifest_path} is of another version of this program: export again")
        candidates = [FILES[runtime, precision], FILES[runtime, "fp32"]]
        if not path.is_dir():
            candidates = [path.name] if path.name in FILES.values() else []
        file = next((name for name in candidates if name in files), None)
        if file is None:
            raise UserError(f"{path} is not a model file for {runtime} in its manifest")
        for name in (file, "vocab.json"):
            _ = files[name]["sha256"].lower()
        bundle = Bundle(_name_of(folder), version_of(content), folder, file, manifest)
        # What the page shows later must have the right type.
        facts = bundle.facts
        _ = datetime.datetime.fromisoformat(facts["exported"]), f"{facts['parameters']:,}"
        _ = facts["show"].strip(), facts["licence"].strip()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{manifest_path} is damaged ({error!r:.80}): export again") from None
    if folder.parent.name == VERSIONS and bundle.version != folder.name:
        raise UserError(f"{manifest_path} is not that of version {folder.name}: export again")
    return bundle


def _name_of(folder: pathlib.Path) -> str:
    """The model's name, by the folder of a version or of a model without versions."""
    folder = folder.resolve()
    return folder.parents[1].name if folder.parent.name == VERSIONS else folder.name
