"""A script's text: capitals as people write them, its lines, and Fountain for screenwriters."""

import re
from collections.abc import Iterable

SPEAKER = re.compile(r'^([^:()\[\]"]{1,40}?):(?=\s|$)')
SENTENCE = re.compile(r'(^|[.!?]["\')]?\s+|["(]\s*(?=\S))([a-z])')
PRONOUN = re.compile(r"(?<![\w'-])i(?=$|[^\w-]|'(?:m|ll|d|ve)\b)")

HEADING = re.compile(r"(INT|EXT|EST|I/E)[. ]")  # what Fountain takes for a place
MAIN = 12  # further down the list stand passers-by, whose names are often common words
COMMON = {"man", "woman", "boy", "girl", "child", "clerk", "waitress", "waiter", "all", "both"}


def sentence_case(text: str, names: list[str]) -> str:
    """The model's lower case as people write it: sentences, "I", and the speakers' names.

    Changes nothing but case, and so no length.
    """
    single = [name for name in names[:MAIN] if name.isalpha() and name not in COMMON]
    named = (
        re.compile(rf"(?<![\w'])({'|'.join(map(re.escape, single))})(?![\w])") if single else None
    )
    cased = "\n".join(_line_case(line, named) for line in text.split("\n"))
    return cased if len(cased) == len(text) else text  # a letter like ß has a longer capital


def _line_case(line: str, named: re.Pattern[str] | None) -> str:
    speaker = SPEAKER.match(line)
    start = speaker.end() if speaker else 0
    head = _title(line[:start]) if line[:start].islower() else line[:start]
    body = line[start:]
    space = body[: len(body) - len(body.lstrip())]
    body = body.lstrip()
    if not body.startswith(("(", "[")):
        body = SENTENCE.sub(_raise, body)
    else:
        body = re.sub(r"([.!?]\s+|\)\s+)([a-z])", _raise, body)
    body = PRONOUN.sub("I", body)
    if named:
        body = named.sub(lambda match: match[1].capitalize(), body)
    return head + space + body


def _title(name: str) -> str:
    # Not str.title(), which makes "Bob'S" of "bob's".
    return re.sub(r"(^|[\s.-])(\w)", lambda match: match[1] + match[2].upper(), name)


def _raise(match: re.Match[str]) -> str:
    return match[1] + match[2].upper() if not match[1].startswith("(") else match[0]


def display_name(speaker: str) -> str:
    """A speaker's name as people write it: "man on phone" is "Man On Phone"."""
    return _title(speaker)


def opening(setting: str, first_line: str) -> str:
    """How a scene begins: a heading if there is a setting, then the first line."""
    setting = " ".join(setting.split()).strip("[]")
    heading = setting if setting.lower().startswith("setting:") else f"setting: {setting}"
    return "\n\n".join(part for part in (f"[{heading}]" if setting else "", first_line) if part)


def line_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of each line that is not blank: how lines are counted on the page, from 0."""
    spans, start = [], 0
    for line in text.split("\n"):
        if line.strip():
            spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


def speaker_of(line: str) -> str:
    """The name before a line's colon with the colon; empty for a line that nobody speaks."""
    match = SPEAKER.match(line.strip())
    return match[0] if match else ""


def fountain(text: str, title: str, notes: Iterable[str] = ()) -> str:
    """The scene in Fountain, the screenwriters' plain-text format (fountain.io/syntax).

    A heading in brackets becomes a forced scene heading, a line in brackets alone an action, a
    speaker a character in capitals, and a direction within a speech a parenthetical.
    """
    parts = [f"Title: {title}", *(f"Notes: {note}" for note in notes), ""]
    for start, end in line_spans(text):
        line = text[start:end].strip()
        speaker = speaker_of(line)
        if line.startswith("["):
            heading = re.sub(
                r"^\s*(setting|scene|location)\s*:\s*", "", line.strip("[] "), flags=re.I
            )
            parts += ["." + heading.upper(), ""]
        elif speaker:
            # "@" forces a character also where the name has no capital of its own.
            name = speaker[:-1].strip().upper()
            plain = name.isascii() and name[:1].isalpha() and not HEADING.match(name)
            parts += [name if plain else f"@{name}"]
            parts += [*_speech(line[len(speaker) :]), ""]
        else:
            alone = re.fullmatch(r"\((?P<inner>(?:[^()]|\([^()]*\))*)\)", line)
            parts += ["!" + (alone["inner"] if alone else line), ""]
    return "\n".join(parts).rstrip() + "\n"


def _speech(said: str) -> list[str]:
    pieces = [piece.strip() for piece in re.split(r"(\([^()]*\))", said)]
    # An empty speech would turn the name above it into an action.
    return [piece for piece in pieces if piece] or ["..."]
