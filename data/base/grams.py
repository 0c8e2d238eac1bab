"""Hashes of word n-grams, to find text that occurs twice."""

import re
import zlib

import numpy as np

SIZE = 13  # words in a gram
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
FACTOR = np.uint64(0x9E3779B97F4A7C15)


class GramHasher:
    """Hashes 13-grams to 64 bits, the same on every machine."""

    def __init__(self):
        self.known: dict[str, int] = {}  # hash of each word

    def hashes(self, words: list[str]) -> np.ndarray:
        """The hash of the gram that begins at each word: uint64, `SIZE` - 1 fewer than words."""
        count = len(words) - SIZE + 1
        if count < 1:
            return np.zeros(0, dtype=np.uint64)
        known = self.known
        for word in set(words):
            if word not in known:
                code = word.encode()
                known[word] = zlib.crc32(code) << 32 | zlib.crc32(rb"\0" + code)
        ids = np.array([known[word] for word in words], dtype=np.uint64)
        total = np.zeros(count, dtype=np.uint64)
        for place in range(SIZE):  # a polynomial of the words' hashes, modulo 2**64
            total = total * FACTOR + ids[place : count + place]
        # The finalizer spreads the bits: a plain polynomial has regular low bits.
        total ^= total >> np.uint64(29)
        total *= FACTOR
        total ^= total >> np.uint64(32)
        return total
