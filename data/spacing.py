"""A model of the spaces between words, so that bits per character count every character.

Words are split at spaces and around the ten symbols, and `join_words` restores the spaces by a
rule. Scripts do not always follow this rule ("here...and"). The model gives the probability of no,
one or more spaces between two kinds of neighboring words. Standard library only.
"""

import collections
import dataclasses
import math
import re
from collections.abc import Container

from data import tokens

NONE, ONE, MORE = range(3)  # spaces between two words


@dataclasses.dataclass(frozen=True)
class Spacing:
    """Counts of no, one and more spaces by (left kind, right kind, space by the rule)."""

    counts: dict[tuple[str, str, bool], list[int]]

    @classmethod
    def learn(cls, text: str) -> "Spacing":
        """The counts of a normalized text."""
        counts: dict[tuple[str, str, bool], list[int]] = collections.defaultdict(lambda: [0, 0, 0])
        for (neighbors, spaces), count in collections.Counter(_gaps(text)).items():
            counts[neighbors][min(spaces, MORE)] += count
        return cls(dict(counts))

    def bits(self, text: str) -> float:
        """The bits that all spaces of a normalized text cost, given its words."""
        total = 0.0
        for (left, right, rule), spaces in _gaps(text):
            seen = self.counts.get((left, right, rule), [0, 0, 0])
            expected = [0.01, 0.98, 0.01] if rule else [0.98, 0.01, 0.01]
            kind = min(spaces, MORE)
            total -= math.log2((seen[kind] + expected[kind]) / (sum(seen) + 1))
            total += spaces - 1 if kind == MORE else 0  # one bit for each additional space
        return total


def _gaps(text: str) -> list[tuple[tuple[str, str, bool], int]]:
    """All gaps between words: ((left kind, right kind, space by the rule), number of spaces)."""
    symbols = tokens.token_lookup()
    symbol_class = re.escape("".join(symbols))
    classes: dict[str, tuple[str, str]] = {}  # (kind, example) of each distinct word
    kinds: dict[tuple, tuple[str, str, bool]] = {}  # of the gap between words of these classes
    gaps = []
    before = previous = ("", "")
    inside_quote = False
    for spaces, word in re.findall(rf"( *)([{symbol_class}]|[^ {symbol_class}]+)", text):
        found = classes.get(word)
        if found is None:
            found = classes[word] = _kind(word, symbols), _example(word, symbols)
        key = before, previous, found, inside_quote
        kind = kinds.get(key)
        if kind is None:
            example = tokens.typed(before[1], previous[1], found[1], inside_quote)
            kind = kinds[key] = previous[0], found[0], example.startswith(" ")
        gaps.append((kind, len(spaces)))
        if word == '"' or word == "\n":
            inside_quote = tokens.quote_after(word, inside_quote)
        before, previous = previous, found
    gaps.append(((previous[0], "", False), len(text) - len(text.rstrip(" "))))
    return gaps


def _example(word: str, symbols: Container[str]) -> str:
    """A word that `tokens.typed` treats alike; few, so that its results can be kept."""
    if word in symbols or word == "i":
        return word
    if tokens.is_number(word.lstrip("$")):
        return "0" if tokens.is_number(word) else "$0"
    return "a" if tokens.is_letter(word) else "word"


def _kind(word: str, symbols: Container[str]) -> str:
    """The class of a word: a symbol itself, number, speaker, contraction, or other word."""
    if word in symbols:
        return word
    if tokens.is_number(word):
        return "0"
    if word.endswith(":"):
        return "a:"
    return "'a" if word.startswith("'") else "a"
