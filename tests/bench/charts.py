"""The chart of tests/bench/ablation.py --scaling."""

import pathlib
from typing import Any


def draw_scaling(rows: list[dict[str, Any]], path: pathlib.Path) -> None:
    """Draws scores and training time against parameters and against tokens of text, as PNG.

    Args:
        rows: of kind "size", compared by held-out loss, or "text", by bits per character where
            they are measured.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    sides = (("size", "parameters", "parameters"), ("text", "tokens", "tokens of training text"))
    for axes, (kind, name, label) in zip(panels, sides, strict=True):
        some = [row for row in rows if row["kind"] == kind]
        x = [row[name] for row in some]
        curves = {"held-out loss": "valid_loss", "with neural cache": "valid_loss_with_cache"}
        if kind == "text":
            curves = {"bits per character": "bits_per_character"}
        for shown, score in curves.items():
            found = [
                (at, row["best"][score])
                for at, row in zip(x, some, strict=True)
                if score in row["best"]
            ]
            axes.plot(*zip(*found, strict=True) if found else ([], []), "o-", label=shown)
        axes.set(xscale="log", xlabel=label, ylabel="bits" if kind == "text" else "nats per token")
        axes.set_xticks(x, [f"{value:,}" for value in x], minor=False)
        axes.set_xticks([], minor=True)
        time_axes = axes.twinx()
        time_axes.plot(x, [row["seconds"] for row in some], "^:", color="grey")
        time_axes.set(ylabel="seconds (dotted)", ylim=(0, None))
        axes.legend(loc="lower left" if kind == "text" else "upper center")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
