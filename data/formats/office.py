"""The text of a document of a word processor: .docx, .odt."""

import io
import zipfile
from typing import Any
from xml.parsers import expat

from data.command_line import UserError
from data.formats import elements

MAX_XML = 128 << 20  # bytes of a document's text with its markup
# The file in the zip file that holds the text.
PARTS = {"word/document.xml": "Word document", "content.xml": "OpenDocument text"}
SHEETS = ("xl/workbook.xml", "ppt/presentation.xml")
PARAGRAPHS = ("w:p", "text:p", "text:h")
BREAKS = {"w:br": "\n", "w:cr": "\n", "w:tab": "\t", "text:line-break": "\n", "text:tab": "\t"}
BREAKS["text:s"] = " "
# Notes, comments, deleted text, and a second copy of the text in boxes.
NOT_TEXT = frozenset(
    ("mc:Fallback", "w:del", "text:note", "office:annotation", "text:tracked-changes")
)


def kind_of(content: bytes) -> str:
    """What a file's bytes are, in words, if they are a document with text; else ""."""
    if not content.startswith(b"PK\x03\x04"):
        return ""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            names = set(file.namelist())
    except zipfile.BadZipFile:
        return ""
    if names & set(SHEETS):
        return "spreadsheet"
    return next((kind for part, kind in PARTS.items() if part in names), "")


def text_of(content: bytes, path: str) -> str:
    """The text of a document, a line for each paragraph.

    Raises:
        UserError: if it is a spreadsheet, damaged, too large, or declares entities.
    """
    if kind_of(content) == "spreadsheet":
        raise UserError(f"{path} is a spreadsheet or a presentation: save it as CSV or text")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            part = next(part for part in PARTS if part in file.namelist())
            with file.open(part) as member:
                markup = member.read(MAX_XML + 1)
        if len(markup) > MAX_XML:
            raise UserError(f"{path} holds more than {MAX_XML >> 20} MB: save it as text (.txt)")
        reader = _Reader()
        parser = expat.ParserCreate()
        parser.StartElementHandler = reader.start
        parser.EndElementHandler = reader.end
        parser.CharacterDataHandler = reader.text
        parser.StartDoctypeDeclHandler = _refuse
        parser.Parse(markup, True)
    except (zipfile.BadZipFile, expat.ExpatError, RuntimeError, ValueError) as error:
        raise UserError(f"{path} is a damaged document ({error}): save it as text (.txt)") from None
    styles = [elements.kind_of(style) for style, _ in reader.found]
    lines = []
    spaced = elements.is_screenplay(each for each in styles if each)
    for style, (_, text) in zip(styles, reader.found, strict=True):
        in_speech = style in elements.SPEECHES or style in elements.ASIDES
        lines.append(text if not spaced or in_speech else f"\n{text}")
    return "\n".join(lines) + "\n"


def _refuse(*_: Any) -> None:
    raise ValueError("it declares a document type")


class _Reader:
    """Collects the paragraphs of a document."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []  # (style, text)
        self._open: list[list[str]] = []  # [style, piece of text, ...]
        self._is_word = False  # in .docx, text is in elements of its own
        self._words = 0  # of these that are open
        self._outside = 0  # open elements that hold no text of the document

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._is_word |= name == "w:document"
        self._outside += name in NOT_TEXT
        self._words += name == "w:t"
        if name in PARAGRAPHS:
            self._open.append([attributes.get("text:style-name", "")])
        elif self._open and name == "w:pStyle":
            self._open[-1][0] = attributes.get("w:val", "")
        elif self._open and name in BREAKS and not self._outside:
            self._open[-1].append(BREAKS[name])

    def end(self, name: str) -> None:
        self._outside -= name in NOT_TEXT
        self._words -= name == "w:t"
        if name in PARAGRAPHS:
            style, *pieces = self._open.pop()
            if not self._outside:
                self.found.append((style, "".join(pieces)))

    def text(self, piece: str) -> None:
        if self._open and not self._outside and (self._words or not self._is_word):
            self._open[-1].append(piece)
