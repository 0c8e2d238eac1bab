"""Sums of bags of rows: a word's n-grams, or all places of a word in a batch (its gradient).

On a GPU one Triton kernel computes them, in a half to a third of the time of cuSPARSE's product and
of the gradient of `F.embedding` (docs/choices.md); PyTorch's functions on all other devices.
"""

import functools
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

try:  # installed with PyTorch's builds for NVIDIA GPUs
    import triton
    import triton.language as tl
except ImportError:
    triton = None

COLUMNS, MEMBERS, WARPS = 256, 8, 1  # of one program at a time; the fastest of those tried


def bag_sums(rows: Tensor, members: Tensor, starts: Tensor, scale: Tensor | None = None) -> Tensor:
    """The sum of each bag of rows. No gradient.

    Args:
        rows: (rows, features).
        members: the rows of all bags, one bag after the other (members,), int64.
        starts: where each bag starts in `members`, and its length (bags + 1,), int64.
        scale: factors of `members`, of the dtype of `rows`.

    Returns:
        (bags, features). On a GPU it is summed in float32, always in the same order.
    """
    if not rows.is_cuda or triton is None:
        bag = {"mode": "sum", "per_sample_weights": scale, "include_last_offset": True}
        return F.embedding_bag(members, rows, starts, **bag)
    sums = rows.new_empty(len(starts) - 1, rows.shape[1])
    grid = (len(sums), triton.cdiv(rows.shape[1], COLUMNS))
    arguments = (rows.contiguous(), members, starts, scale, sums, rows.shape[1])
    _kernel()[grid](*arguments, scale is not None, COLUMNS, MEMBERS, num_warps=WARPS)
    return sums


def embed(ids: Tensor, vectors: Tensor) -> Tensor:
    """As `F.embedding`: the vector of each id, (..., features)."""
    if vectors.is_cuda and triton is not None:
        return _Embedding.apply(ids, vectors)
    return F.embedding(ids, vectors)


class _Embedding(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ids: Tensor, vectors: Tensor) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.vocabulary = len(vectors)
        return F.embedding(ids, vectors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        (ids,) = ctx.saved_tensors
        # The time of sorting grows with the number of bits.
        small = torch.int16 if ctx.vocabulary <= 2**15 else torch.int32
        words, members = ids.flatten().to(small).sort(stable=True)
        vocabulary = torch.arange(ctx.vocabulary, dtype=small, device=ids.device)
        starts = F.pad(torch.searchsorted(words, vocabulary), (0, 1), value=len(words))
        return None, bag_sums(gradient.flatten(0, -2), members, starts)


@functools.cache
def _kernel() -> Any:
    return triton.jit(_bag_sums)  # not at import: most machines never need it


def _bag_sums(
    rows, members, starts, scale, sums, features,
    SCALED: "tl.constexpr", COLUMNS: "tl.constexpr", MEMBERS: "tl.constexpr",
):  # fmt: skip
    """One program a bag and block of columns."""
    bag = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = column < features
    end = tl.load(starts + bag + 1)
    total = tl.zeros([COLUMNS], tl.float32)
    for start in range(tl.load(starts + bag), end, MEMBERS):
        place = start + tl.arange(0, MEMBERS)
        there = place < end
        row = tl.load(members + place, mask=there, other=0)
        at = rows + row[:, None] * features + column[None, :]
        part = tl.load(at, mask=there[:, None] & inside[None, :], other=0.0).to(tl.float32)
        if SCALED:
            part *= tl.load(scale + place, mask=there, other=0.0).to(tl.float32)[:, None]
        total += tl.sum(part, 0)
    tl.store(sums + bag * features + column, total.to(sums.dtype.element_ty), mask=inside)
