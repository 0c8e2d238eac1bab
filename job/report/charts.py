"""Line charts as SVG: they use the page's colors, light or dark, and need no library."""

import dataclasses
import html
import math
from collections.abc import Sequence

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 44  # margins for the axes


@dataclasses.dataclass(frozen=True)
class Series:
    """One line of a chart: its name in the legend, and its points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


def line_chart(series: Sequence[Series], x_label: str, y_label: str) -> str:
    """A chart with its legend, as HTML; "" if there are no points. All text is escaped."""
    points = [point for line in series for point in line.points]
    if not points:
        return ""
    x_ticks = ticks(*extent([x for x, _ in points]))
    y_ticks = ticks(*extent([y for _, y in points]))

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return (
            LEFT + across * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM),
        )

    parts = []
    for x in x_ticks:
        place, floor = at(x, y_ticks[0])
        parts.append(f'<text class="x" x="{place:.1f}" y="{floor + 18:.1f}">{x:g}</text>')
    for y in y_ticks:
        start, height = at(x_ticks[0], y)
        parts.append(f'<path class="grid" d="M{start:.1f} {height:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="y" x="{start - 8:.1f}" y="{height + 4:.1f}">{y:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="x" x="{middle}" y="{HEIGHT - 6}">{html.escape(x_label)}</text>')
    parts.append(
        f'<text class="x" transform="translate(12 {(HEIGHT - BOTTOM) / 2}) rotate(-90)">'
        f"{html.escape(y_label)}</text>"
    )
    for number, line in enumerate(series):
        way = "L".join("{:.1f} {:.1f}".format(*at(x, y)) for x, y in line.points)
        kind = f"line c{number}" + (" dashed" if line.dashed else "")
        parts.append(f'<path class="{kind}" d="M{way}"/>')
    legend = "".join(
        f'<span><i class="c{number}{" dashed" if line.dashed else ""}"></i>'
        f"{html.escape(line.name)}</span>"
        for number, line in enumerate(series)
    )
    label = html.escape(f"{y_label} by {x_label}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}'
        f'</svg><div class="legend">{legend}</div>'
    )


def extent(values: Sequence[float]) -> tuple[float, float]:
    """The smallest and the largest value; one apart if they are equal."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low, low + 1)


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers that span a range, about `about` of them."""
    step = 10 ** math.floor(math.log10((high - low) / about))
    step *= min((1, 2, 5, 10), key=lambda times: abs((high - low) / (times * step) - about))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def histogram(counts: Sequence[int], width: int, last: int) -> list[tuple[float, float]]:
    """Percentages in bins of `width` values, from 1 on, as points of a chart.

    Args:
        counts: count of each value from 0 on.
        width: width of a bin.
        last: largest start of a bin; the last bin takes all larger values.

    Returns:
        (first value of the bin, percentage of all values in it).
    """
    starts = range(1, last + 1, width)
    bins = dict.fromkeys(starts, 0)
    for value, count in enumerate(counts):
        bins[starts[min(len(starts) - 1, max(0, value - 1) // width)]] += count
    total = max(1, sum(counts))
    return [(start, 100 * count / total) for start, count in bins.items()]
