"""The spaces between words, which the words do not tell: learned, so that they can be counted.

Words are split at spaces and around the ten symbols, and `join_words` puts spaces back by a rule.
A script does not always keep to it ("here...and"). To pay for every character of a text, this
table says how likely a space is between two kinds of neighbours. Standard library only.
"""

import collections
import dataclasses
import math
import re

from data import tokens

NONE, ONE, MORE = range(3)  # spaces between two words


@dataclasses.dataclass(frozen=True)
class Spacing:
    """How often no, one or more spaces were seen between two kinds of neighbours."""

    counts: dict[tuple[str, str, bool], list[int]]

    @classmethod
    def learn(cls, text: str) -> "Spacing":
        """Counts in a normalized text."""
        counts: dict[tuple[str, str, bool], list[int]] = collections.defaultdict(lambda: [0, 0, 0])
        for neighbours, spaces in _gaps(text):
            counts[neighbours][min(spaces, MORE)] += 1
        return cls(dict(counts))

    def bits(self, text: str) -> float:
        """What all spaces of a normalized text cost, in bits, given its words."""
        total = 0.0
        for (left, right, rule), spaces in _gaps(text):
            seen = self.counts.get((left, right, rule), [0, 0, 0])
            expected = [0.01, 0.98, 0.01] if rule else [0.98, 0.01, 0.01]
            kind = min(spaces, MORE)
            total -= math.log2((seen[kind] + expected[kind]) / (sum(seen) + 1))
            total += spaces - 1 if kind == MORE else 0  # one bit for each further space
        return total


def _gaps(text: str) -> list[tuple[tuple[str, str, bool], int]]:
    """Every place between two words: (kinds of neighbours and what the rule says, spaces)."""
    symbols = tokens.token_lookup()
    inside = re.escape("".join(symbols))
    found, place = [], 0
    before, previous, inside_quote = "", "", False
    for match in re.finditer(rf"[{inside}]|[^ {inside}]+", text):
        word = match.group()
        rule = tokens.typed(before, previous, word, inside_quote).startswith(" ")
        found.append(((_kind(previous), _kind(word), rule), match.start() - place))
        inside_quote = tokens.quote_after(word, inside_quote)
        before, previous, place = previous, word, match.end()
    found.append(((_kind(previous), "", False), len(text) - place))
    return found


def _kind(word: str) -> str:
    if word in tokens.token_lookup():
        return word
    if tokens.is_number(word):
        return "0"
    if word.endswith(":"):
        return "a:"
    return "'a" if word.startswith("'") else word and "a"
