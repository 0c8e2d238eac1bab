"""The lines of a screenplay with the columns they begin in, and how a file sets its names."""

import collections
import dataclasses
import itertools
import re
from collections.abc import Sequence

from data.formats import layout

PAGE_NUMBER = re.compile(r"[\s(-]*(?:[Pp]age\s+)?\d{1,3}[A-Z]?[.)]?[\s-]*")
PAGE_BREAK = re.compile(
    r"\W*(?:\d+[A-Z]?\.?\s+)?(?:\(?(?:CONTINUED|CONT['’]?D|MORE)\b[:.]?\)?\s*(?:\(\d+\))?[:.]?)"
    r"(?:\s+\d+[A-Z]?\.?)?\W*"
)
MARGIN = re.compile(r"\s{2,}\*+\s*$|(?<=\S)\s{3,}\d{1,3}[A-Z]?\.?\s*$")
FIRST_NUMBER = re.compile(r"^(\s*)(\d{1,3}[A-Z]?[.)]?)(\s+)(?=(?:INT|EXT|EST|I/E)\b)")
FAR_RIGHT = 30  # columns before a page number that stands next to text
STEP = 6  # columns between the margin of directions and that of names, at least


@dataclasses.dataclass
class Row:
    """A line of the file."""

    indent: int
    text: str  # "" for an empty line
    cue: str = ""  # the line, if it may be a name above a speech
    new_page: bool = False


@dataclasses.dataclass
class Layout:
    """How a file sets names and speeches."""

    margin: int = 0  # lines with more columns before them belong to speeches; 0: not indented
    spaced: bool = False  # an empty line is between a name and its speech
    dense: bool = False  # no empty lines
    whole: bool = False  # each line is a paragraph
    marked: bool = False  # directions between speeches are in brackets
    names: int = 0  # columns before a name, at least; 0: no more than before speeches
    known: frozenset[str] = frozenset()  # names that occur repeatedly


def rows_of(text: str, dropped: collections.Counter[str]) -> list[Row]:
    """The lines without page numbers and other marks in the margins."""
    rows = []
    for line in layout.unix_lines(text).replace("\f", "\n\f\n").split("\n"):
        if line == "\f":
            rows.append(Row(0, "", new_page=True))
            continue
        line = MARGIN.sub("", FIRST_NUMBER.sub(r"\1\3", line.expandtabs(8).rstrip()))
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        apart = indent > FAR_RIGHT or not rows or not rows[-1].text
        if stripped and apart and PAGE_NUMBER.fullmatch(stripped):
            dropped["page numbers"] += 1
        elif stripped and PAGE_BREAK.fullmatch(stripped):
            dropped["marks of page breaks"] += 1
        else:
            words = " ".join(stripped.split())
            rows.append(Row(indent, words, layout.cue_of(words)))
    return _single_spaced(rows)


def _single_spaced(rows: list[Row]) -> list[Row]:
    """The lines of a file with an empty line after each, without these empty lines."""
    pairs = list(itertools.pairwise(rows))
    followed = sum(bool(row.text and after.text) for row, after in pairs)
    if followed > 0.05 * sum(bool(row.text) for row in rows):
        return rows
    return [
        row
        for number, row in enumerate(rows)
        if row.text or row.new_page or (number and not rows[number - 1].text)
    ]


def layout_of(rows: Sequence[Row]) -> Layout:
    """Where names and speeches are set, by the lines that may be names and occur repeatedly."""
    counts = collections.Counter(name_of(row) for row in rows if row.cue)
    places = [place for place, row in enumerate(rows[:-1]) if row.cue and counts[name_of(row)] > 1]
    written = [row for row in rows if row.text]
    if not places:
        return Layout(dense=_is_dense(rows), whole=_is_whole(rows), marked=_is_marked(rows))
    spaced = sum(not rows[place + 1].text for place in places) > 0.6 * len(places)
    following = [_next(rows, place) for place in places]
    indents = sorted(row.indent for row in written)
    base = indents[len(indents) // 20]
    names = _median([rows[place].indent for place in places])
    speech = _median([row.indent for row in following if row])
    if speech - base < 3:
        base = indents[0]  # of a file with few directions
    margin = 0
    if names - base >= STEP:
        # Speeches are between the two margins, or, in some stage plays, where directions are.
        margin = (base + speech + 1) // 2 if speech - base >= 3 else -1
    centre = (names + speech) // 2 if names - speech >= 4 else 0
    known = frozenset(name for name, count in counts.items() if count > 1 and len(name) > 1)
    dense, whole, marked = _is_dense(rows), _is_whole(rows), _is_marked(rows)
    return Layout(margin, spaced, dense, whole, marked, centre, known)


def _is_dense(rows: Sequence[Row]) -> bool:
    return sum(not row.text for row in rows[:-1]) < 0.05 * len(rows)


def _is_whole(rows: Sequence[Row]) -> bool:
    return max((len(row.text) for row in rows), default=0) > 120


def _is_marked(rows: Sequence[Row]) -> bool:
    """Whether most lines that do not stand below a name are in brackets."""
    later = [
        row.text
        for before, row in itertools.pairwise(rows)
        if row.text and before.text and not row.cue and not before.cue
    ]
    return sum(text.startswith("[") for text in later) > 0.6 * len(later) > 0


def name_of(row: Row) -> str:
    """The name in a line that may be one, without "(V.O.)"; "" for another line."""
    return layout.split_cue(row.cue)[0]


def _next(rows: Sequence[Row], place: int) -> Row | None:
    return next((row for row in rows[place + 1 : place + 3] if row.text), None)


def _median(numbers: list[int]) -> int:
    return sorted(numbers)[len(numbers) // 2] if numbers else 0
