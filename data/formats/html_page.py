"""The reader of web pages and electronic books: transcripts in HTML."""

import re
import warnings
from typing import Any

from data.formats import html_source, inner
from data.formats.script import Format, ReadOptions, Script

TAGS = re.compile(
    r"</?(?:html|head|body|div|p|br|span|table|t[rdh]|b|i|strong|em|a|pre|h[1-6]|li|ul|dl|dt|dd|"
    r"font|script|style|section|article)\b[^<>]*>",
    re.IGNORECASE,
)
START = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html)\b", re.I | re.S
)
NOT_TEXT = (
    *("head", "script", "style", "noscript", "template", "iframe", "object", "svg", "canvas"),
    *("nav", "aside", "form", "button", "select", "textarea", "figure", "img", "video", "audio"),
)
NOT_CONTENT = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|igation|box)?|menu|sidebar|footer|breadcrumbs?|comments?|toc|cookie|"
    r"banner|advert\w*|ads?|share|social|related|login|search|catlinks|mw-editsection|reference|"
    r"noprint|printfooter|signature|noteref|sharedaddy|sr-only)(?:$|[\s_-])",
    re.IGNORECASE,
)
# Where a page keeps its text, the most exact first.
CONTENT = (
    *("pre", ".scrtext", ".mw-parser-output", ".page__main", ".entry-content", ".post-content"),
    *(".postbody", ".transcript", "article", "main", "#content", "#main"),
)
MIN_CONTENT = 0.5  # of the page's text
BLOCKS = frozenset(
    (
        *(
            "address",
            "article",
            "blockquote",
            "body",
            "center",
            "dd",
            "div",
            "dl",
            "dt",
            "fieldset",
        ),
        *("figcaption", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr"),
        *("html", "li", "main", "ol", "p", "section", "table", "tbody", "td", "th", "thead", "tr"),
        *("ul", "[document]"),
    )
)
BOLD = ("b", "strong")
SPEAKER = re.compile(
    r"(?:^|[\s_-])(?:speakers?|characters?|persona|actor|who)(?:$|[\s_-])|z3998:persona",
    re.IGNORECASE,
)
DIRECTION = re.compile(
    r"stage-?direction|(?:^|[\s_-])(?:directions?|action|parenthetical)(?:$|[\s_-])", re.IGNORECASE
)
MAX_NAME = 60
NAME_ALONE = re.compile(r"\*\*[^*\n]+:\*\*(?: \([^()\n]*\))?")  # the speech is in the next block


def score(text: str, name: str) -> float:
    """How sure it is that a text is HTML: by its tags."""
    if START.match(text):
        return 0.99
    tags = len(TAGS.findall(text))
    words = len(text.split())
    return 0.9 if tags >= 10 and tags > 0.05 * words else 0.0


def read(text: str, options: ReadOptions) -> Script:
    """The script in a web page.

    Left out: scripts, styles, menus, forms, comments of readers, and paragraphs of links.
    """
    converted, removed = page_text(text)
    script = inner.read(converted, options, FORMAT.name)
    if removed:
        script.dropped["menus, forms and other parts of the page"] += removed
    return script


def page_text(text: str) -> tuple[str, int]:
    """(the text of a web page with a speaker's name as `**Name:**`, number of parts left out)."""
    import bs4  # imported here because other formats do not need it

    text = html_source.parsable(text)
    if not html_source.is_regular(text):
        return html_source.flat_text(text), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs4.XMLParsedAsHTMLWarning)
        warnings.simplefilter("ignore", bs4.MarkupResemblesLocatorWarning)
        page = bs4.BeautifulSoup(text, "html.parser")
    unwanted = [
        *page.find_all(NOT_TEXT),
        *page.find_all(string=lambda each: isinstance(each, bs4.element.PreformattedString)),
        *page.find_all(_is_not_content),
    ]
    for element in unwanted:
        element.extract()
    content = _content(page)
    if content.name == "pre":
        blocks = [each.get_text() for each in page.find_all("pre")]
        return "\n\n".join(blocks), len(unwanted)
    return _Writer().text_of(content), len(unwanted)


def _is_not_content(element: Any) -> bool:
    classes = element.get_attribute_list("class", [])
    if classes == ["author"]:  # of a message in a forum
        return True
    words = " ".join([*classes, element.get("id") or ""])
    kind = element.get("epub:type") or ""
    unwanted = NOT_CONTENT.search(words) or re.search(r"noteref|endnote|titlepage", kind)
    return bool(unwanted) and element.name not in ("html", "body")


