"""The reader of books as Project Gutenberg types them, prose and plays."""

import collections
import re
from collections.abc import Iterator

START = re.compile(r"\*\*\* ?START OF TH[^\n]*\n")
END = re.compile(r"\*\*\* ?END OF TH|End of (?:the |this )?Project Gutenberg|\nEnd of Project")
EDITORIAL = re.compile(
    r"\[(?:Illustration|Footnote|Transcriber|Sidenote|Note|Pg|Page|Decoration|Device|Music)"
    r"(?:[^\[\]]|\[[^\[\]]*\])*\]",
    re.IGNORECASE,
)
NOTE_MARK = re.compile(r"\[(?:\d+|[A-Z*])\]|\{\d+\}")
ADVERTISEMENT = re.compile(
    r"\b(?:8vo|12mo|16mo|pp\.)|\bcloth gilt|(?:\d[ds.]|\$\d\.\d\d) net\b|postage \d"
)
# What a book's first and last pages hold beside the book itself.
FRONT_MATTER = re.compile(
    r"^(?:Produced by|E-?text prepared|Etext prepared|This etext|This eBook|Electronic edition|"
    r"by [A-Z]|By [A-Z]|BY [A-Z]|Illustrat|Translat|Copyright|First published|Published|Author of|"
    r"\W*Printed in|\W*Printed by|All rights|Table of Contents|Contents|CONTENTS|Chapter$|"
    r"Dedication|To the memory|\[?Dedicat|Frontispiece|List of|With .{0,20}[Ii]llustrations|"
    r"To face page|\(Picture|Dramatis|Persons|Characters|The (?:scene|action) )|"
    r"Distributed Proofread|Project Gutenberg|\bhttps?:|www\.|\S@\S+\.\w|Printing Office|"
    r"TRANSCRIBER|Transcriber|\bthis etext\b|\bProofread"
)
LAST_PAGES = re.compile(
    r"^\W*(?:Transcriber.?s? Notes?|TRANSCRIBER|FOOTNOTES|Footnotes|NOTES|INDEX|ADVERTISEMENTS|"
    r"(?:THE|The) (?:END|End)\b|FINIS|Finis\b)"
)
HEADING = re.compile(
    r"^\W*(?:CHAPTER|Chapter|BOOK|Book|PART|Part|ACT|Act|SCENE|Scene|VOLUME|EPISODE|STAVE|CANTO)"
    r"\s+(?:[IVXLC]+|\d+|[A-Za-z]+)\b\W*(?:.{0,60})$"
)
NOTE = re.compile(r"^(?:Footnote|Note|NOTE|\[?\d+[\].])\b|^\[?Note ?\[?\d")
TITLE = r"(?:(?:MRS|MR|DR|ST|Mrs|Mr|Dr|Miss|Sir|Lady|Lord)\b\.? )?"
ASIDE = r"(?:[,.]?\s*[\[(]_?([^\])]{1,400}?)_?\.?[\])])?"
# NORA. ... or NORA (laughing). ... or NORA: ... at a paragraph's start, as old plays are printed.
CAPITAL_SPEAKER = re.compile(
    rf"_?({TITLE}[A-Z](?:[A-Z'’ -]{{0,28}}[A-Z])?)_?"
    rf"(?:{ASIDE}\s*_?[.:]_?\s*(?:[-–—]+\s*)?| [\[(]_?([^\])]{{1,400}}?)_?\.?[\])] )(?=\S)"
)
# Nora. ... or Nora (laughing). ...: only in a play, where the same names come again and again.
MIXED_SPEAKER = re.compile(
    rf"_?({TITLE}[A-Z][a-zA-Z'’]{{1,14}}(?: [A-Z][a-zA-Z'’]{{1,14}})?)_?{ASIDE}\s*[.:]_?\s*(?=\S)"
)
# Words in capitals before a full stop that name no speaker.
NO_SPEAKERS = frozenset(
    (
        *("i", "a", "o", "no", "yes", "oh", "ah", "act", "scene", "time", "place", "note", "finis"),
        *("end", "chapter", "curtain", "preface", "prologue", "epilogue", "introduction", "mr"),
        *("mrs", "dr"),
    )
)
TITLE_WORDS = frozenset(
    ("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with")
)
COMMON = frozenset(
    ("the", "and", "to", "of", "a", "in", "that", "it", "is", "was", "he", "for", "you", "with")
)
MIN_COMMON = 0.12  # English prose has 0.25, plays 0.2; other languages below 0.05
EDGE = 60  # paragraphs at each end of a book in which front matter and notes are looked for


