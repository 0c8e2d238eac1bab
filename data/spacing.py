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
    # Gaps are counted by the numbers of the classes of the words around them, which is faster.
    classes = {("", ""): 0}  # (kind, example) -> number
    class_of: dict[str, int] = {}
    found = []
    before = previous = 0
    inside_quote = False
    for spaces, word in re.findall(rf"( *)([{symbol_class}]|[^ {symbol_class}]+)", text):
        number = class_of.get(word)
        if number is None:
            key = _kind(word, symbols), _example(word, symbols)
            number = class_of[word] = classes.setdefault(key, len(classes))
        found.append((before, previous, number, inside_quote, len(spaces)))
        if word == '"' or word == "\n":
            inside_quote = tokens.quote_after(word, inside_quote)
        before, previous = previous, number
    gaps: collections.Counter[tuple[tuple[str, str, bool], int]] = collections.Counter()
    kinds = list(classes)
    for (*around, inside_quote, spaces), count in collections.Counter(found).items():
        first, left, right = (kinds[number] for number in around)
        rule = tokens.typed(first[1], left[1], right[1], inside_quote).startswith(" ")
        gaps[(left[0], right[0], rule), spaces] += count
    gaps[(kinds[previous][0], "", False), len(text) - len(text.rstrip(" "))] += 1
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
