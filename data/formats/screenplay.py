"""The reader of screenplays: each character's name on a line of its own, above the speech.

The lines may be indented, as printed screenplays and IMSDb have them, or not. Where no name is in
capitals, short lines that occur again and again above a speech are names.
"""

import collections
import re
from collections.abc import Sequence

from data.formats import layout
from data.formats.inline import with_directions
from data.formats.rows import Layout, Row, layout_of, name_of, rows_of
from data.formats.script import Format, Line, ReadOptions, Script

MIXED_NAME = re.compile(
    r"(?:[A-Z][\w'’.-]*|of|the|and|&|#?\d+)(?: (?:[A-Z][\w'’.-]*|of|the|and|&|#?\d+)){0,3}:?"
)
MIN_CUES = 3
MIN_MIXED = 3  # speeches of a name that is not in capitals
TITLE_PAGE_SHARE = 0.15  # of the lines; what is before the first scene may be a title page


def score(text: str, name: str) -> float:
    """How sure it is that names are on their own lines: the share of lines that are in speeches."""
    rows = rows_of(text, collections.Counter())
    written = sum(bool(row.text) for row in rows)
    speeches, marks = _outline(rows, layout_of(rows))
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
    rows = rows_of(text, dropped)
    style = layout_of(rows)
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
    counts = collections.Counter(name_of(row) for row in rows if row.cue)
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
    return style.names > 0 or (name_of(line) in style.known and rows[place - 1].text[-1:] in ".!?)")


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
    is_one_line = style.whole and not style.marked
    return is_one_line and not line.text.startswith("(") and not before.text.endswith(")")


def _first_scene(rows: Sequence[Row], speeches: set[int]) -> int:
    """The place of the first heading, transition or speech, if what is before it is short."""
    for place, row in enumerate(rows):
        is_part = row.text.startswith("[") or place in speeches
        if is_part or layout.HEADING.match(row.text) or layout.is_transition(row.text):
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
