"""Words that share letters share vectors: kramer, kramer: and kramer's are three words of one name.

A word's vector is its own plus the sum of its letter groups' vectors, divided by the root of their
number, as fastText does (Bojanowski et al., "Enriching Word Vectors with Subword Information",
2017). Two thirds of a show's vocabulary are seen fewer than ten times: their groups are seen more
often. Training alone pays for it: `RNN.merged` adds everything up into one plain matrix.
"""

import collections
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LENGTHS = range(2, 7)  # letters of a group, the word's borders < and > among them


def char_ngrams(word: str) -> list[str]:
    """The distinct groups of letters in a word, in the order of the alphabet."""
    bordered = f"<{word}>"
    groups = {
        bordered[start : start + length]
        for length in LENGTHS
        for start in range(len(bordered) - length + 1)
    }
    return sorted(groups)


class Subwords(nn.Module):
    """The vectors of the letter groups that at least `min_words` words of a vocabulary share.

    Args:
        words: the vocabulary by id; one whose name starts with "|" or "<" has no groups.
        dim: numbers that stand for a group.
    """

    def __init__(self, words: Sequence[str], dim: int, min_words: int = 3):
        super().__init__()
        found = [[] if word.startswith(("||", "<")) else char_ngrams(word) for word in words]
        counts = collections.Counter(group for groups in found for group in groups)
        kept = sorted(group for group, count in counts.items() if count >= min_words)
        number = {group: row for row, group in enumerate(kept)}
        members = [[number[group] for group in groups if group in number] for groups in found]
        owners: list[list[int]] = [[] for _ in kept]
        for row, groups in enumerate(members):
            for group in groups:
                owners[group].append(row)
        scale = [len(groups) ** -0.5 if groups else 0.0 for groups in members]
        self.weight = nn.Parameter(torch.empty(len(kept), dim).uniform_(-0.05, 0.05))
        self._keep("of_word", members, [[s] * len(m) for s, m in zip(scale, members, strict=True)])
        self._keep("of_group", owners, [[scale[row] for row in rows] for rows in owners])

    def _keep(self, name: str, rows: list[list[int]], scales: list[list[float]]) -> None:
        starts = torch.tensor([0] + [len(row) for row in rows]).cumsum(0)[:-1]
        flat = torch.tensor([number for row in rows for number in row], dtype=torch.int64)
        scale = torch.tensor([number for row in scales for number in row])
        # Not in the checkpoint: all of this follows from the vocabulary.
        for part, tensor in (("rows", flat), ("starts", starts), ("scale", scale)):
            self.register_buffer(f"{name}_{part}", tensor, persistent=False)

    def forward(self, dtype: torch.dtype) -> Tensor:
        """What the groups add to each word's vector: (vocabulary, dim) of the given type."""
        there = (self.of_word_rows, self.of_word_starts, self.of_word_scale.to(dtype))
        back = (self.of_group_rows, self.of_group_starts, self.of_group_scale.to(dtype))
        return _SumOfGroups.apply(self.weight.to(dtype), *there, *back)


class _SumOfGroups(torch.autograd.Function):
    """Sums of rows by a list for each sum; backwards by the list turned round.

    Its own backward pass, because that of `embedding_bag` sorts all rows at every step.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, *lists: Tensor) -> Tensor:
        ctx.save_for_backward(*lists[3:])
        rows, starts, scale = lists[:3]
        return F.embedding_bag(rows, weight, starts, mode="sum", per_sample_weights=scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, starts, scale = ctx.saved_tensors
        weight = gradient.contiguous()
        back = F.embedding_bag(rows, weight, starts, mode="sum", per_sample_weights=scale)
        return back, None, None, None, None, None, None
