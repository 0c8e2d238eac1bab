"""Readers of the base's sources, one for each format.

A reader takes the text of one file and yields its documents: lists of paragraphs. A paragraph is
one line of plain text: prose, or `Name: speech`.
"""

from collections.abc import Callable, Iterator

from data.base.readers.ebook import read_xhtml_book
from data.base.readers.plain_book import read_plain_book
from data.base.readers.transcripts import (
    read_csv_dialogues,
    read_json_turns,
    read_markdown_transcript,
)

Reader = Callable[[str], Iterator[list[str]]]

READERS: dict[str, Reader] = {
    "markdown transcript": read_markdown_transcript,
    "json turns": read_json_turns,
    "csv dialogues": read_csv_dialogues,
    "xhtml book": read_xhtml_book,
    "plain book": read_plain_book,
}
