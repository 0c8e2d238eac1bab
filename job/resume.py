"""What a run needs to go on as if it had never stopped, and when it must not."""

import dataclasses
from typing import TYPE_CHECKING

import torch

from data.command_line import UserError
from job import checkpoint
from job.steps import detach

if TYPE_CHECKING:
    from job.train import Run

# May differ between a run and its resumption.
NOT_OF_THE_RESULT = {
    *("out", "device", "save_seconds", "max_minutes", "tensorboard", "eval_epochs", "patience")
}


def save(run: "Run") -> None:
    """Writes resume.pt: weights, optimiser, hidden state, random numbers, and how far it came."""
    cuda = torch.cuda.get_rng_state() if run.device == "cuda" else None
    checkpoint.save(
        run.folder / "resume.pt",
        {
            "model": run.network.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "vocabulary": run.vocabulary.to_json(),
            "hidden": detach(run.hidden),
            "step": run.step,
            "seconds": run.seconds,
            "losses": [float(run.loss_sum), run.loss_count],
            "history": run.history,
            "parts": run.stepper.parts,
            "random": {"cpu": torch.get_rng_state(), "cuda": cuda},
            **checkpoint.describe_run(run.config),
        },
    )


def take_up(run: "Run", fresh: bool) -> int:
    """Goes on with the folder's earlier run if there is one of the same settings.

    Returns:
        Pieces that a batch is worked through in; see `job.stepper`.

    Raises:
        UserError: if the folder holds another run, or a damaged file.
    """
    path = run.folder / "resume.pt"
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
        return 1
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
    rates = [group["lr"] for group in run.optimizer.param_groups]
    run.network.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    for group, rate in zip(run.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate  # where this machine keeps it; its value is set at every step
    hidden = state["hidden"]
    run.hidden = detach(tuple(hidden) if isinstance(hidden, list) else hidden, run.device)
    run.step, run.seconds = state["step"], state["seconds"]
    (run.loss_sum, run.loss_count), run.history = state["losses"], state["history"]
    if (run.folder / "checkpoint.pt").exists():
        kept = checkpoint.load(run.folder / "checkpoint.pt")
        run.best_on_disk = kept["scores"]["valid_loss"]
    torch.set_rng_state(state["random"]["cpu"])
    if run.device == "cuda" and state["random"]["cuda"] is not None:
        torch.cuda.set_rng_state(state["random"]["cuda"])
    return state["parts"]
