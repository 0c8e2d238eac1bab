"""Splits normalized text on bytes and numbers its words."""

import numpy as np

from data import tokens
from data.corpus.string_ids import StringIds

CACHE_BITS = 18  # 6 MB

SPACE, LETTER, SYMBOL = range(3)
KINDS = bytes(
    SPACE if chr(byte) == " " else SYMBOL if chr(byte) in tokens.token_lookup() else LETTER
    for byte in range(256)
)


class WordIds:
    """`tokens.split_words` on bytes, with ids in the order in which the words first occur.

    A symbol's word is its character until `words` names it.
    """

    def __init__(self) -> None:
        self.ids = StringIds(CACHE_BITS)

    def __len__(self) -> int:
        return len(self.ids)

    def __call__(self, normalized: bytes) -> np.ndarray:
        """The ids (words,) of normalized text, uint32."""
        return self.ids(normalized, *_bounds(normalized))

    def words(self) -> list[bytes]:
        """All words by id, symbols by name.

        A name occurs twice if the text holds both the symbol and its name.
        """
        ids = self.ids.ids
        words = list(ids)
        for symbol, name in tokens.token_lookup().items():
            if symbol.encode() in ids:
                words[ids[symbol.encode()]] = name.encode()
        return words


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