def _content(page: Any) -> Any:
    """The element that holds most of a page's text."""
    total = len(page.get_text(" ", strip=True))
    for selector in CONTENT:
        found = page.select(selector)
        size = sum(len(each.get_text(" ", strip=True)) for each in found)
        if found and size > MIN_CONTENT * total:
            return found[0] if len(found) == 1 or selector == "pre" else page
    return page


class _Writer:
    """Writes the elements of a page as paragraphs of text."""

    def __init__(self) -> None:
        self.paragraphs: list[str] = []
        self.words: list[str] = []
        self.linked = 0  # characters of the paragraph in links

    def text_of(self, element: Any) -> str:
        self.write(element)
        self.flush()
        return "\n\n".join(self.paragraphs)

    def write(self, element: Any) -> None:
        if element.name is None:
            text = re.sub(r"\s+", " ", element)
            if self.words and self.words[-1].endswith(":** "):
                text = re.sub(r"^\s*:", "", text)  # <b>Ann</b>: hello
            self.words.append(text)
        elif element.name == "br":
            self.words.append("\n")
        elif element.name == "tr":
            self.row(element.find_all(("td", "th"), recursive=False))
        elif element.name == "dt":
            self.flush()
            self.words.append(named(_line(element)))
            self.flush()
        elif element.name in ("h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup"):
            self.flush()
            if heading := _line(element):
                self.paragraphs.append(f"## {heading}")
        elif element.name in BLOCKS:
            self.flush()
            kind = _kind(element)
            if SPEAKER.search(kind) and 0 < len(text := _line(element)) <= MAX_NAME:
                self.words.append(named(text))
            elif DIRECTION.search(kind) and not element.find(BLOCKS):
                self.words.append(in_parentheses(_line(element)))
            else:
                self.children(element)
            self.flush()
        else:
            self.inline(element)

    def children(self, element: Any) -> None:
        for child in element.children:
            self.write(child)

    def inline(self, element: Any) -> None:
        if any(child.name in BLOCKS for child in element.find_all(True)):
            self.children(element)
            return
        text = _line(element)
        at_start = self.is_at_start()
        if element.name == "a":
            self.linked += len(text)
        if text and at_start and self.is_name(element, text):
            self.words.append(named(text) + " ")
        elif text and DIRECTION.search(_kind(element)):
            self.words.append(f" {in_parentheses(text)} ")
        else:
            self.children(element)

    def is_at_start(self) -> bool:
        """Whether nothing but spaces is before the next word in its line."""
        last = next((words for words in reversed(self.words) if words.strip(" ")), "\n")
        return last.rstrip(" ").endswith("\n")

    def is_name(self, element: Any, text: str) -> bool:
        """Whether an element at the start of a line names the speaker of what follows."""
        if len(text) > MAX_NAME or text.startswith(("(", "[")):
            return False
        if SPEAKER.search(_kind(element)):
            return True
        after = element.next_sibling
        following = after.get_text() if after is not None else ""
        is_alone = not following.strip() or (after.name == "br")
        return element.name in BOLD and not is_alone

    def row(self, cells: list[Any]) -> None:
        """Writes a row of a table: a speech if the first of two cells is short."""
        self.flush()
        texts = [_line(cell) for cell in cells]
        if len(cells) == 2 and 0 < len(texts[0]) <= MAX_NAME:
            self.words.append(named(texts[0]))
            self.flush()
            self.children(cells[1])
            self.flush()
            return
        for cell in cells:
            self.children(cell)
            self.flush()

    def flush(self) -> None:
        """Ends a paragraph; leaves it out if it consists of links."""
        lines = [" ".join(line.split()) for line in "".join(self.words).split("\n")]
        text = "\n".join(lines).strip("\n")
        text = re.sub(r"\(\s*\(([^()]*)\)\s*\)", r"(\1)", text)
        if text and self.linked < 0.6 * len(text):
            is_speech = text.startswith("**")  # then the name before it said no words
            if self.paragraphs and NAME_ALONE.fullmatch(self.paragraphs[-1]) and not is_speech:
                text = f"{self.paragraphs.pop()} {text}"
            self.paragraphs.append(text)
        self.words.clear()
        self.linked = 0


def _line(element: Any) -> str:
    return " ".join(element.get_text().split())


def _kind(element: Any) -> str:
    return " ".join([*element.get_attribute_list("class", []), element.get("epub:type") or ""])


def named(name: str) -> str:
    """A speaker's name as Markdown transcripts have it."""
    name = name.strip(" :.[]*")
    return f"**{name}:**" if any(map(str.isalnum, name)) else ""


def in_parentheses(text: str) -> str:
    """A stage direction in one pair of parentheses."""
    return f"({text.strip('()[] ')})" if any(map(str.isalnum, text)) else ""


FORMAT = Format("html", "web page or electronic book (HTML)", score, read)
