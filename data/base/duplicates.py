"""Documents that occur twice, found by the 13-grams of words that they share."""

import re
import zlib

import numpy as np

SIZE = 13  # words in a gram
MAX_SHARED = 0.25  # a document that shares more of its grams with earlier ones is dropped
SHORT = 600  # words; of a shorter document more grams are kept
RATES = (4, 32)  # one gram of so many is kept, of short documents and of long ones
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Duplicates:
    """Remembers the documents that it was shown."""

    def __init__(self):
        self.seen: dict[int, set[int]] = {rate: set() for rate in RATES}
        self.hashes: dict[str, int] = {}

    def is_duplicate(self, paragraphs: list[str]) -> bool:
        """Whether a document repeats earlier ones; if it does not, it is remembered."""
        # Speakers' names are left out: the same dialogue may have others.
        words = WORD.findall(" ".join(_speech(text) for text in paragraphs).lower())
        rate = RATES[len(words) >= SHORT]
        grams = self._grams(words, rate)
        seen = self.seen[rate]
        if grams and len(grams & seen) > MAX_SHARED * len(grams):
            return True
        seen |= grams
        return False

    def _grams(self, words: list[str], rate: int) -> set[int]:
        """Hashes of the sampled 13-grams of a document."""
        if len(words) < SIZE:
            return set()
        known = self.hashes
        for word in set(words):
            if word not in known:
                code = word.encode()
                known[word] = zlib.crc32(code) << 32 | zlib.crc32(b"\\0" + code)
        ids = np.array([known[word] for word in words], dtype=np.uint64)
        total = np.zeros(len(words) - SIZE + 1, dtype=np.uint64)
        for place in range(SIZE):
            total = total * FACTOR + ids[place : len(words) - SIZE + 1 + place]
        total ^= total >> np.uint64(29)
        total *= FACTOR
        total ^= total >> np.uint64(32)
        return set(total[total % np.uint64(rate) == 0].tolist())


def _speech(paragraph: str) -> str:
    name, colon, speech = paragraph.partition(": ")
    return speech if colon and len(name) <= 30 else paragraph
