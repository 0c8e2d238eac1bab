"""The reader of MediaWiki wikitext, as wikis of fans and exports of their pages have it."""

import collections
import html
import re
from typing import Any

from data.command_line import UserError
from data.formats import html_source, inner, layout
from data.formats.script import Format, ReadOptions, Script

PAGE = re.compile(r"<text\b[^>]*>(.*?)</text>", re.DOTALL)  # of an export (Special:Export)
NAME = re.compile(r"^[:*#; \t]*+'{3}[^'\n]{1,60}?(?::'{3}|'{3}[^:\n]{0,80}:|'{3}\s)", re.MULTILINE)
MARKS = re.compile(
    r"^={2,6}[^=\n]+={2,6}\s*$|\[\[(?:[^\[\]\n]+)\]\]|\{\{[^{}]+\}\}|^[:*]+\s*'{2,3}|^;[^\n]+$",
    re.MULTILINE,
)
NO_PAGE_TEXT = re.compile(
    r"^\s*:?(?:file|image|category|[a-z]{2,3}(?:-[a-z]+)?)\s*:", re.IGNORECASE
)
SPEECH_TEMPLATES = frozenset(
    (
        *(
            "dialog",
            "dialogue",
            "dialogue line",
            "line",
            "speech",
            "say",
            "quote",
            "talk",
            "d",
            "l",
        ),
        *("transcript", "script", "conversation", "dialog line", "tl", "char", "speak"),
    )
)
LAYOUT_TEMPLATES = frozenset(("loc", "location", "scene", "setting"))
DEFINITION = re.compile(
    r"^;[ \t]{0,9}(\S[^:\n]{0,100}?)[ \t]{0,9}:?[ \t]{0,9}(?:\n:+[ \t]*+|:[ \t]*+)(?=\S)",
    re.MULTILINE,
)
DIRECTION = re.compile(r"^''((?:[^'\n]|'(?!'))+)''$", re.MULTILINE)
ITALICS = re.compile(r"(?<!')''(?!')")
LIST_MARK = re.compile(r"^[:*#]+\s*", re.MULTILINE)
MANY_LIST_MARKS = re.compile(r"(?<=^[:*#;]{10})[:*#;]++", re.MULTILINE)
RULE = re.compile(r"^-{4,}\s*$|^__[A-Z]+__\s*$|^#REDIRECT.*$", re.MULTILINE | re.IGNORECASE)

# The parser tries each mark that is never closed to the end of the page, in each of those before.
MAX_OPEN = 40
OPENING = {"{{": "}}", "[[": "]]", "{|": "|}", "[": "]", "<": ">"}
BRACKETS = re.compile(r"\{\||\|\}(?!\})|\{\{|\}\}|\[\[|\]\]|[\[\]>]|<(?=[a-zA-Z/])")
MAX_QUOTES = 400  # marks of bold and italics in a line


def score(text: str, name: str) -> float:
    """How sure it is that a text is wikitext: by its names in bold and its links."""
    if "<mediawiki" in text[:2000] and "<text" in text:
        return 1.0
    lines = sum(bool(line.strip()) for line in text.splitlines())
    names = len(NAME.findall(text))
    marks = len(MARKS.findall(text))
    if names + marks < 2 or not lines:
        return 0.0
    named = name.lower().endswith((".wiki", ".wikitext", ".mediawiki", ".mw"))
    if names > 0.2 * lines:
        return 0.97
    return 0.96 if marks > (0.1 if named else 0.3) * lines else 0.0


def read(text: str, options: ReadOptions) -> Script:
    """The script in wikitext, or in the pages of an export.

    Left out: templates other than those of speeches, pictures, categories, notes and comments.
    """
    pages = [html.unescape(page) for page in PAGE.findall(text)] if "<mediawiki" in text else [text]
    for page in pages:
        if not is_regular(page):
            raise UserError(
                f"{options.path} is no well-formed wikitext: many brackets or marks of bold text "
                "are never closed; if it is a script of another kind, give --format NAME"
            )
    converted = [page_text(page) for page in pages]
    script = inner.read("\n\n".join(page for page, _ in converted), options, FORMAT.name)
    if removed := sum(count for _, count in converted):
        script.dropped["templates, pictures, notes and comments"] += removed
    return script


def is_regular(text: str) -> bool:
    """Whether a page may be parsed: few brackets, elements and quotation marks are not closed."""
    if text.count("<!--") - text.count("-->") > MAX_OPEN:
        return False
    is_open: collections.Counter[str] = collections.Counter()
    for bracket in BRACKETS.findall(text):
        if bracket in OPENING:
            is_open[OPENING[bracket]] += 1
            if is_open.total() > MAX_OPEN:
                return False
        elif is_open[bracket]:
            is_open[bracket] -= 1
    return html_source.depth(text) <= MAX_OPEN and all(
        line.count("''") <= MAX_QUOTES for line in text.split("\n")
    )


