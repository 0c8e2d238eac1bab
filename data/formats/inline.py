"""Marks inside a line of a transcript: emphasis, links, time stamps, headings, directions."""

import re

from data.formats.prefixes import STAMP
from data.formats.script import Line

MAX_MARKED = 20_000  # characters of a speech; the search for marks in pairs is slow in longer ones
LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()]*\))+(?:\s\"[^\"]*\")?\)")
WIKI_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
STAMP_INSIDE = re.compile(rf"(?<!\S)(?=\\?[\[(<{{]){STAMP}(?!\S)")
STAMP_BEFORE = re.compile(rf"^(?=\\?[\[(<{{]){STAMP}\s*")
EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|_{1,3}|'{2,5})(?=\S)(.{1,500}?)(?<=\S)\1(?![\w*])")
LOOSE_UNDERSCORE = re.compile(r"(?<!\w)_+|_+(?!\w)")
BULLET = re.compile(r"^(?:[•·●▪◦‣]\s*|[*–—-]\s+(?=[(\[]))")
GLUED = re.compile(r"((?:^|\s)\([^()]*\))(?=[^\W\d_a-z])")  # "(smiling)Hello"
BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+.!<>~|-])")
MARKED_HEADING = re.compile(r"(#{1,6})\s+(?P<hash>.*?)\s*#*|(={1,6})\s*(?P<wiki>.*?)\s*={1,6}")
HEADING = re.compile(
    r"(?:INT|EXT|EST|I/E|INT\.?/EXT)[. ].*"
    r"|(?:act|scene|episode|chapter|part)\s+(?:[ivxlc]+|\d+)\b.*"
    r"|(?:opening|closing|end(?:ing)?) credits|credits|commercial break|(?:the )?end",
    re.IGNORECASE,
)


def without_marks(text: str) -> str:
    """Text of a speech without emphasis, links, time stamps and escapes; spaces are single."""
    text = BREAK.sub(" ", text)
    if "[" in text:
        text = WIKI_LINK.sub(r"\1", LINK.sub(r"\1", text))
    if ":" in text:
        text = STAMP_INSIDE.sub("", text)
    for _ in range(2 if len(text) < MAX_MARKED else 0):  # bold inside italics
        text = EMPHASIS.sub(r"\2", text)
    text = LOOSE_UNDERSCORE.sub("", text)
    return " ".join(ESCAPE.sub(r"\1", text).split())


def with_directions(speech: str) -> str:
    """A speech with directions in parentheses: "(laughs)" for "[laughs]"."""
    speech = re.sub(r"\[([^\[\]]*)\]", r"(\1)", speech)
    return GLUED.sub(r"\1 ", speech) if ")" in speech else speech


def unspoken(text: str) -> Line:
    """A line without a speaker: a heading in brackets, a direction in parentheses, or narration."""
    text = BULLET.sub("", text.strip())
    if match := MARKED_HEADING.fullmatch(text):
        return Line("", f"[{without_marks(match['hash'] or match['wiki'] or '').strip('[] ')}]")
    text = without_marks(STAMP_BEFORE.sub("", text))
    if re.fullmatch(r"[(\[{].*[)\]}]", text) and text.count(text[0]) == 1:
        inner = text[1:-1].strip()
        is_heading = text[0] == "[" and (HEADING.fullmatch(inner) or re.match(r"[\w ]+:", inner))
        return Line("", f"[{inner}]" if is_heading else f"({inner})")
    return Line("", f"[{text}]" if HEADING.fullmatch(text) and len(text) < 80 else text)
