"""What a person sees of a run: a bar on a terminal, lines in a log, figures and a picture after."""

import json
import os
import pathlib
import sys
import time
from typing import Any

from tqdm import tqdm

from data.command_line import DiskFull, UserError


class Monitor:
    """Shows progress on stderr and keeps `metrics.jsonl` in the run's folder.

    Raises:
        UserError: if TensorBoard's events are asked for where it is not installed.

    Args:
        active: False in a process that leaves this to another.
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
        # disable=None: no bar where stderr is not a terminal
        self.bar = tqdm(
            total=total_steps,
            initial=steps_done,
            unit="step",
            disable=None if active else True,
            dynamic_ncols=True,
        )
        self.events = open_events(folder) if tensorboard and active else None

    def steps(self, done: int, loss: float) -> None:
        """So many steps are made; the bar works the time left out of their rate."""
        self.bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        self.bar.update(done - self.bar.n)

    def evaluation(self, history: list[dict[str, Any]], epochs: int) -> None:
        """Reports the newest evaluation and writes all of them."""
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
            self.folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in history)
        )

        if self.events:
            for name in ("train_loss", "valid_loss", "learning_rate", "tokens_per_second"):
                self.events.add_scalar(name, row[name], row["step"])

    def close(self) -> None:
        """Ends the bar, and the events."""
        self.bar.close()
        if self.events:
            self.events.close()


def open_events(folder: pathlib.Path) -> Any:
    """A writer of TensorBoard's events into the run's folder."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "--tensorboard needs TensorBoard: python tools/setup.py train tensorboard"
        ) from None
    return SummaryWriter(str(folder / "tensorboard"))


def say(line: str) -> None:
    """One plain line on stderr, above the bar if there is one."""
    tqdm.write(line, file=sys.stderr)


def clock(seconds: float) -> str:
    """Seconds as 1:05 or 2:03:04."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes beside `path`, then renames."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise DiskFull(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def draw_curves(history: list[dict[str, Any]], unigram: float, path: pathlib.Path) -> None:
    """Draws both losses over the epochs, with the unigram model's as the line to be under."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    epochs = [row["epoch"] for row in history]
    best = min(history, key=lambda row: row["valid_loss"])
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(epochs, [row["train_loss"] for row in history], label="training (dropout on)")
    axes.plot(epochs, [row["valid_loss"] for row in history], label="held out")
    axes.plot(best["epoch"], best["valid_loss"], "o", label=f"best: {best['valid_loss']:.3f}")
    axes.axhline(unigram, linestyle=":", color="grey", label=f"unigram model: {unigram:.3f}")
    axes.set(xlabel="epoch", ylabel="loss (nats per token)")
    axes.legend()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.png")
    figure.savefig(temporary, dpi=120)
    os.replace(temporary, path)
    pyplot.close(figure)
