"""The reader of screenplays: each character's name on a line of its own, above the speech.

The lines may be indented, as printed screenplays and IMSDb have them, or not. Where no name is in
capitals, short lines that occur again and again above a speech are names.
"""

import collections
import dataclasses
import itertools
import re
from collections.abc import Sequence

from data.formats import layout
from data.formats.inline import with_directions
from data.formats.script import Format, Line, ReadOptions, Script

PAGE_NUMBER = re.compile(r"[\s(-]*(?:[Pp]age\s+)?\d{1,3}[A-Z]?[.)]?[\s-]*")
PAGE_BREAK = re.compile(
    r"\W*(?:\d+[A-Z]?\.?\s+)?(?:\(?(?:CONTINUED|CONT['’]?D|MORE)\b[:.]?\)?\s*(?:\(\d+\))?[:.]?)"
    r"(?:\s+\d+[A-Z]?\.?)?\W*"
)
MARGIN = re.compile(r"\s{2,}\*+\s*$|(?<=\S)\s{3,}\d{1,3}[A-Z]?\.?\s*$")
FIRST_NUMBER = re.compile(r"^(\s*)(\d{1,3}[A-Z]?[.)]?)(\s+)(?=(?:INT|EXT|EST|I/E)\b)")
MIXED_NAME = re.compile(
    r"(?:[A-Z][\w'’.-]*|of|the|and|&|#?\d+)(?: (?:[A-Z][\w'’.-]*|of|the|and|&|#?\d+)){0,3}:?"
)
MIN_CUES = 3
MIN_MIXED = 3  # speeches of a name that is not in capitals
FAR_RIGHT = 30  # columns before a page number that stands next to text
STEP = 6  # columns between the margin of directions and that of names, at least
TITLE_PAGE_SHARE = 0.15  # of the lines; what is before the first scene may be a title page


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
    names: int = 0  # columns before a name, at least; 0: no more than before speeches
    known: frozenset[str] = frozenset()  # names that occur repeatedly


def score(text: str, name: str) -> float:
    """How sure it is that names are on their own lines: the share of lines that are in speeches."""
    rows = _rows(text, collections.Counter())
    written = sum(bool(row.text) for row in rows)
    speeches, marks = _outline(rows, _layout(rows))
    names = collections.Counter(layout.split_cue(rows[place].cue)[0] for place in speeches)
    if len(speeches) < MIN_CUES or max(names.values()) < 2:
        return 0.0
    headings = sum(bool(layout.HEADING.match(row.text)) for row in rows)
    spoken = sum(mark and bool(row.text) for mark, row in zip(marks, rows, strict=True))
    share = (spoken + headings) / written
    return min(0.9, 0.2 + share) if share > 0.1 else 0.0


def read(text: str, options: ReadOptions) -> Script:
    """The script in a screenplay.

    Left out: the title page, page numbers, "(CONTINUED)" and "(MORE)", scene numbers, marks of
    revision, transitions and camera directions.
    """
    dropped: collections.Counter[str] = collections.Counter()
    rows = _rows(text, dropped)
    style = _layout(rows)
    speeches, marks = _outline(rows, style)
    first = _first_scene(rows, speeches)
    lines: list[Line] = []
    for start, end in _blocks(rows, speeches, marks):
        if start < first:
            dropped["lines of the title page"] += sum(bool(row.text) for row in rows[start:end])
        elif start in speeches:
            _add_speech(lines, rows[start], [row.text for row in rows[start + 1 : end] if row.text])
        else:
            _add_action(lines, [row.text for row in rows[start:end] if row.text], dropped)
    notes = ["no empty lines: a direction after a speech may be read as part of it"]
    return Script(lines, FORMAT.name, dropped, notes if style.dense and style.margin == 0 else [])


def _rows(text: str, dropped: collections.Counter[str]) -> list[Row]:
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


