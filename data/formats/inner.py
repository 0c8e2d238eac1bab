"""The reading of a text that is inside another format, such as a web page, by its own layout."""

import dataclasses

from data.formats import fountain, plain, screenplay, subtitle_text, transcript
from data.formats.inline import MARKED_HEADING, unspoken
from data.formats.script import ReadOptions, Script
from data.speakers import SPEAKER

# Of two formats with the same score, the earlier one is chosen.
TEXT_FORMATS = (
    *(plain.FORMAT, transcript.FORMAT, screenplay.FORMAT, fountain.FORMAT),
    subtitle_text.FORMAT,
)


def read(text: str, options: ReadOptions, outer: str) -> Script:
    """The script in a text that a reader has taken out of a file of the format `outer`."""
    chosen = max(TEXT_FORMATS, key=lambda each: each.score(text, ""))
    if chosen is plain.FORMAT and SPEAKER.search(text):
        # It joins the lines of a speech, which `plain` keeps as they stand.
        chosen = transcript.FORMAT
        if not _is_wrapped(text):
            text = text.replace("\n", "\n\n")
    script = chosen.read(text, options)
    lines = [
        unspoken(line.text) if not line.speaker and MARKED_HEADING.fullmatch(line.text) else line
        for line in script.lines
    ]
    notes = [f"its text is read as {chosen.description}", *script.notes]
    return dataclasses.replace(script, lines=lines, format=outer, text=None, notes=notes)


def _is_wrapped(text: str) -> bool:
    """Whether lines end where there was no more room: many begin in the middle of a sentence."""
    lines = [line.lstrip() for line in text.split("\n") if line.strip()]
    return sum(line[0].islower() for line in lines) > 0.1 * len(lines)
