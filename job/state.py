"""What a run needs to go on as if it had never stopped, and when it must not."""

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import torch

from data.command_line import UserError
from job import checkpoint
from job.engine.distributed import joined, own_part
from job.engine.step import detach
from job.model import Hidden

if TYPE_CHECKING:
    from job.train import Run

# May differ between a run and its resumption.
NOT_OF_THE_RESULT = {
    *("out", "device", "save_seconds", "max_minutes", "tensorboard", "eval_epochs", "patience")
}
# The run's own files; others in its folder are not its business.
WRITTEN = ("checkpoint.pt", "resume.pt", "metrics.jsonl", "curves.png")


def save(run: "Run") -> None:
    """Writes resume.pt: weights, optimiser, hidden state, random numbers, and how far it came.

    Of several processes the first writes, with the hidden state of all rows in the batch's order
    and the random state of each process.
    """
    cuda = torch.cuda.get_rng_state() if run.device == "cuda" else None
    own = (detach(run.hidden, "cpu"), {"cpu": torch.get_rng_state(), "cuda": cuda})
    if gathered := run.group.gather(own):
        hidden, states = zip(*gathered, strict=True)
        _write(run, joined(hidden), list(states))
    run.group.wait()  # nobody ends before it is written


def _write(run: "Run", hidden: Hidden, states: list[dict[str, torch.Tensor | None]]) -> None:
    checkpoint.save(
        run.folder / "resume.pt",
        {
            "model": run.network.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "vocabulary": run.vocabulary.to_json(),
            "hidden": hidden,
            "step": run.step,
            "seconds": run.seconds,
            "losses": [float(run.loss_sum), run.loss_count],
            "history": run.history,
            "parts": run.stepper.parts,
            "random": states,
            **checkpoint.describe_run(run.config),
        },
    )


def take_up(run: "Run", fresh: bool) -> int:
    """Goes on with the folder's earlier run if there is one of the same settings.

    The first process reads for all: only it needs the folder. There may be another number of
    processes than before: each takes its rows of the same streams, and those that have no
    predecessor draw new random numbers. With the same number all goes on bit for bit.

    Returns:
        Subwords that a batch is worked through in; see `job.engine.graphed`.

    Raises:
        UserError: if the folder holds another run, or a damaged file.
    """
    state = run.group.by_first(lambda: _read(run, fresh))
    if state is None:
        run.group.own_masks(run.config.seed, 0)
        return 1
    rates = [group["lr"] for group in run.optimizer.param_groups]
    run.network.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    for group, rate in zip(run.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate  # where this machine keeps it; its value is set at every step
    run.hidden = detach(own_part(state["hidden"], run.rows), run.device)
    run.step, run.seconds = state["step"], state["seconds"]
    (run.loss_sum, run.loss_count), run.history = state["losses"], state["history"]
    run.best_on_disk = state["best_on_disk"]
    states = state["random"]
    states = [states] if isinstance(states, dict) else states  # as one process wrote it before
    if run.group.rank < len(states):
        own = states[run.group.rank]
        torch.set_rng_state(own["cpu"])
        if run.device == "cuda" and own["cuda"] is not None:
            torch.cuda.set_rng_state(own["cuda"])
    else:
        run.group.own_masks(run.config.seed, run.step)
    return state["parts"]


def _read(run: "Run", fresh: bool) -> dict[str, Any] | None:
    """The state to go on from, if there is one, and it is this run's."""
    path = run.folder / "resume.pt"
    checkpoint.sweep(run.folder, WRITTEN)
    if fresh:
        for name in ("resume.pt", "checkpoint.pt"):
            if (run.folder / name).exists():
                (run.folder / name).rename(run.folder / f"previous.{name}")
    if not path.exists():
        if (run.folder / "checkpoint.pt").exists():
            raise UserError(
                f"{run.folder} holds a checkpoint of another run: give another --out, or "
                "--fresh to set it aside"
            )
        return None
    state = checkpoint.load(path)
    ours, theirs = dataclasses.asdict(run.config), state["config"]
    for name in sorted(set(ours) | set(theirs)):
        if name not in NOT_OF_THE_RESULT and ours.get(name) != theirs.get(name):
            raise UserError(
                f"{run.folder} holds a run with {name} = {theirs.get(name)!r}, not "
                f"{ours.get(name)!r}: give another --out, or --fresh to set it aside"
            )
    if state["vocabulary"] != run.vocabulary.to_json():
        raise UserError(
            f"{run.folder} holds a run on another text of the same name: give another --out, "
            "or --fresh to set it aside"
        )
    state["best_on_disk"] = math.inf
    if (run.folder / "checkpoint.pt").exists():
        kept = checkpoint.load(run.folder / "checkpoint.pt")
        state["best_on_disk"] = kept["scores"]["valid_loss"]
    return state
