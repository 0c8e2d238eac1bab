"""The reader of electronic books: one XHTML file for each chapter."""

import html.parser
import re
from collections.abc import Iterator

BLOCK_TAGS = frozenset(
    ("p", "li", "tr", "td", "th", "blockquote", "div", "section", "article", "dt", "dd", "hr")
)
HEADINGS = frozenset(("head", "header", "hgroup", "h1", "h2", "h3", "h4", "h5", "h6"))
NOT_TEXT = HEADINGS | {"figure", "nav"}
NOT_PROSE = re.compile(r"noteref|endnote|z3998:(poem|song|hymn)")  # values of epub:type
VOID = frozenset(("br", "img", "hr", "link", "meta", "input"))  # elements without an end tag


def read_xhtml_book(text: str) -> Iterator[list[str]]:
    """A chapter of an electronic book: its paragraphs, without headings, notes, verse and figures.

    A play is a table, a row for each speech: persona and words. Stage directions are set in
    parentheses, as scripts have them.
    """
    chapter = _Chapter()
    # A void element that XHTML writes as <td/> would stay open in HTML.
    chapter.feed(re.sub(r"<(\w+)((?:\s[^<>]*)?)/>", _spelled_out, text))
    chapter.close()
    yield chapter.paragraphs


def _spelled_out(match: re.Match) -> str:
    tag, attributes = match.groups()
    return f"<{tag}{attributes}>" if tag in VOID else f"<{tag}{attributes}></{tag}>"


class _Chapter(html.parser.HTMLParser):
    """Collects the paragraphs of a chapter."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[str] = []
        self.words: list[str] = []
        self.cell: list[str] = []  # the paragraphs of a row of a play
        self.persona = ""
        self.in_row = self.in_persona = False
        self.skipping: list[str] = []  # open elements whose text is no part of the book
        self.directions: list[str] = []  # open elements within a stage direction

    def handle_starttag(self, tag, attributes):
        kind = dict(attributes).get("epub:type") or ""
        if self.skipping:
            if tag not in VOID:
                self.skipping.append(tag)
        elif tag in NOT_TEXT or NOT_PROSE.search(kind):
            self.skipping.append(tag)
        elif tag in BLOCK_TAGS:
            self.flush()
            if tag == "tr":
                self.in_row = True
            self.in_persona = tag == "td" and "persona" in kind
        elif tag == "br":
            self.words.append(" ")
        elif self.directions or "stage-direction" in kind:
            if not self.directions:
                self.words.append(" [")
            self.directions.append(tag)

    def handle_endtag(self, tag):
        if self.skipping:
            if tag == self.skipping[-1]:
                self.skipping.pop()
        elif self.directions and tag == self.directions[-1]:
            self.directions.pop()
            if not self.directions:
                self.words.append("] ")
        elif tag in BLOCK_TAGS:
            self.flush()
            if tag == "tr":
                self.end_row()

    def handle_data(self, data):
        if not self.skipping:
            self.words.append(data)

    def flush(self):
        """Ends a paragraph."""
        text = " ".join("".join(self.words).split())
        text = re.sub(r"\(\s*\[(.*?)\]\s*\)", r"[\1]", text).replace("[ ", "[").replace(" ]", "]")
        self.words.clear()
        self.directions.clear()
        if self.in_persona:
            self.persona, self.in_persona = re.sub(r"[\[\].:]+", "", text).strip(), False
        elif text:
            (self.cell if self.in_row else self.paragraphs).append(text)

    def end_row(self):
        """Ends a row of a play: one speech, or a stage direction."""
        if text := " ".join(self.cell):
            self.paragraphs.append(f"{self.persona}: {text}" if self.persona else text)
        self.cell.clear()
        self.persona, self.in_row = "", False

    def close(self):
        super().close()
        self.flush()
        self.end_row()
