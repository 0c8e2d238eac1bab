"""Counts of more different words than fit into memory."""

import collections
import contextlib
import heapq
import itertools
import json
import operator
import pathlib
from collections.abc import Iterator, Mapping

MOST = 1_000_000  # different words in memory: some 150 MB


class Tally:
    """Adds counts up; beyond `most` different words, what it has goes to a file, sorted.

    Args:
        path: the files' name, a number is added; they are of no use once the counts are read.
    """

    def __init__(self, path: pathlib.Path, most: int = MOST):
        self.path, self.most = path, most
        self.counts: collections.Counter[str] = collections.Counter()
        self.files: list[pathlib.Path] = []

    def add(self, counts: Mapping[str, int]) -> None:
        """Adds to each word's count."""
        self.counts.update(counts)
        if len(self.counts) > self.most:
            file = self.path.with_name(f"{self.path.name}.{len(self.files)}")
            with file.open("w", encoding="utf-8") as lines:
                lines.writelines(json.dumps(pair) + "\n" for pair in sorted(self.counts.items()))
            self.files.append(file)
            self.counts.clear()

    def items(self) -> Iterator[tuple[str, int]]:
        """Every word once, with its count."""
        if not self.files:
            yield from self.counts.items()
            return
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(file.open(encoding="utf-8")) for file in self.files]
            runs = [map(json.loads, file) for file in files]
            merged = heapq.merge(*runs, sorted(self.counts.items()), key=operator.itemgetter(0))
            for word, pairs in itertools.groupby(merged, key=operator.itemgetter(0)):
                yield word, sum(count for _, count in pairs)
