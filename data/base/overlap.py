"""The contamination check: how much of a held-out show occurs in the base's text."""

import dataclasses
import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from data import tokens
from data.base.grams import SIZE, WORD, GramHasher
from data.show.read import read_show
from data.speakers import SPEAKER

BLOCK = 1 << 22  # characters of the base's text that are hashed at a time
EXAMPLES = 10
APOSTROPHES = re.compile(r"['’]")


@dataclasses.dataclass(frozen=True)
class Overlap:
    """The 13-grams of words that a show shares with the base's text."""

    show: str  # its file
    grams: int  # in the show
    found: int  # those of them that occur in the base's text
    found_by_text: dict[str, int]  # by the name of the base's file
    examples: list[str]  # some of those that were found; grams that overlap are one

    @property
    def share(self) -> float:
        """`found` as a part of `grams`."""
        return self.found / self.grams


def overlap(texts: Sequence[pathlib.Path], show: pathlib.Path) -> Overlap:
    """Counts the 13-grams of a show that occur in the base's texts.

    Compared are normalized words without punctuation, apostrophes (scripts may omit them) and
    speakers' names. A gram may span several lines.

    Args:
        texts: the base's text files.
        show: the script of a held-out show, a text file or a CSV.

    Raises:
        UserError: see `read_show`.
    """
    hasher = GramHasher()
    words = _words(read_show(show))
    hashes = hasher.hashes(words)
    found = np.zeros(len(hashes), dtype=bool)
    found_by_text = {}
    for path in texts:
        here = np.zeros(len(hashes), dtype=bool)
        for block in _blocks(path):
            here |= np.isin(hashes, hasher.hashes(block))
        found_by_text[path.stem] = int(here.sum())
        found |= here
    examples = _examples(words, found)
    return Overlap(str(show), len(hashes), int(found.sum()), found_by_text, examples)


def _words(text: str) -> list[str]:
    text = APOSTROPHES.sub("", SPEAKER.sub(" ", text))
    return WORD.findall(tokens.normalize(text, tokens.TYPOGRAPHY))


def _blocks(path: pathlib.Path) -> Iterator[list[str]]:
    """The words of a text in blocks, each with the last words of the block before it."""
    carried: list[str] = []
    with (
        path.open(encoding="utf-8") as file,
        tqdm(
            total=path.stat().st_size, desc=path.stem, unit="B", unit_scale=True, disable=None
        ) as bar,
    ):
        while lines := file.readlines(BLOCK):
            block = "".join(lines)
            words = carried + _words(block)
            yield words
            carried = words[1 - SIZE :]
            bar.update(len(block.encode()))


def _examples(words: list[str], found: np.ndarray) -> list[str]:
    """The stretches of a show's words whose grams were found, the longest first."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], found, [False])).astype(np.int8)))
    stretches = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    longest = sorted(stretches, key=lambda stretch: stretch[0] - stretch[1])[:EXAMPLES]
    return [" ".join(words[first : last + SIZE - 1]) for first, last in longest]
