"""Excerpts of a corpus' text, for what needs text and cannot read all of it."""

import bisect
import itertools
from collections.abc import Sequence

from data.corpus.byte_range import ByteRange
from data.corpus.fast_tokens import unix_lines

EXCERPT_BYTES = {"train": 4_000_000, "valid": 200_000}  # by split
CHUNKS = 64  # of an excerpt, evenly spaced


def excerpt(ranges: Sequence[ByteRange], limit: int) -> bytes:
    """All text of the ranges or, above `limit` bytes, whole lines in `CHUNKS` evenly spaced chunks.

    Args:
        ranges: the text of a split, in order.
        limit: the largest size of an excerpt, in bytes.
    """
    ends = list(itertools.accumulate(each.end - each.start for each in ranges))
    if ends[-1] <= limit:
        return unix_lines(b"".join(block for each in ranges for block in each.blocks()))
    chunks = []
    for number in range(CHUNKS):
        position = number * ends[-1] // CHUNKS
        index = bisect.bisect_right(ends, position)
        whole = ranges[index]
        start = whole.end - (ends[index] - position)
        end = min(start + limit // CHUNKS, whole.end)
        text = unix_lines(b"".join(ByteRange(whole.show, whole.path, start, end).blocks()))
        separator = b"\n" if b"\n" in text else b" "
        if start > whole.start:
            text = text[text.index(separator) + 1 :] if separator in text else b""
        if end < whole.end:
            text = text[: text.rfind(separator) + 1]
        chunks.append(text if text.endswith(b"\n") else text + b"\n")
    return b"".join(chunks)
