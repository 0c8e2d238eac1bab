"""Readers of the base's sources, one for each format: a file's text into paragraphs.

A paragraph is one line of output: prose, or `Name: speech`. Each reader takes the text of one file
and yields its paragraphs in order.
"""

import csv
import html.parser
import io
import json
import re
from collections.abc import Iterator

# Two people talk in each of the self-dialogues, which name nobody.
FIRST_NAMES = (
    *("Alex", "Anna", "Ben", "Carla", "Claire", "Dan", "David", "Ella", "Emma", "Frank", "Grace"),
    *("Hannah", "Henry", "Jack", "James", "Jane", "Joe", "John", "Julia", "Kate", "Laura", "Leo"),
    *("Linda", "Lucy", "Maria", "Mark", "Mary", "Max", "Mike", "Nick", "Nina", "Oscar", "Paul"),
    *("Peter", "Rachel", "Robert", "Rosa", "Ruth", "Sam", "Sarah", "Simon", "Sophie", "Susan"),
    *("Tom", "Victor", "Wendy", "Will"),
)
MARKDOWN_SPEAKER = re.compile(r"\*\*([^*\n]{1,60}?):?\*\*:?\s*")
MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()]*\))*(?:\s\"[^\"]*\")?\)")
TIME_STAMP = re.compile(r"\\?\[(?:unintelligible )?\d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?\\?\]")
BLOCK_TAGS = frozenset(
    "p h1 h2 h3 h4 h5 h6 li tr td th blockquote div section article header dt dd hr title".split()
)
GUTENBERG_START = re.compile(r"\*\*\* ?START OF TH[^\n]*\n")
GUTENBERG_END = re.compile(r"\*\*\* ?END OF TH|End of (?:the |this )?Project Gutenberg")
# NORA. ... or NORA (laughing). ... or NORA: ... at a paragraph's start, as old plays are printed.
CAPITAL_SPEAKER = re.compile(
    r"(?:_)?([A-Z][A-Z'’. -]{1,28}?[A-Z])(?:_)?"
    r"(?:[,.]?\s*[\[(]_?([^\])]{1,80}?)_?\.?[\])])?\s*[.:]\s*(?:[-–—]+\s*)?(?=\S)"
)


def read_markdown_transcript(text: str) -> Iterator[str]:
    """A podcast's transcript: **Name:** before each speech, first names only."""
    speaker = ""
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        block = " ".join(block.split())
        if not block or block.startswith(("#", ">", "|", "---", "```", "- [", "* [", "<")):
            continue
        block = TIME_STAMP.sub("", MARKDOWN_LINK.sub(r"\1", block))
        if match := MARKDOWN_SPEAKER.match(block):
            speaker, block = first_name(match.group(1)), block[match.end() :]
        block = re.sub(r"\\?\[([^\[\]]{1,60}?)\\?\]", r"(\1)", block)  # [laughs]
        block = re.sub(r"\\(.)", r"\1", re.sub(r"\*+|`|(?<!\w)_|_(?!\w)", "", block)).strip()
        if "http" in block or "www." in block or not block:
            continue
        yield f"{speaker}: {block}" if speaker else block


def read_json_turns(text: str) -> Iterator[str]:
    """A game's transcript: TURNS, each with NAMES and UTTERANCES."""
    for turn in json.loads(text)["TURNS"]:
        speech = " ".join(" ".join(turn["UTTERANCES"]).split())
        name = first_name(turn["NAMES"][0]) if len(turn["NAMES"]) == 1 else "All"
        if speech:
            yield f"{name}: {speech}"


