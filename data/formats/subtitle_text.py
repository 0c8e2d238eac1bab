"""The reader of texts of subtitles and of recordings, as collections of episodes publish them.

A line may begin with a time, or one may stand on a line of its own. Dashes begin the speeches of
another person: "- Hello. - Hi.". Speakers are rarely named.
"""

import collections
import re
import statistics

from data.formats import layout
from data.formats.script import Format, ReadOptions, Script
from data.formats.subtitles import DASH, NEXT_DASH, Caption, script_of
from data.speakers import speaker_of

MIN_DASHES = 0.06  # of the lines
MAX_NAMES = 0.05  # of the lines, in front of a colon; in more, names are given
MAX_WIDTH = 60  # characters of a line in the middle; prose with dashes has longer ones
MIN_TIMES = 0.3  # of the lines, that begin with a time
TIME = re.compile(r"[\[(]?(?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?[\])]?(?:\s*[-–|:]\s+|\s+|:?$)")
ROW_END = re.compile(r"\s*(?:\||\[br\]|<br ?/?>)\s*", re.IGNORECASE)  # of two rows in a line


def score(text: str, _name: str) -> float:
    """How sure it is that a text is one of subtitles: short lines, dashes, no names."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if _is_timed(lines):
        lines = [rest for line in lines if (rest := re.sub(rf"^{TIME.pattern}", "", line))]
        named = sum(bool(speaker_of(line)) for line in lines)
        return 0.58 if lines and named <= MAX_NAMES * len(lines) else 0.0
    if len(lines) < 10 or statistics.median(map(len, lines)) > MAX_WIDTH:
        return 0.0
    rows = [row for line in lines for row in ROW_END.split(line)]
    dashes = sum(bool(DASH.match(row)) for row in rows)
    # Names in capitals are read: they stand where the speaker is not seen.
    names = sum(bool(name) and not name.isupper() for name in map(speaker_of, lines))
    enough = dashes >= MIN_DASHES * len(lines) and names <= max(1, MAX_NAMES * len(lines))
    return 0.55 if enough else 0.0


def read(text: str, _options: ReadOptions) -> Script:
    """The speeches in a text of subtitles, most without a speaker."""
    dropped: collections.Counter[str] = collections.Counter()
    text = layout.unix_lines(text).strip()
    if _is_timed([line for line in text.split("\n") if line.strip()]):
        text, dropped["time stamps"] = re.subn(rf"(?m)^[ \t]*{TIME.pattern}", "", text)
    blocks = re.split(r"\n\s*\n", text)
    if len(blocks) < 0.2 * text.count("\n"):  # each line is one caption
        blocks = [line for block in blocks for line in block.split("\n")]
    captions = []
    for block in blocks:
        rows = [row for line in block.split("\n") for row in ROW_END.split(line.strip())]
        # "One. - Two." in a line without a dash at its beginning
        parts = [part.strip() for row in rows for part in NEXT_DASH.split(row)]
        captions.append(Caption(0, 0, [part for part in parts if part]))
    return script_of(captions, dropped, FORMAT.name)


def _is_timed(lines: list[str]) -> bool:
    """Whether lines, or every second of them, begin with a time."""
    return sum(bool(TIME.match(line)) for line in lines) > MIN_TIMES * len(lines)


FORMAT = Format("captions", "text of subtitles without times", score, read)
