"""The rules of data/tokens.py for much text at once: on UTF-8 bytes, at the speed of C.

`tokens.fold` and `tokens.split_words` are written for TorchScript. These give the same words
(tested on arbitrary text) in a third of the time.
"""

import functools
import unicodedata
from collections.abc import Iterable

from data import tokens

ASCII = bytes(range(128))


class Folder:
    """`tokens.fold` with given folds: passes over those that a text has no character for."""

    def __init__(self, folds: Iterable[tuple[str, str]]):
        self.folds = [
            (old.encode(), new.encode(), strange(old), strange(new)) for old, new in folds
        ]

    def __call__(self, text: bytes, lower: bool = True) -> bytes:
        """Folds UTF-8 text; what is replaced and what replaces it are whole characters."""
        there = set(text.translate(None, ASCII).decode())
        for old, new, needs, brings in self.folds:
            if needs <= there:
                text = text.replace(old, new)
                there |= brings
        return text.lower() if lower else text  # of bytes: ASCII alone


def strange(text: str) -> set[str]:
    """The characters outside ASCII."""
    return {character for character in text if ord(character) > 127}


class Letters:
    """`tokens.letters_of`, of UTF-8 text whose typography need not be folded before."""

    def __init__(self):
        self.fold = Folder(tokens.TYPOGRAPHY)
        self.folded = {old for old, _ in tokens.TYPOGRAPHY}

    def __call__(self, text: bytes) -> set[str]:
        """The characters outside ASCII, composed."""
        there = set(text.translate(None, ASCII).decode())
        if not any(map(joins, there)):  # nothing to compose: what is there stays
            return there - self.folded
        return tokens.letters_of(self.fold(text, lower=False).decode())


@functools.cache
def joins(character: str) -> bool:
    """Whether a character may become another one beside others: marks, letters of Hangul."""
    return (
        unicodedata.category(character).startswith("M")
        or "\u1100" <= character <= "\u11ff"
        or unicodedata.normalize("NFC", character) != character
    )


class Splitter:
    """`tokens.split_words`, but that a symbol stays itself: `named` gives it its name."""

    def __init__(self):
        self.names = {key.encode(): name.encode() for key, name in tokens.token_lookup().items()}
        self.line_end = b" " + self.names.pop(b"\n") + b" "

    def __call__(self, folded: bytes) -> list[bytes]:
        """Folded text into words."""
        for symbol in self.names:
            folded = folded.replace(symbol, b" " + symbol + b" ")
        # Folding has left no white space but spaces and line ends: split() need not be told.
        return folded.replace(b"\n", self.line_end).split()

    def named(self, words: Iterable[bytes]) -> list[bytes]:
        """Distinct words, symbols under their names; a name that stood in the text comes twice."""
        return [self.names.get(word, word) for word in words]


def unix_lines(text: bytes) -> bytes:
    """Every kind of line end as "\\n", as `corpus.read_show` does it."""
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
