"""The tables and sections of tests/bench/scenes.py as Markdown, from plain figures."""

import pathlib
import re
from collections.abc import Callable
from typing import Any

from data.atomic import atomic_write

Figure = float | int | None


def percent(value: float) -> str:
    """A share in percent, with more digits if it is small."""
    digits = 2 if 0 < value < 0.0995 else 1
    return f"{100 * value:.{digits}f} %"


# In the order of the table; a row that no column has is left out.
ROWS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "scenes": ("scenes", "{:,}".format),
    "lines": ("lines measured", "{:,}".format),
    "invented_words": ("invented words", percent),
    "unbalanced_brackets": ("lines with unbalanced brackets", percent),
    "unbalanced_of_bracketed": ("the same, of the lines with brackets", percent),
    "unbalanced_quotes": ("lines with unbalanced quotation marks", percent),
    "headings": ("scene headings", "{:,}".format),
    "heading_goes_on": ("headings that go on after their bracket", percent),
    "name_within_line": ("lines with a speaker's name and colon within them", percent),
    "same_speaker_twice": ("same speaker twice running", percent),
    "repeated_lines": ("lines repeated within their scene", percent),
    "cut_inside_sentence": ("scenes cut inside a sentence", percent),
    "copied_8_grams": ("8-grams copied from the training text", percent),
    "longest_copied_run": ("longest copied run, words", "{:,}".format),
    "distinct_1": ("distinct-1", "{:.3f}".format),
    "distinct_2": ("distinct-2", "{:.3f}".format),
    "distinct_3": ("distinct-3", "{:.3f}".format),
    "words_per_line": ("words per line", "{:.1f}".format),
    "words_outside_show": ("words per scene outside the show's vocabulary", "{:.2f}".format),
    "unknown_to_judge": ("tokens unknown to the judge", percent),
    "perplexity": ("perplexity under the judge", "{:.1f}".format),
}


def table(columns: dict[str, dict[str, Figure]]) -> list[str]:
    """One column for each text; an empty cell where there is nothing to measure."""
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    for key, (label, form) in ROWS.items():
        if not any(key in figures for figures in columns.values()):
            continue
        values = [figures.get(key) for figures in columns.values()]
        cells = ["" if value is None else form(value) for value in values]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return lines


def facts(report: dict[str, Any]) -> list[str]:
    """What was written, and what it is compared with, as sentences."""
    held_out, settings = report["held_out"], report["settings"]
    first, last = settings["seed"], settings["seed"] + settings["scenes"] - 1
    lines = [
        f"{settings['scenes']} scenes of {settings['words']} words and punctuation marks, prompt "
        f"included, with default settings and the seeds {first} to {last}. The prompts are the "
        f"openings of the {held_out['scenes']} real scenes in turn. The real scenes are excerpts "
        f"of the same length of the {held_out['part']} text, which has {held_out['words']:,} words "
        "and punctuation marks."
    ]
    if report["judge"]:
        judge = report["judge"]
        lines.append(f"The judge is {judge['path']}, with {judge['vocabulary']:,} words.")
    for name, words in report["invented"].items():
        if words:
            lines.append(f"Most frequent invented words ({name}): {', '.join(words)}.")
    return lines


def scenes(report: dict[str, Any], count: int) -> list[str]:
    """The first `count` scenes of each model, whole, those of one prompt below each other."""
    lines = []
    for number in range(min(count, report["settings"]["scenes"])):
        lines += [f"### Scene {number + 1}", ""]
        for name, texts in report["scenes"].items():
            lines += [f"{name}:", "", "```text", texts[number], "```", ""]
    return lines


def section(report: dict[str, Any], count: int) -> str:
    """A section of docs/scenes.md: the facts, the table and `count` whole scenes of each model."""
    lines = [f"## {report['show']}", ""]
    for fact in facts(report):
        lines += [fact, ""]
    lines += [*table(report["columns"]), ""]
    if count:
        lines += [
            f"The first {count} scenes of each model by seed, whole; none is selected or edited.",
            "",
            *scenes(report, count),
        ]
    return "\n".join(lines)


def update(path: pathlib.Path, text: str) -> None:
    """Replaces the section of a Markdown file that has the same heading, or appends it.

    Args:
        path: the file; created if there is none.
        text: begins with the line of a second-level heading.
    """
    text = text.rstrip("\n") + "\n"
    heading = text.split("\n", 1)[0]
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    parts = re.split(r"^(?=## )", old, flags=re.MULTILINE)
    places = [n for n, part in enumerate(parts) if part.split("\n", 1)[0] == heading]
    if places:
        following = places[0] + 1 < len(parts)
        parts[places[0]] = text + ("\n" if following else "")
    else:
        if old:
            parts[-1] = parts[-1].rstrip("\n") + "\n\n"
        parts.append(text)
    with atomic_write(path) as file:
        file.write("".join(parts).encode())