def page_text(text: str) -> tuple[str, int]:
    """(the text of a page with marks only for bold and headings, number of parts left out)."""
    import mwparserfromhell  # imported here because other formats do not need it

    text = MANY_LIST_MARKS.sub("", text)
    text = DEFINITION.sub(r"'''\1:''' ", RULE.sub("", layout.unix_lines(text)))
    writer = _Writer()
    words = writer.text_of(mwparserfromhell.parse(text))
    words = ITALICS.sub("", DIRECTION.sub(_direction, LIST_MARK.sub("", words)))
    # Each line is a paragraph.
    return re.sub(r"\n+", "\n\n", words).strip(), writer.removed


def _direction(match: re.Match[str]) -> str:
    return f"({match[1].strip('()[] ')})"


class _Writer:
    """Writes the nodes of wikitext as text; counts those that it leaves out."""

    def __init__(self) -> None:
        self.removed = 0

    def text_of(self, code: Any) -> str:
        return "".join(self.node(node) for node in code.nodes) if code is not None else ""

    def node(self, node: Any) -> str:
        import mwparserfromhell.nodes as nodes

        if isinstance(node, nodes.Text):
            return str(node)
        if isinstance(node, nodes.HTMLEntity):
            return node.normalize() or ""
        if isinstance(node, nodes.Heading):
            return f"\n== {self.text_of(node.title).strip()} ==\n"
        if isinstance(node, nodes.Tag):
            return self.tag(node)
        if isinstance(node, nodes.Wikilink) and not NO_PAGE_TEXT.match(str(node.title)):
            return self.text_of(node.title if node.text is None else node.text)
        if isinstance(node, nodes.ExternalLink) and node.title is not None:
            return self.text_of(node.title)
        if isinstance(node, nodes.Template):
            return self.template(node)
        self.removed += 1
        return ""

    def tag(self, node: Any) -> str:
        kind = str(node.tag).strip().lower()
        if kind == "br":
            return "\n" if not node.wiki_markup else " "
        if kind in ("ref", "gallery", "style", "script", "references", "hr"):
            self.removed += kind != "hr"
            return ""
        if kind in ("li", "dd") and node.wiki_markup:
            return str(node.wiki_markup)
        if kind in ("table", "tr"):
            return f"\n{self.row(node)}\n{self.rows(node)}"
        contents = self.text_of(node.contents)
        if kind == "b":
            return f"'''{contents}'''" if contents.strip() else contents
        if kind == "i":
            return f"''{contents}''" if contents.strip() else contents
        return f"\n{contents}\n" if kind in ("div", "p", "center", "poem") else contents

    def rows(self, node: Any) -> str:
        """The rows of a table behind the first, which wikitext need not begin with a mark."""
        tags = node.contents.filter_tags(
            recursive=False, matches=lambda each: str(each.tag) == "tr"
        )
        return "".join(map(self.tag, tags))

    def row(self, node: Any) -> str:
        """The cells of a row of a table: a speech if the first of two is short."""
        tags = node.contents.filter_tags(
            recursive=False, matches=lambda each: str(each.tag) in ("td", "th")
        )
        if len(tags) > 1 and all(str(each.tag) == "th" for each in tags):  # names of the columns
            return ""
        cells = [" ".join(self.text_of(each.contents).split()) for each in tags]
        if len(cells) == 2 and 0 < len(cells[0]) <= 60:
            name = cells[0].strip("': ")
            return f"'''{name}:''' {cells[1]}"
        return "\n".join(cells)

    def template(self, node: Any) -> str:
        """A template of a speech as `'''Name:''' speech`, of a place as a heading."""
        kind = str(node.name).strip().lower().replace("_", " ")
        values = [self.text_of(each.value).strip() for each in node.params if not each.showkey]
        if kind == "quote":
            values = values[1::-1]  # the speech, then who says it
        if kind in SPEECH_TEMPLATES and len(values) >= 2 and not values[0]:
            direction = values[1].strip("'()[] ")
            return f"\n({direction})\n"
        if kind in SPEECH_TEMPLATES and len(values) >= 2 and len(values[0]) <= 60:
            return f"\n'''{values[0]}:''' {values[1]}\n"
        if kind in LAYOUT_TEMPLATES and values:
            return f"\n[setting: {values[0]}]\n"
        self.removed += 1
        return ""


FORMAT = Format("wiki", "MediaWiki wikitext, or an export of pages", score, read)
