"""The chart of a training run as SVG: no library, no file, the page's colors in light and dark."""

import html
import math

from serve.actions import Facts

WIDTH, HEIGHT = 640, 280
LEFT, RIGHT, TOP, BOTTOM = 48, 136, 14, 48  # margins; the names of the lines are on the right
LINES = (("train_loss_without_dropout", "training text"), ("valid_loss", "held-out text"))
MAX_MARKS = 8  # of epochs on the axis
LABEL_DISTANCE = 18  # between the names of two lines that end at nearly the same loss


def training_chart(evaluations: list[Facts]) -> str:
    """The losses of a training run by epoch, as a figure with a table; "" for no evaluations.

    Args:
        evaluations: of `Bundle.evaluations`, in the order of the run.
    """
    if not evaluations:
        return ""
    epochs = [row["epoch"] for row in evaluations]
    losses = [row[name] for row in evaluations for name, _ in LINES]
    first, last = min(epochs), max(epochs)
    low, high = math.floor(2 * min(losses)) / 2, math.ceil(2 * max(losses)) / 2
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x_of(epoch: float) -> float:
        return LEFT + width * (epoch - first) / max(1e-9, last - first)

    def y_of(loss: float) -> float:
        return TOP + height * (high - loss) / max(0.5, high - low)

    parts = []
    for loss in ticks(low, high):
        y = y_of(loss)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}h{width}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{loss:g}</text>')
    marks = min(len(epochs), MAX_MARKS) - 1
    for epoch in sorted(
        {epochs[round(n * (len(epochs) - 1) / max(1, marks))] for n in range(marks + 1)}
    ):
        place = f'x="{x_of(epoch):.1f}" y="{TOP + height + 20}"'
        parts.append(f'<text {place} text-anchor="middle">{epoch:.3g}</text>')
    middle = f'x="{LEFT + width / 2}" y="{HEIGHT - 4}"'
    parts.append(f'<text {middle} text-anchor="middle">epoch</text>')
    labels: list[float] = []
    for name, label in LINES:
        points = [(x_of(row["epoch"]), y_of(row[name])) for row in evaluations]
        way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(f'<path class="{name}" d="M{way}"/>')
        if len(points) <= 40:
            parts += [
                f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points
            ]
        x, y = points[-1]
        if any(abs(y - other) < LABEL_DISTANCE for other in labels):
            y = labels[-1] + math.copysign(LABEL_DISTANCE, y - labels[-1])
        labels.append(y)
        parts.append(f'<text class="{name}" x="{x + 10:.1f}" y="{y + 4:.1f}">{label}</text>')
    best = min(row["valid_loss"] for row in evaluations)
    summary = (
        f"Loss by epoch. On held-out text it goes from {evaluations[0]['valid_loss']:.2f} to "
        f"{best:.2f} at best."
    )
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{summary}">'
        f"{''.join(parts)}</svg><figcaption>Loss in nats per word; lower is better. The model "
        "never learns from the held-out text: the distance of the lines is what it knows only by "
        f"heart.</figcaption>{_table(evaluations)}</figure>"
    )


def ticks(low: float, high: float) -> list[float]:
    """Round values from `low` to `high`, at most seven."""
    step = 0.5
    while (high - low) / step > 6:
        step *= 2
    start = math.ceil(low / step)
    return [step * number for number in range(start, math.floor(high / step) + 1)]


def _table(evaluations: list[Facts]) -> str:
    names = ["epoch", *(name for name, _ in LINES)]
    head = "".join(
        f'<th scope="col">{html.escape(label)}</th>'
        for label in ("epoch", *(label for _, label in LINES))
    )
    step = max(1, len(evaluations) // 12)
    kept = evaluations[::-1][::step][::-1]  # the last one is always among them
    rows = "".join(
        "<tr>" + "".join(f"<td>{row[name]:.4g}</td>" for name in names) + "</tr>" for row in kept
    )
    return (
        "<details><summary>The same as a table</summary><table><thead><tr>"
        f"{head}</tr></thead><tbody>{rows}</tbody></table></details>"
    )
