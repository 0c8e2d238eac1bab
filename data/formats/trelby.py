"""The reader of Trelby (.trelby), a free program for screenwriters.

Each line begins with two characters: how the paragraph goes on behind it, and its kind.
"""

import re

from data.formats import elements, layout
from data.formats.script import Format, ReadOptions, Script

LINE = re.compile(r"([>+&|.])([\\._:(/=%@])(.*)")
KINDS = {
    "\\": "sceneheading",
    ".": "action",
    "_": "character",
    ":": "dialogue",
    "(": "parenthetical",
    "/": "transition",
    "=": "shot",
    "%": "note",
    "@": "newact",
}
LAST = "."  # of a paragraph's lines
WITHOUT_SPACE = "&"  # a word goes on in the next line


def score(text: str, _name: str) -> float:
    """How sure it is that a text is of this program: by its first line."""
    return 1.0 if re.match(r"\ufeff?#Version \d+\s*\n", text) and "\n._" in text else 0.0


def read(text: str, _options: ReadOptions) -> Script:
    """The script in a document, without its settings and title page."""
    found: list[tuple[str, str]] = []
    words = ""
    for line in layout.unix_lines(text).split("\n"):
        if match := LINE.fullmatch(line):
            words += match[3] + ("" if match[1] == WITHOUT_SPACE else " ")
            if match[1] == LAST:
                found.append((KINDS[match[2]], words))
                words = ""
    script = Script([], FORMAT.name)
    elements.add_elements(script, found)
    return script


FORMAT = Format("trelby", "Trelby screenplay (.trelby)", score, read)
