"""The reader of Final Draft (.fdx) and of the Open Screenplay Format of Fade In (.osf)."""

import re
from typing import Any
from xml.parsers import expat

from data.command_line import UserError
from data.formats import elements
from data.formats.script import Format, ReadOptions, Script

START = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:FinalDraft|document\s[^>]*Open Screenplay)\b",
    re.DOTALL,
)
# The elements that hold the script, in lower case. Title page, notes and summaries are in others.
BODY = frozenset(("finaldraft", "document", "content", "paragraphs", "paragraph", "para", "text"))
BODY |= {"dualdialogue", "style"}
PARAGRAPHS = ("paragraph", "para")


def score(text: str, _name: str) -> float:
    """How sure it is that a text is of one of these formats: by its first element."""
    return 1.0 if START.match(text) else 0.0


def read(text: str, options: ReadOptions) -> Script:
    """The script in a document: its headings, directions and speeches.

    Raises:
        UserError: if it is not well-formed XML, declares entities, or holds no speech.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse  # entities that grow without bound are declared there
    try:
        parser.Parse(text.strip(), True)
    except expat.ExpatError as error:
        raise UserError(
            f"{options.path} is a damaged Final Draft document ({error}): save it as text (.txt)"
        ) from None
    except _Declaration:
        raise UserError(
            f"{options.path} declares XML entities, which no Final Draft document does"
        ) from None
    script = Script([], FORMAT.name)
    elements.add_elements(script, reader.found)
    if not script.cast():
        raise UserError(f"{options.path} holds no dialogue: a Final Draft document of another kind")
    return script


class _Declaration(Exception):
    """A declaration of a document type."""


def _refuse(*_: Any) -> None:
    raise _Declaration


class _Reader:
    """Collects the paragraphs of a document."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []  # (kind, text)
        self._path: list[str] = []  # the elements that are open
        self._outside = 0  # the number of these that hold no part of the script
        self._open: list[list[str]] = []  # [kind, piece of text, ...] of each open paragraph

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.casefold()
        self._path.append(name)
        self._outside += name not in BODY
        if self._outside:
            return
        if name in PARAGRAPHS:
            self._open.append([elements.kind_of(attributes.get("Type", "action"))])
        elif name == "style" and self._open:
            base = attributes.get("basestylename") or attributes.get("basestyle") or "action"
            self._open[-1][0] = elements.kind_of(base)

    def end(self, _name: str) -> None:
        name = self._path.pop()
        if self._outside:
            self._outside -= name not in BODY
        elif name in PARAGRAPHS:
            kind, *pieces = self._open.pop()
            self.found.append((kind, "".join(pieces)))

    def text(self, piece: str) -> None:
        if self._open and not self._outside and self._path[-1] == "text":
            self._open[-1].append(piece)


FORMAT = Format("finaldraft", "Final Draft (.fdx) or Fade In (.osf) screenplay", score, read)
