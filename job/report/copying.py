"""Memorization: what a text copies word for word from the training text. No PyTorch.

Scripts are lists of words by `Vocabulary.split`. Punctuation is ignored, so that a different comma
does not hide a copied speech.
"""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

from data.tokens import join_words
from job.report.structure import MARKS, SYMBOLS

COPIED = 8  # minimum length in words of a run that counts as copied
BORDER = "\n"  # separates two scenes; no word of a script: line ends have a name


@dataclasses.dataclass(frozen=True)
class Copying:
    """What scenes copy; spans are (scene, first word, last word + 1), punctuation included."""

    rate: float
    longest: int  # in words, without punctuation
    longest_text: str  # as typed
    spans: list[tuple[int, int, int]]


def copying(scenes: Sequence[Sequence[str]], source: Sequence[str]) -> Copying:
    """What scenes copy from `source`, a script without punctuation."""
    words: list[str] = []
    places: list[tuple[int, int]] = []
    for number, scene in enumerate(scenes):
        for place, word in enumerate(scene):
            if word not in MARKS:
                words.append(word)
                places.append((number, place))
        words.append(BORDER)
        places.append((number, len(scene)))
    found = copies(words, source)

    def span(run: tuple[int, int]) -> tuple[int, int, int]:
        start, length = run
        return (*places[start], places[start + length - 1][1] + 1)

    text = ""
    if found.longest[1]:
        number, start, end = span(found.longest)
        text = join_words(list(scenes[number][start:end]), SYMBOLS)
    return Copying(found.rate, found.longest[1], text, [span(run) for run in found.runs])


def marked(scene: list[str], spans: Sequence[Sequence[int]]) -> dict[str, Any]:
    """A scene's text, and the given spans of words as (start, end) in characters.

    Spans may overlap; the returned ones are merged.
    """
    # Spacing depends on earlier words only: the text of the first words is a prefix of the text.
    ends = [len(join_words(scene[:place], SYMBOLS)) for place in range(len(scene) + 1)]
    copied: list[list[int]] = []
    for start, end in spans:
        if copied and ends[start] <= copied[-1][1]:
            copied[-1][1] = ends[end]
        else:
            copied.append([ends[start], ends[end]])
    return {"text": join_words(scene, SYMBOLS), "copied": copied}


@dataclasses.dataclass(frozen=True)
class Copies:
    """Where a text equals another one word for word."""

    runs: list[tuple[int, int]]  # (first word, length), none within a longer one
    longest: tuple[int, int]
    words: int  # length of the whole text

    @property
    def rate(self) -> float:
        """The share of the text's words that are in a run."""
        covered = {place for start, length in self.runs for place in range(start, start + length)}
        return len(covered) / self.words if self.words else 0.0


def copies(words: Sequence[str], source: Sequence[str], at_least: int = COPIED) -> Copies:
    """Every maximal run of `at_least` or more words of a text that also occurs in `source`.

    Args:
        words: the text, scenes separated by `BORDER`, which does not count as a word.
        source: the training text.
        at_least: minimum length of a run.

    Returns:
        The runs in order, and the longest run of any length: (0, 0) if no word is common.
    """
    runs: list[tuple[int, int]] = []
    least = at_least
    while not (found := common_runs(words, source, least)) and least > 1:
        least //= 2  # only for the longest run; most texts share some words
    if least == at_least:
        runs = found
    longest = max(found, key=lambda run: run[1], default=(0, 0))
    return Copies(runs, longest, sum(word != BORDER for word in words))


def common_runs(words: Sequence[str], source: Sequence[str], least: int) -> list[tuple[int, int]]:
    """The runs (first word, length) of a text that occur in `source`, none within another one."""
    # The short text is indexed and the long one is read once: little memory, about a second.
    places: dict[tuple[str, ...], list[int]] = collections.defaultdict(list)
    for start in range(len(words) - least + 1):
        gram = tuple(words[start : start + least])
        if BORDER not in gram:
            places[gram].append(start)
    reach: dict[int, int] = {}
    for there in range(len(source) - least + 1):
        for here in places.get(tuple(source[there : there + least]), ()):
            if here and there and words[here - 1] == source[there - 1]:
                continue  # the run starts earlier and has been followed already
            length = least
            while (
                here + length < len(words)
                and there + length < len(source)
                and words[here + length] == source[there + length]
            ):
                length += 1
            reach[here] = max(reach.get(here, 0), length)
    runs: list[tuple[int, int]] = []
    for start, length in sorted(reach.items()):
        if not runs or start + length > sum(runs[-1]):
            runs.append((start, length))
    return runs
