"""A script's text: capitals, lines, speakers, and the Fountain format."""

import re
from collections.abc import Iterable

from data.speakers import SPEAKER

SENTENCE_START = re.compile(r'(^|[.!?]["\')]?\s+|["(]\s*(?=\S))([a-z])')
DIRECTION_SENTENCE_START = re.compile(r"([.!?]\s+|\)\s+)([a-z])")
TITLE = re.compile(r"(?<![\w'])(mr|mrs|ms|dr)(?=\.\s)")
# A capital within a sentence: a name. One at the beginning of a sentence says nothing.
NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+(?![\w'])")
PRONOUN_I = re.compile(r"(?<![\w'-])i(?=$|[^\w-]|'(?:m|ll|d|ve)\b)")
MAX_SKIPPED = 40  # characters of a text between two of its words, if one is written otherwise
# Speakers further down the list are minor parts, whose names are often common words.
MAIN_SPEAKERS = 12
COMMON_NOUNS = {
    *("man", "woman", "boy", "girl", "child", "clerk", "waitress", "waiter", "all", "both"),
}
FOUNTAIN_HEADING = re.compile(r"(INT|EXT|EST|I/E)[. ]")  # Fountain reads it as a scene heading
LINE_ENDS = (".", "!", "?", "…", "—", "--", ")", "]", '"', "'", "”", "’", "»")
HEADING_LABEL = re.compile(r"^\s*(setting|scene|location)\s*:\s*", re.IGNORECASE)


def sentence_case(text: str, names: list[str], others: Iterable[str] = ()) -> str:
    """The model's lower-case text with capitals: sentences, "I", titles, and names.

    It turns letters into capitals and changes nothing else, so the length stays the same.

    Args:
        names: the show's speakers, the most frequent first; only the main ones count.
        others: further names.
    """
    single = [name for name in names[:MAIN_SPEAKERS] if name.isalpha() and name not in COMMON_NOUNS]
    single += others
    named = (
        re.compile(rf"(?<![\w'])({'|'.join(map(re.escape, single))})(?![\w])") if single else None
    )
    cased = "\n".join(_line_case(line, named) for line in text.split("\n"))
    return cased if len(cased) == len(text) else text  # a letter like ß has a longer capital


def _line_case(line: str, named: re.Pattern[str] | None) -> str:
    speaker = SPEAKER.match(line)
    start = speaker.end() if speaker else 0
    head = display_name(line[:start]) if line[:start].islower() else line[:start]
    body = line[start:]
    space = body[: len(body) - len(body.lstrip())]
    body = body.lstrip()
    if not body.startswith(("(", "[")):
        body = SENTENCE_START.sub(_capitalize, body)
    else:
        body = DIRECTION_SENTENCE_START.sub(_capitalize, body)
    body = PRONOUN_I.sub("I", body)
    body = TITLE.sub(lambda match: match[1].title(), body)
    if named:
        # Not str.capitalize, which turns the capitals inside a name into small letters.
        body = named.sub(lambda match: match[1][:1].title() + match[1][1:], body)
    return head + space + body


def typed_names(text: str) -> list[str]:
    """The words that have a capital within a sentence, in lower case.

    Headings, and lines in which most words have capitals, are left out.
    """
    found: dict[str, None] = {}
    for line in text.split("\n"):
        if line.lstrip().startswith("["):
            continue
        body = line[len(speaker_prefix(line)) :]
        names = NAME.findall(body)
        if 2 * len(names) < len(body.split()):
            found |= dict.fromkeys(name.lower() for name in names)
    return list(found)


def with_letters_of(text: str, words: list[str]) -> list[str]:
    """Words of a text in their order, with the capitals that the text has.

    A word that the text writes in other letters stays as it is.
    """
    lower = text.lower()
    if len(lower) != len(text):  # a letter like İ has two small letters
        return words
    found, place = [], 0
    for word in words:
        bare = word.strip(" ")
        start = lower.find(bare.lower(), place, place + len(bare) + MAX_SKIPPED)
        if bare and start >= 0:
            place = start + len(bare)
            word = word.replace(bare, text[start:place])
        found.append(word)
    return found


def _capitalize(match: re.Match[str]) -> str:
    return match[1] + match[2].upper() if not match[1].startswith("(") else match[0]


def display_name(speaker: str) -> str:
    """A speaker's name with capitals: "man on phone" is "Man On Phone"."""
    # Not str.title, which makes "Bob'S" of "bob's".
    return re.sub(r"(^|[\s.-])(\w)", lambda match: match[1] + match[2].upper(), speaker)


def opening(setting: str, first_line: str) -> str:
    """The prompt of a new scene: a heading if there is a setting, then the first line.

    It ends with a blank line, after which the model begins a line, unless the first line is
    unfinished.
    """
    setting = " ".join(setting.split()).strip("[]")
    heading = setting if setting.lower().startswith("setting:") else f"setting: {setting}"
    parts = [f"[{heading}]" if setting else "", first_line if first_line.strip() else ""]
    return with_line_end("\n\n".join(part for part in parts if part))


def with_line_end(text: str) -> str:
    """A text with a blank line at its end if its last line is finished."""
    finished = text.rpartition("\n")[2].rstrip().endswith(LINE_ENDS)
    return text.rstrip() + "\n\n" if finished else text


def line_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of each line that is not blank. Line numbers of the page and API index it."""
    spans, start = [], 0
    for line in text.split("\n"):
        if line.strip():
            spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


def speaker_prefix(line: str) -> str:
    """The speaker's name with its colon; empty for a line without a speaker."""
    match = SPEAKER.match(line.strip())
    return match[0] if match else ""


def fountain(text: str, title: str, notes: Iterable[str] = ()) -> str:
    """The scene in Fountain, a plain-text screenplay format (https://fountain.io/syntax).

    A line in square brackets becomes a forced scene heading, another line without a speaker a
    forced action, a speaker a character in capitals, and a direction in a speech a parenthetical.
    """
    parts = [f"Title: {title}", *(f"Notes: {note}" for note in notes), ""]
    for start, end in line_spans(text):
        line = text[start:end].strip()
        speaker = speaker_prefix(line)
        if line.startswith("["):
            parts += ["." + HEADING_LABEL.sub("", line.strip("[] ")).upper(), ""]
        elif speaker:
            name = speaker[:-1].strip().upper()
            plain = name.isascii() and name[:1].isalpha() and not FOUNTAIN_HEADING.match(name)
            parts += [name if plain else f"@{name}"]  # "@" forces a character
            parts += [*_speech(line[len(speaker) :]), ""]
        else:
            alone = re.fullmatch(r"\((?P<inner>(?:[^()]|\([^()]*\))*)\)", line)
            parts += ["!" + (alone["inner"] if alone else line), ""]
    return "\n".join(parts).rstrip() + "\n"


def _speech(text: str) -> list[str]:
    parts = [part.strip() for part in re.split(r"(\([^()]*\))", text)]
    # Without a line below it, Fountain would read the character's name as an action.
    return [part for part in parts if part] or ["..."]
