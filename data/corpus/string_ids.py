"""Numbers parts of a text, such as its words, a slice of the parts at a time, with NumPy.

Most parts occur many times. A direct-mapped cache finds the ids of these without a Python object
per part; a dictionary numbers the rest. The cache holds whole parts, so no two ever share an id.
"""

import collections
import itertools

import numpy as np

SLICE = 1 << 14  # parts looked up at once; their arrays fit into a processor's cache
CACHED_BYTES = 16  # the longest part in the cache
FACTORS = np.array([0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93], np.uint64)  # odd, to spread the bits


def _masks(first: int) -> np.ndarray:
    """By length of a part, the mask of its bytes among the eight that begin at byte `first`."""
    sizes = (min(max(length - first, 0), 8) for length in range(CACHED_BYTES + 2))
    return np.array([(1 << 8 * size) - 1 for size in sizes], np.uint64)


LOW_MASKS, HIGH_MASKS = _masks(0), _masks(8)


class StringIds:
    """Ids of byte strings, in the order in which they first occur.

    Args:
        cache_bits: the cache has two to this power entries of 24 bytes.
    """

    def __init__(self, cache_bits: int) -> None:
        self.ids: dict[bytes, int] = collections.defaultdict(itertools.count().__next__)
        # Of each string, in one row that is fetched from memory once: its bytes 0 to 7 and 8 to 15,
        # padded with zeros, and its id.
        self.cache = np.zeros((1 << cache_bits, 3), np.uint64)
        self.shift = np.uint64(64 - cache_bits)

    def __len__(self) -> int:
        return len(self.ids)

    def __call__(self, text: bytes, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """The ids (parts,) of the parts of a text at these positions, uint32; none is empty."""
        # A zero byte would look like padding.
        longest = CACHED_BYTES if b"\0" not in text else 0
        padded = text + bytes(CACHED_BYTES)
        ids = np.empty(len(starts), np.uint32)
        for first in range(0, len(starts), SLICE):
            part = slice(first, first + SLICE)
            ids[part] = self._look_up(padded, starts[part], ends[part], longest)
        return ids

    def _look_up(
        self, padded: bytes, starts: np.ndarray, ends: np.ndarray, longest: int
    ) -> np.ndarray:
        """The ids of the parts at these positions; those up to `longest` bytes by the cache."""
        # Eight bytes from each position as one number.
        eight = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))
        lengths = np.minimum(ends - starts, CACHED_BYTES + 1)
        low = eight[starts] & LOW_MASKS[lengths]
        high = eight[starts + 8] & HIGH_MASKS[lengths]
        slots = ((low ^ high * FACTORS[0]) * FACTORS[1] >> self.shift).view(np.int64)
        rows = self.cache.take(slots, axis=0, mode="clip")
        ids = rows[:, 2].astype(np.uint32)
        may_cache = lengths <= longest
        found = (rows[:, 0] == low) & (rows[:, 1] == high) & may_cache
        if len(missed := np.flatnonzero(~found)):
            bounds = zip(starts[missed].tolist(), ends[missed].tolist(), strict=True)
            ids[missed] = [self.ids[padded[start:end]] for start, end in bounds]
            new = missed[may_cache[missed]]
            self.cache[slots[new]] = np.stack((low[new], high[new], ids[new]), axis=1)
        return ids