def _layout(rows: Sequence[Row]) -> Layout:
    """Where names and speeches are set, by the lines that may be names and occur repeatedly."""
    counts = collections.Counter(_name(row) for row in rows if row.cue)
    places = [place for place, row in enumerate(rows[:-1]) if counts[_name(row)] > 1 and row.cue]
    written = [row for row in rows if row.text]
    if not places:
        return Layout(dense=_is_dense(rows), whole=_is_whole(rows))
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
    return Layout(margin, spaced, _is_dense(rows), _is_whole(rows), centre, known)


def _is_dense(rows: Sequence[Row]) -> bool:
    return sum(not row.text for row in rows[:-1]) < 0.05 * len(rows)


def _is_whole(rows: Sequence[Row]) -> bool:
    return max((len(row.text) for row in rows), default=0) > 120


def _name(row: Row) -> str:
    return layout.split_cue(row.cue)[0]


def _next(rows: Sequence[Row], place: int) -> Row | None:
    return next((row for row in rows[place + 1 : place + 3] if row.text), None)


def _median(numbers: list[int]) -> int:
    return sorted(numbers)[len(numbers) // 2] if numbers else 0


def _outline(rows: list[Row], style: Layout) -> tuple[set[int], list[bool]]:
    """(places of the names, for each line whether it is a name or in a speech)."""
    if not any(row.cue for row in rows) or _few_cues(rows):
        _find_mixed_names(rows)
    marks = [False] * len(rows)
    cues: set[int] = set()
    place = 0
    while place < len(rows):
        end = _speech_end(rows, place, style)
        if end == place:
            place += 1
            continue
        cues.add(place)
        marks[place:end] = [True] * (end - place)
        place = end
    return cues, marks


def _few_cues(rows: Sequence[Row]) -> bool:
    counts = collections.Counter(_name(row) for row in rows if row.cue)
    repeated = sum(count for count in counts.values() if count > 1)
    return repeated < max(MIN_CUES, len(rows) // 100)


def _find_mixed_names(rows: Sequence[Row]) -> None:
    """Marks names that are not in capitals: short lines, repeated, each above a speech."""
    heads = collections.defaultdict(list)
    for place, row in enumerate(rows):
        above = place == 0 or not rows[place - 1].text
        below = place + 1 < len(rows) and rows[place + 1].text
        if above and below and len(row.text) <= layout.MAX_NAME:
            name, _ = layout.split_cue(row.text)
            if MIXED_NAME.fullmatch(name) and not layout.HEADING.match(row.text):
                heads[name].append(row)
    often = [name for name, found in heads.items() if len(found) >= MIN_MIXED]
    all_in_capitals = bool(often) and all(map(str.isupper, often))  # "ANN." in a play
    for name, found in heads.items():
        if len(found) >= MIN_MIXED or (all_in_capitals and name.isupper()):
            for row in found:
                row.cue = row.text


def _speech_end(rows: Sequence[Row], place: int, style: Layout) -> int:
    """Where the speech ends whose name is in this line; the same place if it is no name."""
    row = rows[place]
    if not row.cue or place + 1 >= len(rows):
        return place
    above = place == 0 or not rows[place - 1].text
    start = place + 1
    if not rows[start].text:
        if not style.spaced or start + 1 >= len(rows) or not rows[start + 1].text:
            return place
        start += 1
    if style.margin > 0:
        return _indented_end(rows, place, start, style)
    if not above and not style.dense and style.margin == 0:
        return place
    if layout.HEADING.match(rows[start].text) or layout.is_transition(rows[start].text):
        return place
    end = start
    while end < len(rows) and rows[end].text:
        if end > start and style.dense and _ends_dense_speech(rows, end, style):
            break
        end += 1
    return end


def _indented_end(rows: Sequence[Row], place: int, start: int, style: Layout) -> int:
    row, first = rows[place], rows[start]
    if row.indent <= style.margin or first.indent <= style.margin:
        return place
    if first.indent > row.indent + 2 and not first.text.startswith("("):
        return place
    end = start
    while end < len(rows) and (rows[end].text or _goes_on(rows, end, style)):
        line = rows[end]
        if line.text and (line.indent <= style.margin or _is_next_cue(rows, end, row, style)):
            break
        end += 1
    return end


def _goes_on(rows: Sequence[Row], place: int, style: Layout) -> bool:
    """Whether a speech goes on behind an empty line: on a new page, or if all lines are spaced."""
    after = rows[place + 1] if place + 1 < len(rows) else None
    if not after or not (style.spaced or rows[place].new_page):
        return False
    return bool(after.text) and after.indent > style.margin


def _is_next_cue(rows: Sequence[Row], place: int, cue: Row, style: Layout) -> bool:
    """Whether a line in a speech is the next name, without an empty line before it."""
    line = rows[place]
    if not line.cue or line.indent < (style.names or cue.indent - 2):
        return False
    # Where names stand in the column of speeches, a word in capitals may be part of the speech.
    return style.names > 0 or (_name(line) in style.known and rows[place - 1].text[-1:] in ".!?)")


def _ends_dense_speech(rows: Sequence[Row], place: int, style: Layout) -> bool:
    """Whether a line of a file without empty lines begins something other than the speech above."""
    line, before = rows[place], rows[place - 1]
    if line.cue or layout.HEADING.match(line.text) or layout.is_transition(line.text):
        return True
    if line.text.startswith("[") and line.text.endswith("]"):
        # A direction, unless the speech goes on behind it.
        after = rows[place + 1] if place + 1 < len(rows) else line
        return bool(after.cue or after.text.startswith("[")) or after is line
    # Lines are whole paragraphs: a speech is one paragraph, or several with directions between.
    return style.whole and not line.text.startswith("(") and not before.text.endswith(")")


def _first_scene(rows: Sequence[Row], speeches: set[int]) -> int:
    """The place of the first heading, transition or speech, if what is before it is short."""
    for place, row in enumerate(rows):
        if layout.HEADING.match(row.text) or layout.is_transition(row.text) or place in speeches:
            return place if place < max(30, TITLE_PAGE_SHARE * len(rows)) else 0
    return 0


def _blocks(
    rows: Sequence[Row], speeches: set[int], marks: Sequence[bool]
) -> list[tuple[int, int]]:
    """(start, end) of each speech and of each paragraph between speeches."""
    blocks, start = [], None
    for place in range(len(rows) + 1):
        inside = place < len(rows) and (marks[place] or rows[place].text)
        begins = place in speeches or (
            inside and start is not None and marks[start] != marks[place]
        )
        if start is not None and (not inside or begins):
            blocks.append((start, place))
            start = None
        if inside and start is None:
            start = place
    return blocks


def _add_speech(lines: list[Line], row: Row, words: list[str]) -> None:
    name, aside = layout.split_cue(row.cue)
    words = [text for text in words if not (text[0] == "(" and layout.is_voice(text))]
    speech = with_directions(layout.joined([f"({aside})", *words] if aside else words))
    again = bool(re.search(r"\(\s*cont", row.cue, re.IGNORECASE))
    if again and lines and lines[-1].speaker == name:
        # The same speech, cut by a page break.
        lines[-1] = Line(name, f"{lines[-1].text} {speech}")
    elif any(map(str.isalnum, speech)):
        lines.append(Line(name, speech))


def _add_action(lines: list[Line], block: list[str], dropped: collections.Counter[str]) -> None:
    """Adds the headings and directions of a paragraph."""
    words: list[str] = []
    for row in [*block, ""]:
        # Within a paragraph, words in capitals are part of it.
        is_first = not words
        capitals = row.upper() == row
        is_heading = bool(layout.HEADING.match(row)) and (is_first or capitals)
        is_transition = layout.is_transition(row) and (is_first or row.endswith(":"))
        is_camera = (
            is_first
            and capitals
            and bool(layout.CAMERA.fullmatch(row) or layout.DIVISION.fullmatch(row))
        )
        if row and not (is_heading or is_transition or is_camera):
            words.append(row)
            continue
        if text := layout.direction(layout.joined(words)):
            lines.append(Line("", text))
        words.clear()
        if is_heading:
            lines.append(Line("", layout.heading(row)))
        elif row:
            dropped["transitions" if is_transition else "camera directions"] += 1


FORMAT = Format("screenplay", "screenplay with each name on its own line", score, read)
