"""The documents of a source, read from its files: episodes, dialogues, chapters, books."""

import dataclasses
import functools
import hashlib
import pathlib
import re
from collections.abc import Iterator

from tqdm import tqdm

from data import strict_json
from data.atomic import atomic_write
from data.base.readers import READERS, Reader
from data.base.sources import Source, natural_order
from data.base.typography import plain_text

ADDRESS = re.compile(r"https?:|www\.")
EXCLUDED_WORKERS = "blocked_workers.txt"  # a list that the self-dialogue corpus carries


@dataclasses.dataclass(frozen=True)
class Document:
    """A unit of text: sentences before and after it do not belong together."""

    title: str  # the file that it is from
    paragraphs: list[str]


def read_source(source: Source, files: pathlib.Path, out: pathlib.Path) -> str:
    """Reads all files of a source, in order, into `out`: one JSON line for each document.

    Args:
        files: the folder that holds the source's repositories.

    Returns:
        The sha256 of `out`.
    """
    digest = hashlib.sha256()
    with atomic_write(out) as file:
        for document in _documents(source, files):
            line = (
                strict_json.dumps(dataclasses.asdict(document), ensure_ascii=False).encode() + b"\n"
            )
            digest.update(line)
            file.write(line)
    return digest.hexdigest()


def load_documents(path: pathlib.Path) -> Iterator[Document]:
    """The documents that `read_source` wrote."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Document(**strict_json.loads(line))


def _documents(source: Source, files: pathlib.Path) -> Iterator[Document]:
    reader: Reader = READERS[source.reader]
    chosen: list[tuple[str, pathlib.Path]] = []
    for repository in source.repositories:
        folder = files / repository.folder
        paths = [
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        ]
        for path in sorted(filter(source.wants, paths), key=natural_order):
            if path == EXCLUDED_WORKERS:
                workers = (folder / path).read_text(encoding="utf-8").split()
                reader = functools.partial(reader, excluded=frozenset(workers))
            else:
                chosen.append((f"{repository.name}/{path}", folder / path))
    for title, path in tqdm(chosen, desc=f"read {source.name}", unit=" files", disable=None):
        text = path.read_bytes().decode("utf-8", errors="replace")
        for paragraphs in reader(text):
            paragraphs = [plain_text(text) for text in paragraphs if not ADDRESS.search(text)]
            paragraphs = [text for text in paragraphs if any(map(str.isalnum, text))]
            if paragraphs:
                yield Document(title, paragraphs)
