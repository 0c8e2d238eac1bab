"""resume.pt: everything that a resumed run needs to continue as if it had not been interrupted.

The functions take values and return values. `job.train.Run` owns the state: it gives
`Run.state_dict` to `save_state`, and `load_state`'s result to `Run.load_state_dict`.
"""

import dataclasses
import math
import pathlib
from typing import Any

import torch
from torch import Tensor

from data.command_line import UserError
from job import checkpoint, run_folder
from job.config import Config
from job.engine.distributed import Group, concat_hidden, slice_hidden
from job.engine.monitor import say
from job.model import Hidden

FORMAT = "cold-open-training-state"
NAME = run_folder.STATE

# Settings that may differ between a run and its resumption: they do not change the weights.
MAY_CHANGE = {
    *("out", "device", "save_seconds", "max_minutes", "tensorboard", "eval_epochs", "patience")
}


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """The content of resume.pt."""

    config: dict[str, Any]  # the fields of `Config`
    vocabulary: str  # the text of vocab.json
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    stepper: dict[str, Any]
    hidden: Hidden  # of all rows of the batch, in order
    random: list[dict[str, Tensor | None]]  # of each process by rank
    step: int
    seconds: float  # of training so far
    loss_sum: float  # since the last evaluation
    loss_count: int
    history: list[dict[str, Any]]  # the scores of each evaluation


def save_state(
    folder: pathlib.Path, own: dict[str, Any], config: Config, vocabulary: str, group: Group
) -> None:
    """Writes resume.pt. All processes call it; rank 0 writes, the others wait.

    Args:
        folder: the run's folder.
        own: `Run.state_dict` of this process: the hidden state of its rows, its random state.
        config: the run's settings.
        vocabulary: the text of vocab.json.
        group: the processes of the run.

    Raises:
        DiskFull: if the file cannot be written; the earlier one is left intact.
    """
    if gathered := group.gather_to_rank0((own["hidden"], own["random"])):
        hidden, random = zip(*gathered, strict=True)
        whole = {**own, "hidden": concat_hidden(hidden), "random": list(random)}
        state = TrainingState(dataclasses.asdict(config), vocabulary, **whole)
        checkpoint.write_file(folder / NAME, FORMAT, checkpoint.fields_of(state))
    group.barrier()  # no process exits before the file is written


def load_state(
    folder: pathlib.Path, config: Config, vocabulary: str, group: Group, rows: slice, fresh: bool
) -> dict[str, Any] | None:
    """The state to resume from, for `Run.load_state_dict`; None for a new run.

    All processes call it; rank 0 reads. The number of processes may differ from before: each takes
    its rows of the same streams, and a process without a predecessor has None as its random state.
    With the same number, the run continues bit for bit.

    Args:
        folder: the run's folder.
        config: the run's settings.
        vocabulary: the text of vocab.json.
        group: the processes of the run.
        rows: this process's rows of a batch.
        fresh: whether to start a new run, and set the files of an earlier one aside.

    Raises:
        UserError: if the folder holds another run, or a damaged file.
    """
    state = group.broadcast_from_rank0(lambda: _read(folder, config, vocabulary, fresh))
    if state is None:
        return None
    own = checkpoint.fields_of(state)
    own["hidden"] = slice_hidden(state.hidden, rows)
    own["random"] = state.random[group.rank] if group.rank < len(state.random) else None
    return own


def best_saved_loss(folder: pathlib.Path) -> float:
    """The validation loss of the folder's checkpoint.pt; infinity if there is none."""
    path = folder / checkpoint.NAME
    return checkpoint.load_checkpoint(path).scores["valid_loss"] if path.exists() else math.inf


def random_state(device: str) -> dict[str, Tensor | None]:
    """The states of this process's random number generators."""
    cuda = torch.cuda.get_rng_state() if device == "cuda" else None
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def set_random_state(state: dict[str, Tensor | None], device: str) -> None:
    """Restores what `random_state` returned; a state from a CPU leaves a GPU's unchanged."""
    torch.set_rng_state(state["cpu"])
    if device == "cuda" and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])


def _read(
    folder: pathlib.Path, config: Config, vocabulary: str, fresh: bool
) -> TrainingState | None:
    """The folder's state if there is one and it belongs to this run."""
    path = folder / NAME
    checkpoint.remove_partial_files(folder, run_folder.RUN_FILES)
    if fresh and (previous := run_folder.set_aside(folder)):
        say(f"the files of the earlier run are in {previous}")
    if not path.exists():
        if (folder / checkpoint.NAME).exists():
            raise UserError(
                f"{folder} holds a checkpoint of another run: give another --out, or --fresh to "
                "set it aside"
            )
        return None
    state = checkpoint.from_fields(TrainingState, checkpoint.read_file(path, FORMAT), path)
    ours = dataclasses.asdict(config)
    theirs = {**dataclasses.asdict(Config()), **state.config}  # of a version with fewer settings
    for name in sorted(set(ours) | set(theirs)):
        if name not in MAY_CHANGE and ours.get(name) != theirs.get(name):
            raise UserError(
                f"{folder} holds a run with {name} = {theirs.get(name)!r}, not "
                f"{ours.get(name)!r}: give another --out, or --fresh to set it aside"
            )
    if state.vocabulary != vocabulary:
        raise UserError(
            f"{folder} holds a run on another text of the same name: give another --out, or "
            "--fresh to set it aside"
        )
    return state
