"""Rows of a table, or records of JSON, as the lines of a script."""

from collections.abc import Iterable, Sequence

from data.formats.columns import Columns
from data.formats.script import Line, Script
from data.speakers import SPEAKER

NO_SPEECH = {"", "nan", "NaN", "<NA>"}  # as tables write an empty cell


def add_rows(script: Script, rows: Iterable[Sequence[str]], columns: Columns) -> None:
    """Adds the speeches of rows to a script, and counts the rows without one."""
    for row in rows:
        speech = _cell(row, columns.dialogue)
        speaker = "" if columns.character is None else _cell(row, columns.character)
        if columns.names_inside and (match := SPEAKER.match(speech)):
            speaker, speech = match[1], speech[match.end() :].strip()
        if speech in NO_SPEECH:
            script.dropped["rows without a speech"] += 1
        else:
            script.lines.append(Line(speaker, speech))


def _cell(row: Sequence[str], place: int) -> str:
    return " ".join(row[place].split()) if place < len(row) else ""
