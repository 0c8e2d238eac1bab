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
        for (neighbors, spaces), count in _gaps(text).items():
            counts[neighbors][min(spaces, MORE)] += count
        return cls(dict(counts))

    def bits(self, text: str) -> float:
        """The bits that all spaces of a normalized text cost, given its words."""
        total = 0.0
        for ((left, right, rule), spaces), count in _gaps(text).items():
            seen = self.counts.get((left, right, rule), [0, 0, 0])
            expected = [0.01, 0.98, 0.01] if rule else [0.98, 0.01, 0.01]
            kind = min(spaces, MORE)
            total -= count * math.log2((seen[kind] + expected[kind]) / (sum(seen) + 1))
            total += count * (spaces - 1) if kind == MORE else 0  # a bit for each additional space
        return total


def _gaps(text: str) -> collections.Counter[tuple[tuple[str, str, bool], int]]:
    """Counts of the gaps between words: ((left kind, right kind, space by the rule), spaces)."""
    symbols = tokens.token_lookup()
    symbol_class = re.escape("".join(symbols))
    pieces = re.findall(rf" *(?:[{symbol_class}]|[^ {symbol_class}]+)", text)
    inside_quote, inside = False, []
    for piece in pieces:
        inside.append(inside_quote)
        if piece[-1] in '"\n':
            inside_quote = tokens.quote_after(piece[-1], inside_quote)
    # Whole texts have few classes of words, so neighbors are counted before they are looked at.
    classes = {("", "", 0): 0}
    number = {}
    for piece in dict.fromkeys(pieces):
        word = piece.lstrip(" ")
        key = _kind(word, symbols), _example(word, symbols), len(piece) - len(word)
        number[piece] = classes.setdefault(key, len(classes))
    numbers = [number[piece] for piece in pieces]
    found = collections.Counter(zip([0, 0, *numbers], [0, *numbers], numbers, inside, strict=False))
    of_number = list(classes)
    gaps: collections.Counter[tuple[tuple[str, str, bool], int]] = collections.Counter()
    for (*around, quoted), count in found.items():
        (_, first, _), (left, before, _), (right, word, spaces) = (of_number[n] for n in around)
        rule = tokens.typed(first, before, word, quoted).startswith(" ")
        gaps[(left, right, rule), spaces] += count
    last = of_number[numbers[-1]][0] if numbers else ""
    gaps[(last, "", False), len(text) - len(text.rstrip(" "))] += 1
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
