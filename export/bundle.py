"""The files of an export: made aside, verified, and only then given their names."""

import dataclasses
import datetime
import hashlib
import json
import os
import pathlib
import sys
import tempfile
from typing import Any

import onnx
import torch

from data.command_line import UserError
from data.vocab import Vocabulary
from export.onnx_model import build_onnx
from export.verify import verify_onnx, verify_torchscript
from export.writer import ScriptWriter, script
from job.checkpoint import git_commit, load_network
from job.model import RNN

FORMATS = {
    "model.torchscript.pt": "TorchScript",
    "model.onnx": "ONNX",
    "vocab.json": "cold-open-vocabulary",
}
MANIFEST = "manifest.json"  # written last: a folder that has one is whole


def export(checkpoint: pathlib.Path) -> dict[str, Any]:
    """Writes the bundle beside a checkpoint and returns its manifest.

    Raises:
        UserError: if the checkpoint is unusable, a file disagrees with the network, or there is no
            room. The files of an earlier export stand until all new ones are verified.
    """
    network, vocabulary, content = load_network(checkpoint)
    vocabulary = dataclasses.replace(vocabulary, weights_sha256=weights_sha256(network))
    folder = checkpoint.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as name:
            aside = pathlib.Path(name)
            differences = _write(aside, network, vocabulary, content)
            manifest = _manifest(aside, network, vocabulary, content, differences)
            text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
            (aside / MANIFEST).write_text(text, encoding="utf-8")
            # The old manifest goes first: it must never vouch for a mixture.
            (folder / MANIFEST).unlink(missing_ok=True)
            for file in (*FORMATS, MANIFEST):
                os.replace(aside / file, folder / file)
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) or "PytorchStreamWriter" in str(error):
            reason = getattr(error, "strerror", None) or "no room, or no right to write"
            raise UserError(f"{folder} could not be written to: {reason}") from None
        raise
    return manifest


def weights_sha256(network: RNN) -> str:
    """One checksum of all weights, by name: the identity of a trained network."""
    digest = hashlib.sha256()
    for name, weight in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(weight.shape)}\n".encode())
        digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _write(
    folder: pathlib.Path, network: RNN, vocabulary: Vocabulary, content: dict[str, Any]
) -> dict[str, float]:
    text = vocabulary.to_json()
    (folder / "vocab.json").write_text(text, encoding="utf-8")
    torchscript = folder / "model.torchscript.pt"
    memory = content["scores"].get("memory")
    writer = script(ScriptWriter(network, vocabulary, content.get("speller"), memory))
    torch.jit.save(writer, str(torchscript), _extra_files={"vocab.json": text})
    metadata = {
        "show": vocabulary.show,
        "vocabulary_sha256": hashlib.sha256(text.encode("utf-8")).hexdigest(),
        "weights_sha256": vocabulary.weights_sha256,
    }
    onnx.save(build_onnx(network, metadata), str(folder / "model.onnx"))
    return {
        "model.torchscript.pt": verify_torchscript(torchscript, network, vocabulary),
        "model.onnx": verify_onnx(folder / "model.onnx", network),
    }


def _manifest(
    folder: pathlib.Path,
    network: RNN,
    vocabulary: Vocabulary,
    content: dict[str, Any],
    differences: dict[str, float],
) -> dict[str, Any]:
    files = {}
    for name, kind in FORMATS.items():
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files[name] = {
            "sha256": digest,
            "bytes": (folder / name).stat().st_size,
            "format": kind,
        }
        if name in differences:
            files[name]["largest_difference_of_scores"] = differences[name]
    state = [network.n_layers, "batch", network.hidden_dim]
    scores = ["batch", "time", len(vocabulary)]
    return {
        "format": "cold-open-manifest",
        "version": 1,
        "show": vocabulary.show,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "files": files,
        "weights_sha256": vocabulary.weights_sha256,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "scores": content["scores"],
        "config": content["config"],
        "versions": {
            "trained": content["versions"],
            "exported": {
                "python": ".".join(map(str, sys.version_info[:3])),
                "torch": str(torch.__version__),
                "onnx": onnx.__version__,
            },
        },
        "git_commit": {"trained": content["git_commit"], "exported": git_commit()},
        "signature": {
            "inputs": {
                "tokens": ["int64", ["batch", "time"]],
                "h": ["float32", state],
                "c": ["float32", state],
            },
            "outputs": {
                "scores": ["float32", scores],
                "h_after": ["float32", state],
                "c_after": ["float32", state],
            },
        },
    }


def newest_checkpoint(root: pathlib.Path) -> pathlib.Path:
    """The checkpoint under `root` that was written last."""
    found = sorted(root.glob("*/checkpoint.pt"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError(f"{root} holds no model: train one first (make train, or make demo)")
    return found[-1]
