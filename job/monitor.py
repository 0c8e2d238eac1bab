"""What a person sees of a run: a bar on a terminal, lines in a log, figures and a picture after."""

import json
import os
import pathlib
import sys
import time
from typing import Any

from tqdm import tqdm


class Monitor:
    """Shows progress on stderr and keeps `metrics.jsonl` and `curves.png` in the run's folder."""

    def __init__(self, folder: pathlib.Path, total_steps: int, steps_done: int):
        self.folder = folder
        self.total_steps = total_steps
        self.first_step = steps_done
        self.started = time.monotonic()
        # disable=None: no bar where stderr is not a terminal
        self.bar = tqdm(
            total=total_steps, initial=steps_done, unit="step", disable=None, dynamic_ncols=True
        )

    def step(self, loss: float) -> None:
        """One step was made; the bar works the time left out of their rate."""
        self.bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        self.bar.update()

    def say(self, line: str) -> None:
        """One plain line, above the bar if there is one."""
        tqdm.write(line, file=sys.stderr)

    def evaluation(self, history: list[dict[str, Any]], epochs: int) -> None:
        """Reports the newest evaluation and writes all of them."""
        row = history[-1]
        rate = (time.monotonic() - self.started) / max(1, row["step"] - self.first_step)
        left = rate * (self.total_steps - row["step"])
        self.say(
            f"epoch {row['epoch']:>3}/{epochs}  train {row['train_loss']:.3f}  "
            f"held-out {row['valid_loss']:.3f}{' *' if row['best'] else '  '}  "
            f"{row['tokens_per_second']:>9,.0f} tokens/s  {clock(left)} left"
        )
        write_text(
            self.folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in history)
        )

    def close(self) -> None:
        """Ends the bar."""
        self.bar.close()


def clock(seconds: float) -> str:
    """Seconds as 1:05 or 2:03:04."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes beside `path`, then renames."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


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
