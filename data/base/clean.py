"""The text of a source: its documents without blocked words and without repetitions."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Iterable

from tqdm import tqdm

from data.atomic import atomic_write
from data.base.blocked import is_blocked
from data.base.documents import Document
from data.base.duplicates import Duplicates

BETWEEN_PARAGRAPHS = "\n\n"
AFTER_DOCUMENT = "\n\n\n"


@dataclasses.dataclass
class Counts:
    """What a source's text holds, and what was left out of it."""

    files: int = 0
    documents: int = 0
    paragraphs: int = 0
    words: int = 0
    blocked_paragraphs: int = 0
    duplicate_documents: int = 0
    duplicate_titles: list[str] = dataclasses.field(default_factory=list)
    sha256: str = ""  # of the text


def write_text(documents: Iterable[Document], out: pathlib.Path, duplicates: Duplicates) -> Counts:
    """Writes the text of a source: a blank line between paragraphs, two between documents.

    Args:
        duplicates: has seen the documents of the sources before this one.
    """
    counts, titles, repeated = Counts(), set(), set()
    digest = hashlib.sha256()
    with atomic_write(out) as file:
        for document in tqdm(documents, desc=f"clean {out.stem}", unit=" documents", disable=None):
            titles.add(document.title)
            if duplicates.is_duplicate(document.paragraphs):
                counts.duplicate_documents += 1
                repeated.add(document.title)
                continue
            kept, blocked = without_blocked(document.paragraphs)
            counts.blocked_paragraphs += blocked
            if not kept:
                continue
            counts.documents += 1
            counts.paragraphs += len(kept)
            counts.words += sum(len(text.split()) for text in kept)
            content = (BETWEEN_PARAGRAPHS.join(kept) + AFTER_DOCUMENT).encode()
            digest.update(content)
            file.write(content)
    counts.files, counts.duplicate_titles = len(titles), sorted(repeated)
    counts.sha256 = digest.hexdigest()
    return counts


def without_blocked(paragraphs: list[str]) -> tuple[list[str], int]:
    """The paragraphs without a blocked word, and the number of the others.

    Where a speech is dropped between two speeches of one speaker, these become one.
    """
    kept: list[str] = []
    dropped = 0
    after_gap = False
    for text in paragraphs:
        if is_blocked(text):
            dropped += 1
            after_gap = True
            continue
        text = text.replace("*", "")  # kept so far because is_blocked looks for s**t
        speaker, colon, speech = text.partition(": ")
        if after_gap and kept and colon and kept[-1].startswith(speaker + ": ") and speech:
            kept[-1] += " " + speech
        else:
            kept.append(text)
        after_gap = False
    return kept, dropped
