"""Rows of a table, or records of JSON, as the lines of a script."""

import functools
import html
import itertools
import re
from collections.abc import Callable, Iterable, Sequence

from data.formats.columns import Columns
from data.formats.script import Line, Script
from data.speakers import SPEAKER

NO_SPEECH = {"", "nan", "NaN", "NA", "NULL", "<NA>"}  # as tables write an empty cell


TAG = re.compile(r"</?(i|b|u|em|strong|span|font|p|br)(?: [^<>]{0,200})?/?>", re.IGNORECASE)


def add_rows(script: Script, rows: Iterable[Sequence[str]], columns: Columns) -> None:
    """Adds the speeches of rows to a script, and counts the rows without one."""
    for row in _single_speeches(rows, columns) if columns.names_inside else rows:
        speech = _cell(row, columns.dialogue)
        speaker = "" if columns.character is None else _cell(row, columns.character, _clean_name)
        if columns.names_inside and (match := SPEAKER.match(speech)):
            speaker, speech = match[1], speech[match.end() :].strip()
        if speech in NO_SPEECH:
            script.dropped["rows without a speech"] += 1
        else:
            script.lines.append(Line(speaker, speech))


def _single_speeches(rows: Iterable[Sequence[str]], columns: Columns) -> Iterable[Sequence[str]]:
    """The rows, with a row of its own for each line `Name: speech` in a cell of several lines."""
    for row in rows:
        text = row[columns.dialogue] if columns.dialogue < len(row) else ""
        parts = [part.strip() for part in text.split("\n") if part.strip()]
        starts = [place for place, part in enumerate(parts) if SPEAKER.match(part)]
        if starts in ([], [0]):
            yield row
            continue
        for start, end in itertools.pairwise([0, *starts[starts[0] == 0 :], len(parts)]):
            cells = list(row)
            cells[columns.dialogue] = " ".join(parts[start:end])
            yield cells


def _clean(text: str) -> str:
    if "<" in text or "&" in text:
        text = html.unescape(
            TAG.sub(lambda tag: " " if tag[1].lower() in ("br", "p") else "", text)
        )
    return " ".join(text.split())


_clean_name = functools.lru_cache(maxsize=4096)(_clean)  # names recur


def _cell(row: Sequence[str], place: int, clean: Callable[[str], str] = _clean) -> str:
    return clean(row[place]) if place < len(row) else ""
