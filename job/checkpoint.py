"""Files of a run: plain values and tensors only, written whole or not at all."""

import dataclasses
import os
import pathlib
import platform
import subprocess
import zipfile
from collections.abc import Iterable
from typing import Any

import torch

from data import versions
from data.command_line import DiskFull, UserError
from data.vocab import Vocabulary
from job.config import Config
from job.layers.subwords import Subwords
from job.model import RNN

FORMAT = "cold-open-checkpoint"


def save(path: pathlib.Path, content: dict[str, Any]) -> None:
    """Writes beside `path`, then renames: an interrupted save leaves the old file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            torch.save({"format": FORMAT, "version": versions.CHECKPOINT, **content}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise DiskFull(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: pathlib.Path, names: Iterable[str]) -> None:
    """Removes what a process that was killed while it wrote these files has left half written."""
    for name in names:
        for left in folder.glob(f".{name}.*"):
            left.unlink(missing_ok=True)


def load(path: str | pathlib.Path) -> dict[str, Any]:
    """Reads what `save` wrote, onto the CPU, without running any code that the file may hold.

    Raises:
        UserError: if the file is absent, truncated, not a checkpoint, or of another version.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint; train first (make train)")
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at the checksums
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} is not what was written")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything from EOFError to UnpicklingError here
        reason = str(error).split("\n")[0][:120]
        raise UserError(
            f"{path} cannot be read as a checkpoint, it is damaged or another kind of file "
            f"({type(error).__name__}: {reason})"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path} is not a checkpoint of this project")
    if content.get("version") != versions.CHECKPOINT:
        raise UserError(
            f"{path} has version {content.get('version')}, this program reads "
            f"{versions.CHECKPOINT}: train again"
        )
    return content


def build_network(config: Config, vocab_size: int, subwords: Subwords | None = None) -> RNN:
    """The network that a run's settings describe; with `subwords`, as it is while it is trained."""
    return RNN(
        vocab_size,
        vocab_size,
        config.embedding_dim,
        config.hidden_dim,
        config.n_layers,
        config.dropout,
        cell=config.cell,
        tie_weights=config.tie_weights,
        dropout_between=config.dropout_between,
        dropout_input=config.dropout_input,
        dropout_words=config.dropout_words,
        weight_drop=config.weight_drop,
        subwords=subwords,
    )


def load_network(path: str | pathlib.Path) -> tuple[RNN, Vocabulary, dict[str, Any]]:
    """A trained network, ready to read, with its vocabulary and all else the file tells.

    Raises:
        UserError: also if weights and vocabulary do not belong together; both sizes are named.
    """
    content = load(path)
    try:
        config = Config(**content["config"])
        vocabulary = Vocabulary.from_json(content["vocabulary"])
        rows = len(content["model"]["embedding.weight"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} lacks a part of a checkpoint, or holds a strange one: {error}"
        ) from None
    if rows != len(vocabulary):
        raise UserError(
            f"{path}: the weights know {rows} words and the vocabulary {len(vocabulary)}: they are "
            "of two different models"
        )
    network = build_network(config, len(vocabulary))
    try:
        network.load_state_dict(content["model"])
    except RuntimeError as error:
        raise UserError(f"{path}: weights and settings disagree: {error}") from None
    return network.eval(), vocabulary, content


def describe_run(config: Config) -> dict[str, Any]:
    """What stands beside the weights: settings, versions, the commit."""
    return {
        "config": dataclasses.asdict(config),
        "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
        "git_commit": git_commit(),
    }


def git_commit() -> str:
    """The commit of this working tree, with "+" if it was changed since; "" outside git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    try:
        here = pathlib.Path(__file__).parent
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
