"""A show's file looked through once, in blocks, and cut: what is trained on, what is held out.

Nothing here holds more of a file than a block. All cuts are at the ends of lines, where words,
speakers and normalization may be counted apart.
"""

import bisect
import codecs
import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator

from data.atomic import atomic_write
from data.command_line import UserError
from data.corpus.fast_tokens import Letters, unix_lines
from data.show import read as corpus

BLOCK = 1 << 19  # bytes that are worked on at a time
PIECE = 8 << 20  # bytes after which work is kept
LONGEST_LINE = 64 << 20  # bytes: a longer line would have to be held whole


@dataclasses.dataclass(frozen=True)
class Span:
    """A part of one show's text, in bytes; `close` is whether a line end is put after it."""

    show: int
    path: str
    start: int
    end: int
    close: bool = False

    def blocks(self, size: int = BLOCK) -> Iterator[bytes]:
        """Its text in whole lines, some `size` bytes at a time; the last may lack its line end."""
        rest, left = b"", self.end - self.start
        path = pathlib.Path(self.path)
        with corpus.readable(path), path.open("rb") as file:
            file.seek(self.start)
            while data := file.read(min(size, left)):
                left -= len(data)
                data = rest + data
                cut = data.rfind(b"\n") + 1
                if cut:
                    yield data[:cut]
                rest = data[cut:]
                if len(rest) > LONGEST_LINE:
                    raise UserError(
                        f"{self.path} has a line of more than {LONGEST_LINE >> 20} MB: break its "
                        "lines, one speech a line"
                    )
        if rest:
            yield rest + b"\n" if self.close else rest


@dataclasses.dataclass(frozen=True)
class Show:
    """What was found in one file."""

    path: str
    bytes: int
    modified: int  # nanoseconds, as the file system tells
    sha256: str
    text: str  # where its script lies: the file itself, or what was made of a CSV
    letters: str  # `tokens.letters_of` the part to train on
    borders: list[int]  # where it may be cut into pieces
    cut: int  # bytes before the part that is held out
    end: int


def scan(path: str, folder: pathlib.Path, valid_fraction: float, block: int = BLOCK) -> Show:
    """Reads one show's file through.

    Args:
        path: a text file or a CSV; the same files are refused as by `corpus.read_show`.
        folder: where the script of a CSV is put.
        valid_fraction: what is held out, where `corpus.split_show` would cut; 0 for nothing.
    """
    source = pathlib.Path(path)
    with corpus.readable(source), source.open("rb") as file:
        status = os.fstat(file.fileno())
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    text = source
    if corpus.is_csv(source):
        text = folder / f"{sha256}.txt"
        _write_script(source, text)
    with text.open("rb") as file:
        start = len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
    end = text.stat().st_size
    letters_of = Letters()
    borders, characters, letters = [start], [0], []
    lines = words = 0
    for content in Span(0, str(text), start, end).blocks(block):
        decoded = corpus.decode(content, source, lines)
        lines += content.count(b"\n")
        if words < corpus.MIN_WORDS:
            words += len(decoded.split())
        borders.append(borders[-1] + len(content))
        characters.append(characters[-1] + len(decoded) - content.count(b"\r\n"))
        letters.append(letters_of(content))
    corpus.need_words(words, source)
    cut = end
    if valid_fraction:
        length = characters[-1]
        place = int(length * (1 - valid_fraction))
        number = min(bisect.bisect_right(characters, place), len(letters)) - 1
        with text.open("rb") as file:
            file.seek(borders[number])
            # A character has four bytes at most, and so have two line ends of Windows.
            rest = file.read(borders[number + 1] - borders[number] + 4 * (corpus.WINDOW + 2))
        inside = place - characters[number]
        script = unix_lines(rest).decode(errors="ignore")
        inside += corpus.border(script[inside : inside + corpus.WINDOW + 2], length - place)
        size = _bytes_of(rest, script[:inside])
        cut = borders[number] + size
        letters[number:] = [letters_of(rest[:size])]
        before, after = Span(0, str(text), start, cut), Span(0, str(text), cut, end)
        both = (any(part.strip() for part in span.blocks(block)) for span in (before, after))
        corpus.need_both(*both, valid_fraction)
    return Show(
        path=path,
        bytes=status.st_size,
        modified=status.st_mtime_ns,
        sha256=sha256,
        text=str(text),
        letters="".join(sorted(set().union(*letters))),
        borders=borders,
        cut=cut,
        end=end,
    )


def spans_of(shows: Iterable[Show], held_out: bool, piece: int = PIECE) -> Iterator[list[Span]]:
    """The text of all shows in their order, some `piece` bytes at a time.

    Each show ends with a line end where another follows.
    """
    shows = list(shows)
    pieces: list[Span] = []
    size = 0
    for number, show in enumerate(shows):
        first, last = (show.cut, show.end) if held_out else (show.borders[0], show.cut)
        inner = [place for place in show.borders if first < place < last]
        start = first
        for end in (*inner, last):
            whole = size + end - start >= piece
            if end == last or whole:
                close = end == last and number + 1 < len(shows)
                pieces.append(Span(number, show.text, start, end, close))
                size += end - start
                start = end
            if whole:
                yield pieces
                pieces, size = [], 0
    if pieces:
        yield pieces


def _bytes_of(content: bytes, beginning: str) -> int:
    """How many bytes of a content give the beginning of its text, line ends of Windows counted."""
    size = len(beginning.encode())
    place = size
    while (longer := size + content[:place].count(b"\r\n")) != place:
        place = longer
    return place + (content[place - 1 : place + 1] == b"\r\n")


def _write_script(table: pathlib.Path, script: pathlib.Path) -> None:
    """Makes a script of a CSV, a speech at a time."""
    lines = 0
    for content in Span(0, str(table), 0, table.stat().st_size).blocks():
        corpus.decode(content, table, lines)
        lines += content.count(b"\n")
    with table.open(encoding="utf-8-sig", newline="") as rows, atomic_write(script) as file:
        file.writelines(speech.encode() for speech in corpus.script_of_csv(rows, table))
