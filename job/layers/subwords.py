"""Subword vectors: words that share character n-grams share parts of their vectors.

A word's vector is its own plus the sum of its character n-grams' vectors, divided by the square
root of their number, as in fastText (Bojanowski et al., "Enriching Word Vectors with Subword
Information", 2017). Two thirds of a show's vocabulary occur fewer than ten times; their n-grams
occur more often. Only training has this cost: `RNN.merged` adds everything up into one matrix.
"""

import collections
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from job.layers.bags import bag_sums

LENGTHS = range(2, 7)  # characters of an n-gram, the word boundaries < and > included
PART = 32  # words of an n-gram that are summed at a time


def char_ngrams(word: str) -> list[str]:
    """The distinct character n-grams of a word, sorted."""
    bordered = f"<{word}>"
    ngrams = {
        bordered[start : start + length]
        for length in LENGTHS
        for start in range(len(bordered) - length + 1)
    }
    return sorted(ngrams)


class Subwords(nn.Module):
    """Vectors of the character n-grams that at least `min_words` words of a vocabulary share.

    Args:
        words: the vocabulary by id. Special tokens, which start with "||" or "<", have no n-grams.
        dim: embedding size.
        min_words: an n-gram of fewer words has no vector.
    """

    def __init__(self, words: Sequence[str], dim: int, min_words: int = 3):
        super().__init__()
        found = [[] if word.startswith(("||", "<")) else char_ngrams(word) for word in words]
        counts = collections.Counter(ngram for ngrams in found for ngram in ngrams)
        kept = sorted(ngram for ngram, count in counts.items() if count >= min_words)
        number = {ngram: row for row, ngram in enumerate(kept)}
        members = [[number[ngram] for ngram in ngrams if ngram in number] for ngrams in found]
        owners: list[list[int]] = [[] for _ in kept]
        for row, ngrams in enumerate(members):
            for ngram in ngrams:
                owners[ngram].append(row)
        scale = [len(ngrams) ** -0.5 if ngrams else 0.0 for ngrams in members]
        self.weight = nn.Parameter(torch.empty(len(kept), dim).uniform_(-0.05, 0.05))
        scales = [[s] * len(m) for s, m in zip(scale, members, strict=True)]
        self._register("of_word", members, scales)
        # A GPU sums the many words of a frequent n-gram in parts.
        parts = [rows[at : at + PART] for rows in owners for at in range(0, len(rows), PART)]
        self._register("of_part", parts, [[scale[row] for row in rows] for rows in parts])
        sizes = torch.tensor([-(-len(rows) // PART) for rows in owners], dtype=torch.int64)
        starts = F.pad(sizes.cumsum(0), (1, 0))
        self.register_buffer("of_ngram_starts", starts, persistent=False)

    def _register(self, name: str, rows: list[list[int]], scales: list[list[float]]) -> None:
        starts = torch.tensor([0] + [len(row) for row in rows]).cumsum(0)
        flat = torch.tensor([number for row in rows for number in row], dtype=torch.int64)
        scale = torch.tensor([number for row in scales for number in row])
        # Not in the checkpoint: all of this is computed from the vocabulary.
        for part, tensor in (("rows", flat), ("starts", starts), ("scale", scale)):
            self.register_buffer(f"{name}_{part}", tensor, persistent=False)

    def forward(self, dtype: torch.dtype) -> Tensor:
        """What the n-grams add to each word's vector: (vocabulary, dim) of the given dtype."""
        there = (self.of_word_rows, self.of_word_starts, self.of_word_scale.to(dtype))
        back = (self.of_part_rows, self.of_part_starts, self.of_part_scale.to(dtype))
        return _Sums.apply(self.weight.to(dtype), there, back, self.of_ngram_starts)


class _Sums(torch.autograd.Function):
    """Sums of n-grams, whose gradient is such a sum of words."""

    @staticmethod
    def forward(
        ctx: Any,
        weight: Tensor,
        there: tuple[Tensor, ...],
        back: tuple[Tensor, ...],
        starts: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(*back, starts)
        return bag_sums(weight, *there)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        *back, starts = ctx.saved_tensors
        parts = bag_sums(gradient, *back)
        members = torch.arange(len(parts), device=parts.device)
        return bag_sums(parts, members, starts), None, None, None
