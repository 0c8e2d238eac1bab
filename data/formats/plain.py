"""Text in the form `Name: speech`, which is learned as it stands; also text without speakers."""

import re

from data.formats.script import Format, Line, ReadOptions, Script
from data.speakers import SPEAKER

OTHER = re.compile(r"^[^:()\[\]\"\n]{1,40}\s*[(\[][^()\[\]\n]*[)\]]\s*:\s", re.MULTILINE)
NUMBER = re.compile(r"\d+[.)]\s")  # of a line, which is no part of a name
MIN_SHARE = 0.3  # of the lines; with fewer speakers a text may well be something else


def score(text: str, _name: str) -> float:
    """How sure it is that a text is `Name: speech`; low but not 0 for text without speakers."""
    lines = [line for line in text.splitlines() if line.strip()]
    names = [match[1] for line in lines if (match := SPEAKER.match(line))]
    share = sum(not NUMBER.match(name) for name in names) / max(1, len(lines))
    return 0.5 + 0.3 * share if share >= MIN_SHARE else 0.1 + share


def read(text: str, _options: ReadOptions) -> Script:
    """The script with its text verbatim, but for the line ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = []
    for line in text.split("\n"):
        if stripped := line.strip():
            match = SPEAKER.match(line)
            lines.append(
                Line(match[1], line[match.end() :].strip()) if match else Line("", stripped)
            )
    notes = []
    if other := len(OTHER.findall(text)):
        notes.append(
            f"{other:,} lines are `Name (aside): speech`, which plain text does not read as a "
            "speaker: --format transcript does"
        )
    return Script(lines, FORMAT.name, notes=notes, text=text)


FORMAT = Format("plain", "plain text, `Name: speech`", score, read)
