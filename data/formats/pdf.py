"""The text of a PDF with the places of its lines kept, so that a screenplay's layout is seen."""

import collections
import io
import logging
import math
import re
from typing import Any

from data.command_line import UserError

MAGIC = b"%PDF-"
COLUMN = 7.2  # points, of Courier at 12 points, in which screenplays are printed
MIN_PAGES = 3  # with the same line at their top, which is then no part of the text


def is_pdf(content: bytes) -> bool:
    """Whether a file's bytes are a PDF."""
    return MAGIC in content[:1024]


def text_of(content: bytes, path: str) -> str:
    """The text of all pages, with the columns and empty lines of the printed page.

    Raises:
        UserError: if the PDF is damaged, needs a password, or holds pictures of pages only.
    """
    # Imported here because other formats do not need it.
    import pypdf
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # warns of each flaw that it mends
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UserError(f"{path} needs a password: save it without one")
        lefts = [_left(page) for page in reader.pages]
        first = min(lefts, default=math.inf)
        pages = [
            _page(page, left, first)
            for page, left in zip(reader.pages, lefts, strict=True)
            if left < math.inf
        ]
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path} cannot be read as PDF ({error}): convert it with pdftotext -layout {path}"
        ) from None
    if not pages:
        raise UserError(f"{path} holds pictures of pages, no text: it needs text recognition first")
    return "\f".join(_without_heads(pages))


def _page(page: Any, left: float, first: float) -> str:
    """The text of a page whose left margin is at `left`; that of the document is at `first`."""
    text = page.extract_text(extraction_mode="layout", layout_mode_space_vertically=True)
    # The layout begins at the left margin of each page, also of one that has only speeches.
    shift = " " * round((left - first) / COLUMN)
    lines = [(shift + line).rstrip() for line in text.split("\n")]
    # Fonts differ from the grid by a column or so; a run of empty lines is one.
    return re.sub(r"\n\n\n+", "\n\n", "\n".join(lines)).strip("\n")


def _left(page: Any) -> float:
    """The place of the leftmost text on a page, in points; infinity for a page without text."""
    found = [math.inf]

    def visit(text: str, matrix: Any, text_matrix: Any, *_: Any) -> None:
        if text.strip():
            found.append(text_matrix[4] * matrix[0] + matrix[4])

    page.extract_text(visitor_text=visit)
    return min(found)


def _without_heads(pages: list[str]) -> list[str]:
    """The pages without a line at the top or bottom that most share, apart from its number."""
    split = [page.split("\n") for page in pages]
    for place in (0, -1):
        counts = collections.Counter(_numberless(lines[place]) for lines in split)
        head, count = counts.most_common(1)[0]
        if head and count >= max(MIN_PAGES, len(pages) / 2):
            for lines in split:
                if _numberless(lines[place]) == head:
                    lines[place] = ""
    return ["\n".join(lines).strip("\n") for lines in split]


def _numberless(line: str) -> str:
    return " ".join(re.sub(r"\d+", "", line).split()).strip(" .-")
