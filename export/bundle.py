"""The files of an export: made aside, verified, and only then given their names."""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import signal
import tempfile
from typing import Any

import onnx
import torch

from data.command_line import UserError
from data.vocab import Vocabulary
from export.card import model_card
from export.manifest import MANIFEST, manifest_of
from export.onnx_graphs.int8 import build_onnx_int8
from export.onnx_graphs.speller import build_speller_onnx
from export.onnx_graphs.step import build_onnx
from export.parity import (
    load_torchscript,
    step_of_network,
    step_of_onnx,
    step_of_torchscript,
    verify_onnx,
    verify_torchscript,
)
from export.quality import LARGEST_RISE, held_out_streams, perplexity
from export.torch_export import save_pt2
from export.torchscript.speller import LONGEST
from export.torchscript.stream import LETTERS
from export.torchscript.writer import ScriptWriter, script
from job.checkpoint import Checkpoint, load_network
from job.config import Config
from job.layers.cache import cache_settings
from job.model import RNN

OPTIONAL = ("model.int8.torchscript.pt", "model.int8.onnx", "speller.onnx", "model.pt2")
EIGHT_BITS = OPTIONAL[:2]
ASIDE = ".export-"


def export(checkpoint: pathlib.Path, pt2: bool = False) -> dict[str, Any]:
    """Writes the bundle beside a checkpoint and returns its manifest.

    Args:
        pt2: whether the step is written by torch.export too.

    Raises:
        UserError: if the checkpoint is unusable, a file disagrees with the network, or there is no
            room. The files of an earlier export stand until all new ones are verified.
    """
    network, vocabulary, content = load_network(checkpoint)
    vocabulary = dataclasses.replace(vocabulary, weights_sha256=weights_sha256(network))
    folder = checkpoint.parent
    try:
        for left in folder.glob(f"{ASIDE}*"):  # of an export that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=ASIDE, dir=folder) as name:
            aside = pathlib.Path(name)
            facts = _write(aside, network, vocabulary, content, pt2)
            facts["held_out"] = _judge_eight_bits(aside, network, vocabulary, content)
            manifest = manifest_of(aside, network, vocabulary, content, facts)
            (aside / "README.md").write_text(model_card(manifest), encoding="utf-8")
            text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
            (aside / MANIFEST).write_text(text, encoding="utf-8")
            _rename(aside, folder, [*manifest["files"], "README.md", MANIFEST])
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) or "PytorchStreamWriter" in str(error):
            reason = getattr(error, "strerror", None) or "no room, or no right to write"
            raise UserError(f"{folder} could not be written to: {reason}") from None
        raise
    return manifest


def _rename(aside: pathlib.Path, folder: pathlib.Path, names: list[str]) -> None:
    """Gives the files their names. Ctrl-C and SIGTERM wait until all have them."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        # The old manifest goes first: it must never vouch for a mixture.
        (folder / MANIFEST).unlink(missing_ok=True)
        for file in set(OPTIONAL) - set(names):
            (folder / file).unlink(missing_ok=True)
        for file in names:
            os.replace(aside / file, folder / file)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def weights_sha256(network: RNN) -> str:
    """One checksum of all weights, by name: the identity of a trained network."""
    digest = hashlib.sha256()
    for name, weight in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(weight.shape)}\n".encode())
        digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _write(
    folder: pathlib.Path,
    network: RNN,
    vocabulary: Vocabulary,
    content: Checkpoint,
    pt2: bool,
) -> dict[str, Any]:
    """Writes all files and returns by how much each differs from the network."""
    text = vocabulary.to_json()
    (folder / "vocab.json").write_text(text, encoding="utf-8")
    cache, speller = content.cache, content.speller
    for int8 in (False, True):
        writer = script(ScriptWriter(network, vocabulary, speller, cache, int8))
        path = folder / (EIGHT_BITS[0] if int8 else "model.torchscript.pt")
        torch.jit.save(writer, str(path), _extra_files={"vocab.json": text})
    metadata = {
        "show": vocabulary.show,
        "vocabulary_sha256": hashlib.sha256(text.encode("utf-8")).hexdigest(),
        "weights_sha256": vocabulary.weights_sha256,
        "cache": json.dumps(cache_settings(cache)),
    }
    onnx.save(build_onnx(network, metadata), str(folder / "model.onnx"))
    onnx.save(build_onnx_int8(network, metadata), str(folder / "model.int8.onnx"))
    if speller:
        metadata |= {
            "letters": json.dumps(speller["letters"], ensure_ascii=False),
            "longest": str(LONGEST),
            "spelling_temperature_scale": str(LETTERS),
        }
        onnx.save(build_speller_onnx(speller, metadata), str(folder / "speller.onnx"))
    differences = {
        "model.torchscript.pt": verify_torchscript(
            folder / "model.torchscript.pt", network, vocabulary
        ),
        "model.onnx": verify_onnx(folder / "model.onnx", network),
    }
    if pt2:
        differences["model.pt2"] = save_pt2(folder / "model.pt2", network, text)
    return {"differences": differences}


def _judge_eight_bits(
    folder: pathlib.Path, network: RNN, vocabulary: Vocabulary, content: Checkpoint
) -> dict[str, Any]:
    """Measures perplexity on held-out text, and removes an int8 file that does not hold it."""
    ids = held_out_streams(Config(**content.config), vocabulary)
    if ids is None:
        for name in EIGHT_BITS:
            (folder / name).unlink()
        return {"tokens": 0, "left_out": dict.fromkeys(EIGHT_BITS, "no held-out text to judge by")}
    sizes = network.n_layers, network.hidden_dim
    judged: dict[str, Any] = {
        "tokens": ids.numel(),
        "perplexity": {"network": perplexity(step_of_network(network), ids, *sizes)},
        "left_out": {},
    }
    writer, inside = load_torchscript(folder / EIGHT_BITS[0])
    if inside != vocabulary:
        raise UserError(f"{EIGHT_BITS[0]} holds another vocabulary than the one exported with it")
    steps = step_of_torchscript(writer), step_of_onnx(folder / EIGHT_BITS[1])
    for name, step in zip(EIGHT_BITS, steps, strict=True):
        found = perplexity(step, ids, *sizes)
        judged["perplexity"][name] = found
        rise = found / judged["perplexity"]["network"] - 1
        if not rise < LARGEST_RISE:
            (folder / name).unlink()
            judged["left_out"][name] = f"its perplexity on held-out text is {rise:.1%} higher"
    return judged
