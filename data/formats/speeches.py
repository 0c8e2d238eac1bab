"""Rows of a table, or records of JSON, as the lines of a script."""

import html
import re
from collections.abc import Iterable, Sequence

from data.formats.columns import Columns
from data.formats.script import Line, Script
from data.speakers import SPEAKER

NO_SPEECH = {"", "nan", "NaN", "NA", "NULL", "<NA>"}  # as tables write an empty cell


TAG = re.compile(r"</?(i|b|u|em|strong|span|font|p|br)(?: [^<>]{0,200})?/?>", re.IGNORECASE)


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
    if place >= len(row):
        return ""
    text = row[place]
    if "<" in text or "&" in text:
        text = html.unescape(
            TAG.sub(lambda tag: " " if tag[1].lower() in ("br", "p") else "", text)
        )
    return " ".join(text.split())