def read_plain_book(text: str) -> Iterator[list[str]]:
    """A book with hard line ends and blank lines between paragraphs.

    Left out: the licence, title pages, contents, cast lists, headings, verse, footnotes,
    transcribers' notes, and whole books that are not in English.
    """
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    language = re.search(r"^Language:\s*(\w+)", text, re.MULTILINE)
    if language and language.group(1) != "English":
        return
    if match := START.search(text):
        text = text[match.end() :]
    if match := END.search(text):
        text = text[: match.start()]
    blocks = [block for block in re.split(r"\n\s*\n", EDITORIAL.sub("", text)) if block.strip()]
    blocks = _without_edges(blocks)
    speakers = _mixed_speakers(blocks)
    paragraphs = []
    for block in blocks:
        if _is_list(block):
            continue
        paragraph = NOTE_MARK.sub("", _line(block))
        paragraph = re.sub(r"\s+([.,;!?])", r"\1", paragraph.replace("‘ ", "‘"))
        if _is_prose(paragraph):
            paragraphs.append(_speech(paragraph, speakers))
    paragraphs = [re.sub(r"(?<!\w)_|_(?!\w)|=|\*+", "", text).strip() for text in paragraphs]
    if _is_english(paragraphs):
        yield [text for text in paragraphs if text]


def _without_edges(blocks: list[str]) -> list[str]:
    """The blocks of a book without its first and last pages."""
    edge = min(EDGE, len(blocks) // 3)
    first = [_line(block) for block in blocks[:edge]]
    found = [place for place, block in enumerate(first) if FRONT_MATTER.search(block)]
    # What stands between two lines of front matter belongs to it, unless it is long.
    start = 0
    for place in found:
        if all(len(block) < 300 for block in first[start:place]):
            start = place + 1
    kept = [block for block in blocks[start:edge] if not FRONT_MATTER.search(_line(block))]
    end = len(blocks)
    for place in range(len(blocks) - 1, max(edge, len(blocks) - EDGE) - 1, -1):
        if LAST_PAGES.match(blocks[place]) or FRONT_MATTER.search(_line(blocks[place])):
            end = place
    return kept + blocks[edge:end]


def _line(block: str) -> str:
    return " ".join(block.split())


def _is_list(block: str) -> bool:
    """Whether a block is verse, contents or a table: lines that end before the margin."""
    lines = [line.strip() for line in block.strip("\n").split("\n")]
    if "|" in block or re.search(r"\S {4,}\S", block) or "....." in block:
        return True
    if len(lines) < 3:
        return bool(re.search(r"\s\d{1,3}$", block)) and len(lines) == 1
    capitals = sum(line[:1].isupper() or not line[:1].isalpha() for line in lines) / len(lines)
    width = sum(map(len, lines[:-1])) / (len(lines) - 1)
    return width < 52 and capitals > 0.85


def _is_prose(paragraph: str) -> bool:
    """Whether a paragraph is no heading, title, cast list, note or row of stars."""
    letters = sum(character.isalpha() for character in paragraph)
    if letters < 0.6 * len(paragraph) or letters < 2 or paragraph.isupper():
        return False
    if len(paragraph) < 90 and re.match(r"\d+[.:]? ", paragraph):  # a line of contents
        return False
    if HEADING.match(paragraph) or NOTE.match(paragraph) or ADVERTISEMENT.search(paragraph):
        return False
    words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", paragraph)
    capitals = sum(word.isupper() and len(word) > 1 for word in words)
    if capitals > 0.4 * len(words) and len(words) > 3:
        return False
    if paragraph[-1] in ".!?\"'”’:;,—-)]_*" or re.match(r"[\"“'‘]", paragraph):
        return True
    # No full stop: a title, unless the line is as long as a paragraph.
    titled = sum(word[0].isupper() or word in TITLE_WORDS for word in words)
    return len(words) > 12 and titled < 0.7 * len(words)


def _mixed_speakers(blocks: list[str]) -> frozenset[str]:
    """The speakers of a play that does not print names in capitals; none if it is no such play."""
    heads = collections.Counter(
        match.group(1) for block in blocks if (match := MIXED_SPEAKER.match(_line(block)))
    )
    names = {name: count for name, count in heads.items() if count >= 8}
    return frozenset(names) if sum(names.values()) > 0.35 * len(blocks) else frozenset()


def _speech(paragraph: str, speakers: frozenset[str]) -> str:
    """A paragraph of a play as `Name: (aside) speech`; prose as it is."""
    match = CAPITAL_SPEAKER.match(paragraph)
    if not match or match.group(1).lower() in NO_SPEAKERS:
        match = MIXED_SPEAKER.match(paragraph)
        if not match or match.group(1) not in speakers:
            return paragraph
    name, aside = match.group(1).title(), next(filter(None, match.groups()[1:]), "")
    speech = paragraph[match.end() :]
    name = re.sub(r"(['’])S\b", r"\1s", name).replace(".", "")
    return f"{name}: ({aside.lower()}) {speech}" if aside else f"{name}: {speech}"


def _is_english(paragraphs: list[str]) -> bool:
    words = re.findall(r"[^\W\d_]+", " ".join(paragraphs[:2000]).lower())
    return sum(word in COMMON for word in words) > MIN_COMMON * len(words)
