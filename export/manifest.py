"""manifest.json: the files of a bundle with checksums, their origin, scores and signature."""

import datetime
import pathlib
import sys
from typing import Any

import onnx
import torch

from data import versions
from data.checksum import file_sha256
from data.vocab import Vocabulary
from job.checkpoint import Checkpoint, git_commit
from job.model import RNN

FORMATS = {
    "model.torchscript.pt": "TorchScript",
    "model.int8.torchscript.pt": "TorchScript, int8",
    "model.onnx": "ONNX",
    "model.int8.onnx": "ONNX, int8",
    "speller.onnx": "ONNX, one letter of an out-of-vocabulary word",
    "model.pt2": "torch.export, one word per step",
    "vocab.json": "cold-open-vocabulary",
}
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
    folder: pathlib.Path,
    network: RNN,
    vocabulary: Vocabulary,
    content: Checkpoint,
    checks: dict[str, Any],
) -> dict[str, Any]:
    """The manifest of the files in a folder.

    Args:
        content: the checkpoint.
        checks: what `export.bundle` measured: `differences` of scores by file, `cache`, the
            parameters of the neural cache, and `held_out`, the result of the int8 check.
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
        "cache": checks["cache"],
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
        "licence": LICENCE + (BASE_LICENCE if content.base else ""),
        "base_sha256": content.base,
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
