"""The tables of tests/bench/training.py as Markdown, from plain figures."""

import math
import statistics
from typing import Any

LABELS = {
    "kneser-ney": "modified Kneser-Ney, 4-grams",
    "course": "course baseline",
    "awd-lstm": "AWD-LSTM's regularization with Adam",
    "char-gpt": "character-level GPT, nanoGPT's settings",
}

Figures = dict[str, Any]


def preset_table(runs: list[Figures], target: float, training_loss: float) -> list[str]:
    """Mean and worst of each figure over the seeds."""
    if not runs:
        return []
    labels = {
        "valid_loss": "held-out loss, nats per token",
        "valid_loss_with_cache": "held-out loss with neural cache",
        "bits_per_character": "held-out bits per character",
        **{name: name.replace("_", " ") for name in runs[0] if name.startswith("test_")},
        "seconds_to_target": f"seconds to held-out loss {target:g}",
        "seconds_to_training_loss": f"seconds to training loss {training_loss:g} without dropout",
        "seconds": "seconds of training",
        "whole_process": "seconds of the whole process",
    }
    lines = [f"| {len(runs)} seeds | mean | worst |", "| --- | --- | --- |"]
    for name, label in labels.items():
        values = [one[name] for one in runs]
        missing = values.count(None)
        if not missing:
            mean, worst = statistics.mean(values), max(values)
            lines.append(f"| {label} | {form(name, mean)} | {form(name, worst)} |")
        elif name.startswith("seconds"):
            lines.append(f"| {label} | not reached by {missing} of {len(runs)} | |")
    return lines


def peers_table(runs: list[Figures], peers: dict[str, Figures]) -> list[str]:
    """Each peer beside the preset's means.

    Perplexity is the preset's over the peer's, of the networks without a neural cache.
    """
    if not peers:
        return []
    lines = [
        "| peer | held-out loss | test loss | bits per character | test bits per character "
        "| seconds | perplexity, preset / peer | tokens per second, preset / peer |",
        "|" + " --- |" * 8,
    ]
    for name, peer in peers.items():
        ours = mean_of(runs, "valid_loss")
        perplexity = tokens = ""
        if ours is not None and peer.get("valid_loss") is not None:
            perplexity = f"{math.exp(ours - peer['valid_loss']):.2f}"
        speed = mean_of(runs, "tokens_per_second")
        if speed is not None and peer.get("tokens_per_second"):
            tokens = f"{speed / peer['tokens_per_second']:.1f}"
        figures = ("valid_loss", "test_loss", "bits_per_character", "test_bits_per_character")
        cells = [form(figure, peer.get(figure)) for figure in (*figures, "seconds")]
        lines.append("| " + " | ".join([LABELS[name], *cells, perplexity, tokens]) + " |")
    return lines


def mean_of(runs: list[Figures], name: str) -> float | None:
    """The mean of a figure over the runs; None without runs, or where one lacks it."""
    values = [one.get(name) for one in runs]
    return statistics.mean(values) if values and None not in values else None


def form(name: str, value: float | None) -> str:
    """A figure as text: times with one decimal, scores with three."""
    if value is None:
        return ""
    return (
        f"{value:.1f}" if name.startswith("seconds") or name == "whole_process" else f"{value:.3f}"
    )


def summary_line(figures: Figures) -> str:
    """The plain numbers of one run in a line."""
    plain = {name: value for name, value in figures.items() if isinstance(value, int | float)}
    return ", ".join(f"{name} {value:.4g}" for name, value in plain.items())
