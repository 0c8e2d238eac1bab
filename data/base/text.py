"""Files of a source into documents of clean paragraphs, and documents into a text."""

import functools
import hashlib
import json
import pathlib
import re
from collections.abc import Iterator

from tqdm import tqdm

from data.atomic import atomic_write
from data.base.blocked import is_blocked
from data.base.duplicates import Duplicates
from data.base.readers import READERS, Reader
from data.base.sources import Source, natural_order
from data.base.typography import plain_text

ADDRESS = re.compile(r"https?:|www\.")
EXCLUDED_WORKERS = "blocked_workers.txt"


def read_source(source: Source, files: pathlib.Path, out: pathlib.Path) -> str:
    """Reads all files of a source into `out`: a JSON line for each document.

    Args:
        files: the folder that holds the source's repositories.

    Returns:
        The sha256 of what was written.
    """
    digest = hashlib.sha256()
    with atomic_write(out) as file:
        for document in _documents(source, files):
            line = json.dumps(document, ensure_ascii=False).encode() + b"\n"
            digest.update(line)
            file.write(line)
    return digest.hexdigest()


def _documents(source: Source, files: pathlib.Path) -> Iterator[dict]:
    for repository in source.repositories:
        folder = files / repository.folder
        paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        paths = sorted(filter(source.wants, paths), key=natural_order)
        reader = READERS[source.reader]
        if EXCLUDED_WORKERS in paths:
            paths.remove(EXCLUDED_WORKERS)
            workers = (folder / EXCLUDED_WORKERS).read_text(encoding="utf-8").split()
            reader = functools.partial(reader, excluded=frozenset(workers))
        alone = len(source.repositories) == 1
        for path in tqdm(paths, desc=f"read {source.name}", unit=" files", disable=None, leave=alone):
            title = path if alone else f"{repository.name}/{path}"
            yield from _read_file(reader, folder / path, title)


def _read_file(reader: Reader, path: pathlib.Path, title: str) -> Iterator[dict]:
    text = path.read_bytes().decode("utf-8", errors="replace")
    for number, paragraphs in enumerate(reader(text)):
        paragraphs = [plain_text(text) for text in paragraphs if not ADDRESS.search(text)]
        paragraphs = [text for text in paragraphs if any(map(str.isalnum, text))]
        if paragraphs:
            yield {"title": title, "number": number, "paragraphs": paragraphs}


def clean_source(read: pathlib.Path, out: pathlib.Path, duplicates: Duplicates) -> dict:
    """Writes the text of a source without blocked words and repeated documents.

    Paragraphs stand a blank line apart, documents two. A speech that follows a dropped one joins
    the speech before it if both are by the same speaker.

    Returns:
        The counts that the report tells.
    """
    counts = {"files": 0, "documents": 0, "paragraphs": 0, "words": 0, "blocked_paragraphs": 0}
    titles, dropped = set(), []
    with read.open(encoding="utf-8") as lines, atomic_write(out) as file:
        for line in tqdm(lines, desc=f"clean {out.stem}", unit=" documents", disable=None):
            document = json.loads(line)
            titles.add(document["title"])
            if duplicates.is_duplicate(document["paragraphs"]):
                dropped.append(document["title"])
                continue
            kept, blocked = without_blocked(document["paragraphs"])
            counts["blocked_paragraphs"] += blocked
            if not kept:
                continue
            counts["documents"] += 1
            counts["paragraphs"] += len(kept)
            counts["words"] += sum(len(text.split()) for text in kept)
            file.write(("\n\n".join(kept) + "\n\n\n").encode())
    counts["files"] = len(titles)
    return counts | {"duplicate_documents": len(dropped), "duplicate_titles": sorted(set(dropped))}


def without_blocked(paragraphs: list[str]) -> tuple[list[str], int]:
    """The paragraphs without blocked words, and how many were dropped."""
    kept: list[str] = []
    dropped = 0
    after_gap = False
    for text in paragraphs:
        if is_blocked(text):
            dropped += 1
            after_gap = True
            continue
        text = text.replace("*", "")
        speaker, colon, speech = text.partition(": ")
        if after_gap and kept and colon and kept[-1].startswith(speaker + ": ") and speech:
            kept[-1] += " " + speech
        else:
            kept.append(text)
        after_gap = False
    return kept, dropped
