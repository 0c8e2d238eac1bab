"""Export of a checkpoint: all files are staged in a folder, verified, then published together."""

import dataclasses
import os
import pathlib
import shutil
import signal
import tempfile
from typing import Any

from data import strict_json
from data.command_line import UserError
from export.card import model_card
from export.files import INT8_FILES, Model, weights_sha256
from export.manifest import IF_PRESENT, MANIFEST, build_manifest
from export.parity import verify_onnx, verify_torchscript
from export.quality import MAX_PERPLEXITY_INCREASE, held_out_streams, perplexity
from export.runtimes import load_torchscript, step_of_network, step_of_onnx, step_of_torchscript
from export.torch_export import save_pt2
from job.checkpoint import BASE, load_network
from job.config import Config
from job.layers.cache import cache_settings

OPTIONAL = (*INT8_FILES, *IF_PRESENT)
STAGING_PREFIX = ".export-"


def default_folder(checkpoint: pathlib.Path) -> pathlib.Path:
    """Where a checkpoint is exported to: its own folder, or artifacts/english for the base.

    The base's folder has a card and a manifest of its own.
    """
    folder = checkpoint.parent
    return folder.with_name("english") if folder.name == BASE else folder


def export(
    checkpoint: pathlib.Path, pt2: bool = False, folder: pathlib.Path | None = None
) -> dict[str, Any]:
    """Writes the bundle and returns its manifest.

    The files of an earlier export are replaced only after all new files are verified.

    Args:
        pt2: whether to write model.pt2 too.
        folder: where to; see `default_folder`.

    Raises:
        UserError: if the checkpoint cannot be used, a file differs from the network, or the folder
            cannot be written to.
    """
    network, vocabulary, content = load_network(checkpoint)
    vocabulary = dataclasses.replace(vocabulary, weights_sha256=weights_sha256(network))
    model = Model(network, vocabulary, cache_settings(content.cache), content.speller)
    folder = folder or default_folder(checkpoint)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"{STAGING_PREFIX}*"):  # of an export that was killed
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=folder) as name:
            staging = pathlib.Path(name)
            checks: dict[str, Any] = {"differences": write_files(staging, model, pt2)}
            checks["held_out"] = check_int8(staging, model, Config(**content.config))
            manifest = build_manifest(staging, model, content, checks)
            (staging / "README.md").write_text(model_card(manifest), encoding="utf-8")
            text = strict_json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
            (staging / MANIFEST).write_text(text, encoding="utf-8")
            publish(staging, folder, [*manifest["files"], "README.md", MANIFEST])
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) or "PytorchStreamWriter" in str(error):
            reason = getattr(error, "strerror", None) or "disk full or permission denied"
            raise UserError(f"{folder} cannot be written to: {reason}") from None
        raise
    return manifest


def publish(staging: pathlib.Path, folder: pathlib.Path, names: list[str]) -> None:
    """Moves the staged files to the folder. SIGINT and SIGTERM are blocked until all are moved."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        # First, so that no manifest ever describes a mixture of old and new files.
        (folder / MANIFEST).unlink(missing_ok=True)
        for file in set(OPTIONAL) - set(names):
            (folder / file).unlink(missing_ok=True)
        for file in names:
            os.replace(staging / file, folder / file)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def write_files(folder: pathlib.Path, model: Model, pt2: bool) -> dict[str, float]:
    """Writes all model files and vocab.json, and verifies those in float32.

    Returns:
        The largest absolute difference of scores, by file.

    Raises:
        UserError: if a file differs from the network.
    """
    for name in model.names:
        (folder / name).write_bytes(model.build(name))
    network, vocabulary = model.network, model.vocabulary
    differences = {
        "model.torchscript.pt": verify_torchscript(
            folder / "model.torchscript.pt", network, vocabulary
        ),
        "model.onnx": verify_onnx(folder / "model.onnx", network),
    }
    if pt2:
        differences["model.pt2"] = save_pt2(folder / "model.pt2", network, vocabulary.to_json())
    return differences


def check_int8(folder: pathlib.Path, model: Model, config: Config) -> dict[str, Any]:
    """Measures perplexity on held-out text and removes int8 files whose perplexity is too high.

    Returns:
        {"tokens": of the text, "perplexity": by file, "left_out": reason by removed file}.
    """
    network, vocabulary = model.network, model.vocabulary
    ids = held_out_streams(config, vocabulary)
    if ids is None:
        for name in INT8_FILES:
            (folder / name).unlink()
        return {"tokens": 0, "left_out": dict.fromkeys(INT8_FILES, "there is no held-out text")}
    sizes = network.n_layers, network.hidden_dim
    result: dict[str, Any] = {
        "tokens": ids.numel(),
        "perplexity": {"network": perplexity(step_of_network(network), ids, *sizes)},
        "left_out": {},
    }
    writer, vocabulary_in_file = load_torchscript(folder / INT8_FILES[0])
    if vocabulary_in_file != vocabulary:
        raise UserError(f"{INT8_FILES[0]} has another vocabulary than the exported vocab.json")
    steps = step_of_torchscript(writer), step_of_onnx(folder / INT8_FILES[1])
    for name, step in zip(INT8_FILES, steps, strict=True):
        result["perplexity"][name] = perplexity(step, ids, *sizes)
        increase = result["perplexity"][name] / result["perplexity"]["network"] - 1
        if not increase < MAX_PERPLEXITY_INCREASE:
            (folder / name).unlink()
            result["left_out"][name] = f"its perplexity on held-out text is {increase:.1%} higher"
    return result
