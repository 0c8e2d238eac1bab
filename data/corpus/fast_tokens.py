"""The normalization of data/tokens.py for large texts: the same rules on UTF-8 bytes.

`tokens.normalize` is written for TorchScript. `Normalizer` gives the same text (tested on arbitrary
text) in about half the time.
"""

import functools
import unicodedata
from collections.abc import Iterable

from data import tokens

ASCII = bytes(range(128))


class Normalizer:
    """`tokens.normalize` on UTF-8 bytes; skips entries whose characters the text does not hold.

    Args:
        normalization: the normalization table, (from, to) pairs in order.
    """

    def __init__(self, normalization: Iterable[tuple[str, str]]):
        self.normalization = [
            (old.encode(), new.encode(), non_ascii(old), non_ascii(new))
            for old, new in normalization
        ]

    def __call__(self, text: bytes, lower: bool = True) -> bytes:
        """The normalized text; each side of an entry consists of whole characters."""
        present = set(text.translate(None, ASCII).decode())
        for old, new, required, added in self.normalization:
            if required <= present and old[:1] in text:  # one byte is found faster than several
                text = new.join(text.split(old))  # one search; `replace` counts first
                present |= added
        return text.lower() if lower else text  # bytes.lower() changes ASCII only


def non_ascii(text: str) -> set[str]:
    """The characters outside ASCII."""
    return {character for character in text if ord(character) > 127}


class NonAsciiLetters:
    """`tokens.non_ascii_letters` of UTF-8 bytes whose typography is not normalized yet."""

    def __init__(self):
        self.normalize = Normalizer(tokens.TYPOGRAPHY)
        self.typography = {old for old, _ in tokens.TYPOGRAPHY}

    def __call__(self, text: bytes) -> set[str]:
        """The characters outside ASCII, composed (NFC)."""
        present = set(text.translate(None, ASCII).decode())
        if not any(map(may_compose, present)):  # the text is composed already
            return present - self.typography
        return tokens.non_ascii_letters(self.normalize(text, lower=False).decode())


@functools.cache
def may_compose(character: str) -> bool:
    """Whether NFC may change a character or join it with others: marks, letters of Hangul."""
    return (
        unicodedata.category(character).startswith("M")
        or "\u1100" <= character <= "\u11ff"
        or unicodedata.normalize("NFC", character) != character
    )


def unix_lines(text: bytes) -> bytes:
    """Text with "\\n" for every kind of line end, as `read_show` returns it."""
    if b"\r" not in text:  # found much faster than two bytes
        return text
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
