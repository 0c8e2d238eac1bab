"""manifest.json: the files and their checksums, where the model comes from, its scores."""

import datetime
import hashlib
import pathlib
import sys
from typing import Any

import onnx
import torch

from data import versions
from data.vocab import Vocabulary
from job.checkpoint import Checkpoint, git_commit
from job.model import RNN

FORMATS = {
    "model.torchscript.pt": "TorchScript",
    "model.int8.torchscript.pt": "TorchScript, int8",
    "model.onnx": "ONNX",
    "model.int8.onnx": "ONNX, int8",
    "speller.onnx": "ONNX, one letter of a word outside the vocabulary",
    "model.pt2": "torch.export, one word at a time (time is 1)",
    "vocab.json": "cold-open-vocabulary",
}
MANIFEST = "manifest.json"  # written last: a folder that has one is whole
LICENCE = (
    "The program and the file formats are under the MIT licence. The text that a model was trained "
    "on belongs to its owners, who may have a say in what is done with the model and its scenes."
)


def manifest_of(
    folder: pathlib.Path,
    network: RNN,
    vocabulary: Vocabulary,
    content: Checkpoint,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """The manifest of the files in a folder.

    Args:
        content: the checkpoint's.
        facts: `differences` of scores by file, and what was measured on `held_out` text.
    """
    files = {}
    for name, kind in FORMATS.items():
        if not (folder / name).is_file():
            continue
        files[name] = {
            "sha256": sha256(folder / name),
            "bytes": (folder / name).stat().st_size,
            "format": kind,
        }
        if name in facts["differences"]:
            files[name]["largest_difference_of_scores"] = facts["differences"][name]
    state = ["float32", [network.n_layers, "batch", network.hidden_dim]]
    scores = ["float32", ["batch", "time", len(vocabulary)]]
    features = ["float32", ["batch", "time", network.fc.in_features]]
    return {
        "format": "cold-open-manifest",
        "version": versions.MANIFEST,
        "show": vocabulary.show,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "files": files,
        "weights_sha256": vocabulary.weights_sha256,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "scores": content.scores,
        "held_out": facts["held_out"],
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
        "licence": LICENCE,
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


def sha256(path: pathlib.Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
