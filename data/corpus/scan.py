"""One pass over a show's file in blocks: checksum, letters, split into train and validation text.

At most one block of a file is in memory. All cuts are at line ends, so that words, speakers and
normalization can be computed for each part on its own.
"""

import bisect
import codecs
import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from data.atomic import atomic_write
from data.command_line import UserError
from data.corpus.byte_range import ByteRange
from data.corpus.fast_tokens import NonAsciiLetters, unix_lines
from data.corpus.settings import BLOCK_BYTES
from data.formats import encoding, registry
from data.formats.load import load
from data.formats.look import short_report
from data.show import read

HEAD_BYTES = 1 << 20  # that decide whether a file is plain text
MAX_CONVERTED_BYTES = 256 << 20  # of a file in another format, which is read whole


@dataclasses.dataclass(frozen=True)
class ScannedFile:
    """The result of scanning one show's file."""

    path: str
    bytes: int
    mtime_ns: int  # modification time
    sha256: str
    script: str  # path of the script: the file itself, or the text made of another format
    remark: str  # what the file was read as, "" for plain text in UTF-8
    letters: str  # `tokens.non_ascii_letters` of the training part
    line_ends: list[int]  # byte positions between blocks, where the script may be cut into shards
    train_end: int  # byte position at which the validation part begins
    end: int


def scan_file(
    path: str,
    work: pathlib.Path,
    valid_fraction: float,
    block_bytes: int = BLOCK_BYTES,
    format: str = "",
    columns: str = "",
) -> ScannedFile:
    """Reads one show's file and finds its train and validation part.

    Args:
        path: a file in a format of `data.formats`. Plain text in UTF-8 is not copied.
        work: the folder for the script made of another format.
        valid_fraction: the fraction to hold out, split as by `split_show`; 0 for none.
        block_bytes: bytes of plain text in memory at a time.
        format: the file's format; "" detects it.
        columns: the columns of a table.

    Raises:
        UserError: if `read_show` refuses the file, or a part of the split is empty.
    """
    source = pathlib.Path(path)
    with encoding.readable(source), source.open("rb") as file:
        status = os.fstat(file.fileno())
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    script, remark = source, ""
    measured = _measure_plain(source, format, block_bytes)
    if not measured:
        script = work / f"{sha256}.txt"
        remark = _convert(source, script, format, columns)
        measured = _measure(script, block_bytes)
    line_ends, characters, letters, words = measured
    start, end = line_ends[0], line_ends[-1]
    read.require_words(words, source)
    train_end = end
    if valid_fraction:
        length = characters[-1]
        position = int(length * (1 - valid_fraction))
        block = min(bisect.bisect_right(characters, position), len(letters)) - 1
        before, after = position - characters[block], length - position
        size, train_letters = _split_block(
            script, line_ends[block], line_ends[block + 1], before, after
        )
        train_end = line_ends[block] + size
        letters[block:] = [train_letters]
        parts = (
            ByteRange(0, str(script), start, train_end),
            ByteRange(0, str(script), train_end, end),
        )
        has_text = (any(part.strip() for part in each.blocks(block_bytes)) for each in parts)
        read.require_parts(*has_text, "valid_fraction", valid_fraction)
    return ScannedFile(
        path=path,
        bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        sha256=sha256,
        script=str(script),
        remark=remark,
        letters="".join(sorted(set().union(*letters))),
        line_ends=line_ends,
        train_end=train_end,
        end=end,
    )


def shard_ranges(
    files: Iterable[ScannedFile], held_out: bool, shard_bytes: int
) -> Iterator[list[ByteRange]]:
    """The byte ranges of each shard of the train or validation text, files in order.

    A line end is added to a show's last line if it has none and another show follows.

    Args:
        files: the scanned files, one per show.
        held_out: whether to return the validation text.
        shard_bytes: the size at which a shard is complete.
    """
    files = list(files)
    shard: list[ByteRange] = []
    size = 0
    for show, file in enumerate(files):
        first, last = file.line_ends[0], file.train_end
        if held_out:
            first, last = file.train_end, file.end
        inner = [position for position in file.line_ends if first < position < last]
        start = first
        for end in (*inner, last):
            is_full = size + end - start >= shard_bytes
            if end == last or is_full:
                add_line_end = end == last and show + 1 < len(files)
                shard.append(ByteRange(show, file.script, start, end, add_line_end))
                size += end - start
                start = end
            if is_full:
                yield shard
                shard, size = [], 0
    if shard:
        yield shard


