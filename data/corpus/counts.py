"""Word counts that may be larger than memory: sorted runs on disk, merged when read."""

import collections
import contextlib
import heapq
import itertools
import operator
import pathlib
from collections.abc import Iterator, Mapping

from data import strict_json


class WordCounter:
    """A counter that spills to disk: beyond `max_words` distinct words it writes a sorted run.

    Args:
        path: the prefix of the runs' file names. The caller removes the files after reading.
        max_words: the largest number of distinct words in memory.
    """

    def __init__(self, path: pathlib.Path, max_words: int):
        self.path, self.max_words = path, max_words
        self.counts: collections.Counter[str] = collections.Counter()
        self.runs: list[pathlib.Path] = []

    def add(self, counts: Mapping[str, int]) -> None:
        """Adds counts by word."""
        before = map(self.counts.get, counts, itertools.repeat(0))
        sums = map(operator.add, counts.values(), before)
        dict.update(self.counts, zip(counts, sums, strict=True))  # Counter.update adds in Python
        if len(self.counts) > self.max_words:
            run = self.path.with_name(f"{self.path.name}.{len(self.runs)}")
            with run.open("w", encoding="utf-8") as lines:
                lines.writelines(
                    strict_json.dumps(pair) + "\n" for pair in sorted(self.counts.items())
                )
            self.runs.append(run)
            self.counts.clear()

    def items(self) -> Iterator[tuple[str, int]]:
        """Each word once with its total count: an external merge of the runs and the memory."""
        if not self.runs:
            yield from self.counts.items()
            return
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(run.open(encoding="utf-8")) for run in self.runs]
            runs = [map(strict_json.loads, file) for file in files]
            merged = heapq.merge(*runs, sorted(self.counts.items()), key=operator.itemgetter(0))
            for word, pairs in itertools.groupby(merged, key=operator.itemgetter(0)):
                yield word, sum(count for _, count in pairs)
