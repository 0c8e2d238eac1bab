"""What a run shows: a progress bar, log lines, metrics.jsonl, TensorBoard events, curves.png."""

import importlib
import pathlib
import sys
import threading
import time
from typing import Any

from tqdm import tqdm

from data import strict_json
from data.atomic import atomic_write, write_text
from data.command_line import UserError


class Monitor:
    """Shows progress on stderr and writes `metrics.jsonl` into the run's folder.

    Args:
        folder: the run's folder.
        total_steps: steps of the whole run.
        steps_done: steps made before, in a resumed run.
        tensorboard: whether to write TensorBoard events.
        active: False in all processes but rank 0.

    Raises:
        UserError: if TensorBoard is requested and not installed.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        total_steps: int,
        steps_done: int,
        tensorboard: bool = False,
        active: bool = True,
    ):
        self.active = active
        self.folder = folder
        self.total_steps = total_steps
        self.first_step = steps_done
        self.started = time.monotonic()
        # disable=None: no bar if stderr is not a terminal
        self.bar = tqdm(
            total=total_steps,
            initial=steps_done,
            unit="step",
            disable=None if active else True,
            dynamic_ncols=True,
        )
        self.events = open_events(folder) if tensorboard and active else None

    def steps(self, done: int, loss: float) -> None:
        """Updates the progress bar: the number of steps made, and the mean training loss."""
        self.bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        self.bar.update(done - self.bar.n)

    def evaluation(self, history: list[dict[str, Any]], epochs: int) -> None:
        """Logs the last row of `history`, and writes all rows to metrics.jsonl."""
        if not self.active:
            return
        row = history[-1]
        rate = (time.monotonic() - self.started) / max(1, row["step"] - self.first_step)
        left = rate * (self.total_steps - row["step"])
        say(
            f"epoch {row['epoch']:>3}/{epochs}  train {row['train_loss']:.3f}  "
            f"held-out {row['valid_loss']:.3f}{' *' if row['best'] else '  '}  "
            f"{row['tokens_per_second']:>9,.0f} tokens/s  {clock(left)} left"
        )
        write_text(
            self.folder / "metrics.jsonl", "".join(strict_json.dumps(row) + "\n" for row in history)
        )

        if self.events:
            for name in ("train_loss", "valid_loss", "learning_rate", "tokens_per_second"):
                self.events.add_scalar(name, row[name], row["step"])

    def close(self) -> None:
        """Closes the progress bar and the TensorBoard events."""
        self.bar.close()
        if self.events:
            self.events.close()


def open_events(folder: pathlib.Path) -> Any:
    """A writer of TensorBoard events; raises `UserError` if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "--tensorboard needs TensorBoard: python tools/setup.py train tensorboard"
        ) from None
    return SummaryWriter(str(folder / "tensorboard"))


def say(line: str) -> None:
    """Prints one line on stderr, above the progress bar."""
    tqdm.write(line, file=sys.stderr)


def clock(seconds: float) -> str:
    """Seconds as 1:05 or 2:03:04."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def preload_curves() -> None:
    """Imports what `draw_curves` needs, in a thread: a second that costs nothing beside a GPU.

    The thread ends before the program does: an import that is cut off at the end may crash it.
    """
    threading.Thread(target=importlib.import_module, args=("matplotlib.figure",)).start()


def draw_curves(history: list[dict[str, Any]], unigram: float, path: pathlib.Path) -> None:
    """Draws training and held-out loss by epoch, and the unigram model's loss as the baseline."""
    from matplotlib.figure import Figure  # needs no display, and no global state as pyplot

    epochs = [row["epoch"] for row in history]
    best = min(history, key=lambda row: row["valid_loss"])
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(epochs, [row["train_loss"] for row in history], label="training (dropout on)")
    axes.plot(epochs, [row["valid_loss"] for row in history], label="held out")
    axes.plot(best["epoch"], best["valid_loss"], "o", label=f"best: {best['valid_loss']:.3f}")
    axes.axhline(unigram, linestyle=":", color="grey", label=f"unigram model: {unigram:.3f}")
    axes.set(xlabel="epoch", ylabel="loss (nats per token)")
    axes.legend()
    with atomic_write(path) as file:
        figure.savefig(file, dpi=120, format="png")
