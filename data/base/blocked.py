"""The words that the base never learns: slurs, and words of sex and violence."""

import codecs
import functools
import pathlib
import re

FILE = pathlib.Path(__file__).with_name("blocked.txt")
WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
BLEEPED = re.compile(r"\b\w\*|\w\*+\w|\w\*{2,}")  # s**t


@functools.cache
def blocked_words() -> tuple[frozenset[str], tuple[str, ...]]:
    """The entries of blocked.txt in lower case: (whole words, parts of words)."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    entries = [codecs.decode(line.strip(), "rot13") for line in lines if line and line[0] != "#"]
    whole = frozenset(entry for entry in entries if "*" not in entry)
    return whole, tuple(entry.strip("*") for entry in entries if "*" in entry)


def is_blocked(paragraph: str) -> bool:
    """Whether a paragraph holds a blocked word: alone, in a compound or possessive, or bleeped."""
    whole, parts = blocked_words()
    paragraph = paragraph.lower()
    if any(part in paragraph for part in parts):
        return True
    if "*" in paragraph and BLEEPED.search(paragraph):
        return True
    for word in WORD.findall(paragraph):
        if word in whole:
            return True
        if ("'" in word or "-" in word) and not whole.isdisjoint(re.split("['-]", word)):
            return True
    return False
