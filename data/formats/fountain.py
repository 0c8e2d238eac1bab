"""The reader of Fountain, a plain-text screenplay format (https://fountain.io/syntax)."""

import collections
import re
from collections.abc import Iterator

from data.formats import layout
from data.formats.script import Format, Line, ReadOptions, Script

TITLE_PAGE = re.compile(
    r"(?:Title|Credit|Authors?|Source|Draft date|Date|Contact|Copyright|Notes?|Revision|Format|"
    r"Episode|Series|Show|Written by|Language|Font|Watermark|Header|Footer)\s*:",
    re.IGNORECASE,
)
# Neither alternative looks further than the next beginning, so that the search stays linear.
COMMENT = re.compile(r"/\*(?:(?!/\*).)*?\*/|\[\[[^\[\]]*(?:\](?!\])[^\[\]]*)*\]\]", re.DOTALL)
EMPHASIS = re.compile(r"(?<![\\*_\w])(\*{1,3}|_)(?=\S)([^*_\n]*\S)(?<!\\)\1(?![*_\w])")
ESCAPE = re.compile(r"\\([*_])")
FORCED = re.compile(
    r"^(?:\.(?=[^\W_a-z])(?!\.)|@(?=\S)|!(?=\S)|>(?=\s*\S)|~(?=\S)|={3,}\s*$)", re.MULTILINE
)
HEADING_NUMBER = re.compile(r"\s*#[\w.)-]+#\s*$")


def score(text: str, name: str) -> float:
    """How sure it is that a text is Fountain: by its title page, its forced elements, its cues."""
    body = layout.unix_lines(text).lstrip("\n ")
    page, _, rest = body.partition("\n\n")
    titled = bool(re.match(r"title\s*:", page, re.IGNORECASE)) and all(
        TITLE_PAGE.match(line) or line[:1].isspace() for line in page.splitlines()
    )
    lines = [line for line in body.splitlines() if line.strip()]
    if not lines:
        return 0.0
    cues = sum(kind == "cue" for kind, _ in elements(rest if titled else body))
    forced = sum(bool(FORCED.match(line)) for line in lines)
    if titled and (cues or forced):
        return 0.95
    if not cues or cues < 0.05 * len(lines):
        return 0.0
    if name.lower().endswith((".fountain", ".spmd")):
        return 0.95
    return 0.8 if forced > 0.05 * len(lines) else 0.0


def read(text: str, options: ReadOptions) -> Script:
    """The script in a Fountain file.

    Left out: the title page, notes, boneyards, sections, synopses, transitions, camera directions,
    page breaks and lyrics.
    """
    lines: list[Line] = []
    dropped: collections.Counter[str] = collections.Counter()
    name, speech, action = "", [], []
    for kind, line in [*elements(without_title_page(text, dropped)), ("end", "")]:
        if kind in ("speech", "direction"):
            speech.append(layout.direction(line) if kind == "direction" else plain(line))
            continue
        if words := " ".join(filter(None, speech)):
            lines.append(Line(name, words))
        speech.clear()
        if kind != "action" and (words := layout.direction(" ".join(action))):
            lines.append(Line("", words))
        if kind != "action":
            action.clear()
        if kind == "cue":
            name, aside = layout.split_cue(line)
            speech += [f"({aside})"] if aside else []
        elif kind == "heading":
            lines.append(Line("", layout.heading(plain(line))))
        elif kind == "action":
            action.append(plain(line))
        elif kind not in ("empty line", "end"):
            dropped[kind] += 1
    return Script(lines, FORMAT.name, dropped)


def plain(text: str) -> str:
    """A text without the marks of emphasis: "_I_ do *not*" is "I do not"."""
    if "*" not in text and "_" not in text:
        return " ".join(text.split())
    while text != (text := EMPHASIS.sub(r"\2", text)):
        pass
    return ESCAPE.sub(r"\1", " ".join(text.split()))


def without_title_page(text: str, dropped: collections.Counter[str]) -> str:
    """The text behind the title page, which ends with the first empty line."""
    text = layout.unix_lines(text).lstrip("\n ")
    if not TITLE_PAGE.match(text):
        return text
    page, _, text = text.partition("\n\n")
    dropped["lines of the title page"] += len(page.splitlines())
    return text


def elements(text: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of each line: "cue", "speech", "direction", "heading", "action", "empty line".

    Any other kind is left out of the script; it is named in plain words.
    """
    text = COMMENT.sub("", text)
    rows = ["", *(line.rstrip() for line in text.splitlines()), ""]
    in_speech = False
    for before, line, after in zip(rows, rows[1:], rows[2:], strict=False):
        row = line.strip()
        if not row:
            in_speech = False
            yield "empty line", ""
            continue
        if in_speech:
            yield ("direction" if row[0] == "(" and layout.closes_at_end(row) else "speech"), row
            continue
        alone = not before.strip()
        if row.startswith("!"):
            yield "action", row[1:]
        elif row.startswith("@") and alone:
            in_speech = True
            yield "cue", row[1:].removesuffix("^").strip()
        elif row.startswith(".") and not row.startswith(".."):
            yield "heading", HEADING_NUMBER.sub("", row[1:])
        elif row.startswith(">"):
            yield ("centred lines" if row.endswith("<") else "transitions"), row
        elif re.fullmatch(r"={3,}", row):
            yield "page breaks", row
        elif row[0] in "#=~":
            yield {"#": "sections", "=": "synopses", "~": "lyrics"}[row[0]], row
        elif alone and layout.HEADING.match(plain(row)):
            yield "heading", HEADING_NUMBER.sub("", row)
        elif alone and layout.is_transition(plain(row)):
            yield "transitions", row
        elif alone and after.strip() and (cue := layout.cue_of(plain(row))):
            in_speech = True
            yield "cue", cue
        elif alone and row.upper() == row and layout.CAMERA.fullmatch(plain(row)):
            yield "camera directions", row
        else:
            yield "action", row


FORMAT = Format("fountain", "Fountain screenplay (.fountain)", score, read)
