"""Splits normalized text into words and numbers them, a slice of the text at a time, with NumPy.

Most words of a text occur many times. A direct-mapped cache finds the ids of these words without a
Python object per word; a dictionary numbers the rest. The cache holds whole words, so no two words
ever share an id.
"""

import collections
import itertools

import numpy as np

from data import tokens

SLICE = 1 << 14  # words looked up at once; their arrays fit into a processor's cache
CACHE_BITS = 18  # 5 MB
CACHED_BYTES = 16  # the longest word in the cache
FACTORS = np.array([0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93], np.uint64)  # odd, to spread the bits

SPACE, LETTER, SYMBOL = range(3)
KINDS = bytes(
    SPACE if chr(byte) == " " else SYMBOL if chr(byte) in tokens.token_lookup() else LETTER
    for byte in range(256)
)


def _masks(first: int) -> np.ndarray:
    """By length of a word, the mask of its bytes among the eight that begin at byte `first`."""
    sizes = (min(max(length - first, 0), 8) for length in range(CACHED_BYTES + 2))
    return np.array([(1 << 8 * size) - 1 for size in sizes], np.uint64)


LOW_MASKS, HIGH_MASKS = _masks(0), _masks(8)


class WordIds:
    """`tokens.split_words` on bytes, with ids in the order in which the words first occur.

    A symbol's word is its character until `words` names it.
    """

    def __init__(self) -> None:
        self.ids: dict[bytes, int] = collections.defaultdict(itertools.count().__next__)
        # A word of the cache: its bytes 0 to 7 and 8 to 15, padded with zeros, and its id.
        self.low, self.high = (np.zeros(1 << CACHE_BITS, np.uint64) for _ in range(2))
        self.cached_ids = np.zeros(1 << CACHE_BITS, np.uint32)

    def __call__(self, normalized: bytes) -> np.ndarray:
        """The ids (words,) of normalized text, uint32."""
        starts, ends = _bounds(normalized)
        # A zero byte would look like padding.
        longest = CACHED_BYTES if b"\0" not in normalized else 0
        padded = normalized + bytes(CACHED_BYTES)
        ids = np.empty(len(starts), np.uint32)
        for first in range(0, len(starts), SLICE):
            part = slice(first, first + SLICE)
            ids[part] = self._look_up(padded, starts[part], ends[part], longest)
        return ids

    def words(self) -> list[bytes]:
        """All words by id, symbols by name.

        A name occurs twice if the text holds both the symbol and its name.
        """
        words = list(self.ids)
        for symbol, name in tokens.token_lookup().items():
            if symbol.encode() in self.ids:
                words[self.ids[symbol.encode()]] = name.encode()
        return words

    def _look_up(
        self, padded: bytes, starts: np.ndarray, ends: np.ndarray, longest: int
    ) -> np.ndarray:
        """The ids of the words at these positions; those up to `longest` bytes by the cache."""
        # Eight bytes from each position as one number.
        eight = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))
        lengths = np.minimum(ends - starts, CACHED_BYTES + 1)
        low = eight[starts] & LOW_MASKS[lengths]
        high = eight[starts + 8] & HIGH_MASKS[lengths]
        slots = ((low ^ high * FACTORS[0]) * FACTORS[1] >> np.uint64(64 - CACHE_BITS)).view(
            np.int64
        )
        ids = self.cached_ids[slots]
        may_cache = lengths <= longest
        found = (self.low[slots] == low) & (self.high[slots] == high) & may_cache
        if len(missed := np.flatnonzero(~found)):
            bounds = zip(starts[missed].tolist(), ends[missed].tolist(), strict=True)
            ids[missed] = [self.ids[padded[start:end]] for start, end in bounds]
            new = missed[may_cache[missed] & (self.low[slots[missed]] == 0)]
            self.low[slots[new]], self.high[slots[new]] = low[new], high[new]
            self.cached_ids[slots[new]] = ids[new]
        return ids


def _bounds(normalized: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The start and end (words,) of each word in normalized text."""
    kinds = np.frombuffer(normalized.translate(KINDS), np.uint8)
    starts = kinds != SPACE
    ends = starts.copy()
    letters = kinds == LETTER
    joined = letters[1:] & letters[:-1]
    starts[1:] &= ~joined
    ends[:-1] &= ~joined
    return np.flatnonzero(starts), np.flatnonzero(ends) + 1
