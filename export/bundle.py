"""Export of a checkpoint: all files are staged in a folder, verified, then published together."""

import contextlib
import dataclasses
import pathlib
import shutil
import tempfile
from typing import Any

from data import strict_json
from data.command_line import UserError, folder_error
from export.card import model_card
from export.equality import equal_version
from export.files import INT8_FILES, Model, weights_sha256
from export.manifest import MANIFEST, build_manifest
from export.parity import verify_onnx, verify_torchscript
from export.quality import MAX_PERPLEXITY_INCREASE, held_out_streams, perplexity
from export.rollout import KEEP_VERSIONS, METRICS, locked, publish
from export.runtimes import load_torchscript, step_of_network, step_of_onnx, step_of_torchscript
from export.torch_export import save_pt2
from job.checkpoint import BASE, Checkpoint, load_network
from job.config import Config
from job.layers.cache import cache_settings

STAGING_PREFIX = ".export-"


def default_folder(checkpoint: pathlib.Path) -> pathlib.Path:
    """Where a checkpoint is exported to: its own folder, or artifacts/english for the base.

    The base's folder has a card and a manifest of its own.
    """
    folder = checkpoint.parent
    return folder.with_name("english") if folder.name == BASE else folder


def export(
    checkpoint: pathlib.Path,
    pt2: bool = False,
    folder: pathlib.Path | None = None,
    keep: int = KEEP_VERSIONS,
) -> dict[str, Any]:
    """Exports a checkpoint as the new current version of a model.

    The files of an earlier export are replaced only after all new files are verified.

    Args:
        pt2: whether to write model.pt2 too.
        folder: where to; see `default_folder`.
        keep: how many versions are kept.

    Returns:
        The manifest.

    Raises:
        UserError: if the checkpoint cannot be used, a file differs from the network, or the folder
            cannot be written to.
        DiskFull: if the disk is full.
        Locked: if another export writes to the folder.
    """
    network, vocabulary, content = load_network(checkpoint)
    vocabulary = dataclasses.replace(vocabulary, weights_sha256=weights_sha256(network))
    model = Model(network, vocabulary, cache_settings(content.cache), content.speller)
    folder = folder or default_folder(checkpoint)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            for leftover in folder.glob(f"{STAGING_PREFIX}*"):  # of an export that was killed
                shutil.rmtree(leftover)
            with tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=folder) as name:
                staging = pathlib.Path(name, "bundle")  # others may read it, unlike `name`
                staging.mkdir()
                manifest = write_bundle(staging, model, content, pt2)
                with contextlib.suppress(FileNotFoundError):  # a checkpoint from elsewhere
                    shutil.copyfile(checkpoint.with_name(METRICS), staging / METRICS)
                publish(staging, folder, keep, equal_version(staging, folder))
    except OSError as error:
        raise folder_error(folder, error) from None
    return manifest


def write_bundle(
    folder: pathlib.Path, model: Model, content: Checkpoint, pt2: bool
) -> dict[str, Any]:
    """Writes and verifies all files of a bundle; returns its manifest."""
    checks: dict[str, Any] = {"differences": write_files(folder, model, pt2)}
    checks["held_out"] = check_int8(folder, model, Config(**content.config))
    manifest = build_manifest(folder, model, content, checks)
    (folder / "README.md").write_text(model_card(manifest), encoding="utf-8")
    text = strict_json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


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