def read_csv_dialogues(text: str, blocked: frozenset[str] = frozenset()) -> Iterator[str]:
    """Dialogues of crowd workers: columns Answer.sentence1 and so on, a dialogue a row.

    Args:
        blocked: workers whose dialogues are left out.
    """
    csv.field_size_limit(1 << 24)
    for row in csv.DictReader(io.StringIO(text, newline="")):
        if row.get("AssignmentStatus") == "Rejected" or row.get("WorkerId") in blocked:
            continue
        turns = []
        while turn := " ".join((row.get(f"Answer.sentence{len(turns) + 1}") or "").split()):
            turns.append(turn)
        if len(turns) < 4:
            continue
        # The same two names for the same row, whatever was read before it.
        number = sum(map(ord, row.get("AssignmentId") or turns[0]))
        names = FIRST_NAMES[number % len(FIRST_NAMES)], FIRST_NAMES[(number * 7 + 3) % 47]
        names = names if names[0] != names[1] else (names[0], "Eve")
        for place, turn in enumerate(turns):
            yield f"{names[place % 2]}: {turn}"


def read_xhtml_book(text: str) -> Iterator[str]:
    """A chapter of an electronic book: paragraphs, and plays as tables of persona and speech."""
    book = _Book()
    book.feed(text)
    book.close()
    yield from book.paragraphs


class _Book(html.parser.HTMLParser):
    """Collects the paragraphs of a chapter."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[str] = []
        self.words: list[str] = []
        self.persona = ""
        self.skipping: list[str] = []  # open elements whose text is no part of the book
        self.in_persona = False

    def handle_starttag(self, tag, attributes):
        kind = dict(attributes).get("epub:type") or ""
        if self.skipping:
            self.skipping.append(tag) if tag not in ("br", "img", "hr", "link", "meta") else None
        elif tag in ("head", "figure", "nav") or "noteref" in kind or "endnote" in kind:
            self.skipping.append(tag)
        elif tag in BLOCK_TAGS:
            self.flush()
            self.in_persona = tag == "td" and "persona" in kind
        elif tag == "br":
            self.words.append(" ")

    def handle_endtag(self, tag):
        if self.skipping:
            if tag == self.skipping[-1]:
                self.skipping.pop()
        elif tag in BLOCK_TAGS:
            self.flush()
            if tag == "tr":
                self.persona = ""

    def handle_data(self, data):
        if not self.skipping:
            self.words.append(data)

    def flush(self):
        """Ends a paragraph."""
        text = " ".join("".join(self.words).split())
        self.words.clear()
        if self.in_persona:
            self.persona, self.in_persona = text.rstrip(".:").strip(), False
        elif text:
            self.paragraphs.append(f"{self.persona}: {text}" if self.persona else text)

    def close(self):
        super().close()
        self.flush()


def read_plain_book(text: str) -> Iterator[str]:
    """A book as Project Gutenberg types it: hard line ends, blank lines between paragraphs."""
    text = text.replace("\r\n", "\n")
    if match := re.search(r"^Language:\s*(\w+)", text, re.MULTILINE):
        if match.group(1) != "English":
            return
    if match := GUTENBERG_START.search(text):
        text = text[match.end() :]
    if match := GUTENBERG_END.search(text):
        text = text[: match.start()]
    text = re.sub(r"\[(?:Illustration|Footnote|Transcriber|Pg|Page)[^\]]*\]", "", text)
    for block in re.split(r"\n\s*\n", text):
        block = " ".join(block.split())
        letters = sum(character.isalpha() for character in block)
        # Titles, tables of contents, rows of stars.
        if letters < 0.6 * len(block) or letters < 3 or block.isupper():
            continue
        if match := CAPITAL_SPEAKER.match(block):
            name, aside = match.group(1).title(), match.group(2)
            speech = block[match.end() :]
            block = f"{name}: ({aside.lower()}) {speech}" if aside else f"{name}: {speech}"
        block = re.sub(r"(?<!\w)_|_(?!\w)|=|\*+", "", block)
        if block := block.strip():
            yield block


def first_name(name: str) -> str:
    """The first word of a name, capitalised: a speaker as most scripts write one."""
    words = name.replace("_", " ").split()
    word = words[0].strip(".,:;") if words else ""
    return word.title() if word.isupper() else word


READERS = {
    "markdown transcript": read_markdown_transcript,
    "json turns": read_json_turns,
    "csv dialogues": read_csv_dialogues,
    "xhtml book": read_xhtml_book,
    "plain book": read_plain_book,
}
