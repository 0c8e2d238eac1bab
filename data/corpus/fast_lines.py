"""`data.vocab.line_stats` on bytes, for large texts.

The beginning of a line up to its first colon, and the character after it, decide who speaks. Lines
that begin alike have one id and are looked up once.
"""

import collections
import itertools

import numpy as np

from data.corpus.string_ids import StringIds
from data.speakers import speaker_of
from data.vocab import LineStats

CACHE_BITS = 12  # 100 kB
MAX_HEAD = 42  # characters in front of a colon; no name is as long
LINE_END, COLON = b"\n:"
# By the first byte of a character, the number of its bytes; 0 for a line end.
SIZES = np.array([1 + (byte >= 0xC0) + (byte >= 0xE0) + (byte >= 0xF0) for byte in range(256)])
SIZES[LINE_END] = 0


class FastLineStats:
    """`line_stats` of parts of a normalized text; the same for all of them, but faster."""

    def __init__(self) -> None:
        self.heads = StringIds(CACHE_BITS)
        self.names: dict[str, int] = {"": 0}
        self.name_ids = np.zeros(0, np.int64)  # of each head; 0 for one without a speaker

    def __call__(self, text: bytes) -> LineStats:
        """The line counts of a normalized text in UTF-8."""
        content = np.frombuffer(text, np.uint8)
        line_ends = np.flatnonzero(content == LINE_END)
        starts = np.concatenate(([0], line_ends + 1))
        colons = np.flatnonzero(content == COLON)
        lines = np.searchsorted(line_ends, colons)
        near = colons - starts[lines] < 4 * MAX_HEAD  # a character has at most four bytes
        near[1:] &= lines[1:] != lines[:-1]  # only the first colon of a line
        colons, starts_of_heads = colons[near], starts[lines[near]]
        after = np.append(content, np.uint8(LINE_END))[colons + 1]
        heads = self.heads(text, starts_of_heads, colons + 1 + SIZES[after])
        spoken = self._name_ids()[heads]
        spoken = spoken[spoken > 0]
        names = list(self.names)
        counts = np.bincount(spoken, minlength=len(names)).tolist()
        by_name = {name: count for name, count in zip(names, counts, strict=True) if count}
        return LineStats(
            collections.Counter(by_name),
            len(line_ends),
            int(np.count_nonzero(starts[:-1] == line_ends)),
            len(spoken),
            int(np.count_nonzero(spoken[1:] == spoken[:-1])),
            *((names[spoken[0]], names[spoken[-1]]) if len(spoken) else ()),
        )

    def _name_ids(self) -> np.ndarray:
        """The id of the speaker of each head, with those of the heads that are new."""
        new = []
        for head in itertools.islice(self.heads.ids, len(self.name_ids), None):
            line = head.decode()
            name = speaker_of(line) if line.index(":") < MAX_HEAD else ""
            new.append(self.names.setdefault(name, len(self.names)))
        self.name_ids = np.concatenate((self.name_ids, np.array(new, np.int64)))
        return self.name_ids
