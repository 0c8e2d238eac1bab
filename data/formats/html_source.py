"""The source of a web page before it is parsed: limits under which the parser takes linear time."""

import html
import re

MAX_DEPTH = 200  # elements in each other; deeper pages are read without their elements
MAX_TAGS = 10_000  # in a page with few other characters
MIN_SPACING = 8  # characters for each tag, in a page with more tags
MAX_LOOSE = 100  # signs "<" that begin no tag; the parser reads on from each to the end of the page
HIDDEN = re.compile(r"<!--|<(script|style)\b", re.IGNORECASE)
END_OF_COMMENT = re.compile("-->")
END = {
    "script": re.compile(r"</script\b[^>]*>", re.IGNORECASE),
    "style": re.compile(r"</style\b[^>]*>", re.IGNORECASE),
}
TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*+)[^<>]*+>")
LOOSE = re.compile(r"<(?=[^<>]*(?:<|\Z))")
PARAGRAPH = re.compile(r"<p\b", re.IGNORECASE)
INLINE = frozenset(
    (
        *("a", "abbr", "b", "big", "cite", "code", "em", "font", "i", "mark", "q", "s", "small"),
        *("span", "strong", "sub", "sup", "tt", "u"),
    )
)
VOID = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
        *("source", "track", "wbr"),
    )
)


def parsable(text: str) -> str:
    """The source of a page without scripts, styles and comments, with each `<p>` closed."""
    text = without_hidden(text)
    loose = LOOSE.findall(text)
    if len(loose) > MAX_LOOSE:
        text = LOOSE.sub("&lt;", text)
    # Old pages do not end their paragraphs; the parser would nest them.
    return PARAGRAPH.sub(r"</p>\g<0>", text)


def without_hidden(text: str) -> str:
    """A source without the parts that a browser does not show."""
    kept, place = [], 0
    while match := HIDDEN.search(text, place):
        kept.append(text[place : match.start()])
        end = END_OF_COMMENT if match[1] is None else END[match[1].lower()]
        ending = end.search(text, match.end())
        if ending is None:  # not closed: hides the rest of the page
            return "".join(kept)
        place = ending.end()
    return "".join([*kept, text[place:]])


def is_regular(text: str) -> bool:
    """Whether a page may be parsed: its elements are not too deep, and its tags not too many."""
    tags = sum(1 for _ in TAG.finditer(text))
    return depth(text) <= MAX_DEPTH and (tags <= MAX_TAGS or MIN_SPACING * tags <= len(text))


def depth(text: str) -> int:
    """The largest number of elements in each other, as the parser nests them."""
    stack: list[str] = []  # of names
    is_open: dict[str, int] = {}
    deepest = 0
    for closing, name in TAG.findall(text):
        name = name.lower()
        if not closing and name not in VOID:
            stack.append(name)
            is_open[name] = is_open.get(name, 0) + 1
            deepest = max(deepest, len(stack))
        elif closing and is_open.get(name):
            while stack:
                last = stack.pop()
                is_open[last] -= 1
                if last == name:
                    break
    return deepest


def flat_text(text: str) -> str:
    """The text of a source, by its tags alone."""
    text = re.sub(r"\s+", " ", text)
    return html.unescape(TAG.sub(_break, text))


def _break(tag: re.Match[str]) -> str:
    name = tag[2].lower()
    return "" if name in INLINE else "\n" if name == "br" else "\n\n"