def _split_block(
    script: pathlib.Path, start: int, end: int, characters: int, remaining: int
) -> tuple[int, set[str]]:
    """The size of the training part of the block at the split, in bytes, and its letters.

    Args:
        script: the script.
        start: first byte of the block.
        end: byte after the block.
        characters: the number of characters in the block before the exact fraction.
        remaining: the number of characters of the script after it.
    """
    with script.open("rb") as file:
        file.seek(start)
        # A character has at most four bytes, and so have two line ends of Windows.
        content = file.read(end - start + 4 * (read.WINDOW + 2))
    text = unix_lines(content).decode(errors="ignore")
    characters += read.next_split(text[characters : characters + read.WINDOW + 2], remaining)
    size = _bytes_of(content, text[:characters])
    return size, NonAsciiLetters()(content[:size])


def _bytes_of(content: bytes, beginning: str) -> int:
    """The number of bytes of `content` that decode to `beginning`, with "\\r\\n" as "\\n"."""
    size = len(beginning.encode())
    position = size
    while (longer := size + content[:position].count(b"\r\n")) != position:
        position = longer
    return position + (content[position - 1 : position + 1] == b"\r\n")


class _Measured(NamedTuple):
    """What a pass over a script finds."""

    line_ends: list[int]  # in bytes, the start of the text and each block's end
    characters: list[int]  # the same positions in characters
    letters: list[set[str]]  # `tokens.non_ascii_letters` of each block
    words: int  # at least; not counted beyond `MIN_WORDS`


def _measure(script: pathlib.Path, block_bytes: int, refuse_zeros: bool = False) -> _Measured:
    """Reads a script in blocks.

    Raises:
        UnicodeDecodeError: if it is not UTF-8, or has a zero byte and `refuse_zeros`.
    """
    with script.open("rb") as file:
        start = len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
    line_ends, characters, letters, words = [start], [0], [], 0
    find_letters = NonAsciiLetters()
    for content in ByteRange(0, str(script), start, script.stat().st_size).blocks(block_bytes):
        if refuse_zeros and (place := content.find(0)) >= 0:
            raise UnicodeDecodeError("utf-8", content, place, place + 1, "zero byte")
        decoded = content.decode()
        if words < read.MIN_WORDS:
            words += len(decoded.split())
        line_ends.append(line_ends[-1] + len(content))
        pairs = content.count(b"\r\n") if b"\r" in content else 0
        characters.append(characters[-1] + len(decoded) - pairs)
        letters.append(find_letters(content))
    return _Measured(line_ends, characters, letters, words)


def _measure_plain(path: pathlib.Path, format: str, block_bytes: int) -> _Measured | None:
    """Reads a file in blocks if it is plain text in UTF-8; returns None for any other.

    The beginning decides the format, so that a file of another kind is not read twice.
    """
    if format not in ("", "plain"):
        return None
    with encoding.readable(path), path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head.removeprefix(codecs.BOM_UTF8))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        is_plain = format == "plain" or registry.detect(text, str(path)).name == "plain"
        return _measure(path, block_bytes, refuse_zeros=True) if is_plain else None
    except UnicodeDecodeError:
        return None


def _convert(path: pathlib.Path, script: pathlib.Path, format: str, columns: str) -> str:
    """Writes the script of a file in another format, and returns what it was read as."""
    size = path.stat().st_size
    if size > MAX_CONVERTED_BYTES:
        raise UserError(
            f"{path} has {size >> 20} MB: formats other than `Name: speech` text in UTF-8 are read "
            f"up to {MAX_CONVERTED_BYTES >> 20} MB; split the file"
        )
    loaded = load(path, format, columns)
    with atomic_write(script) as file:
        file.write(loaded.script.to_text().encode())
    return short_report(loaded)[0]
