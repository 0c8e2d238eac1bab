"""Output layer and cross-entropy as one operation.

Computed separately, they need most of a step's memory and half of its time. On a GPU the scores are
stored once, in the network's own precision: a Triton kernel reads a row of scores, writes the row's
loss, and overwrites the scores with their gradient. PyTorch's functions make four passes in
float32; they are used on all other devices.
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

ALIGN = 64  # matrix products are fast only if rows start at aligned addresses
BLOCK, WARPS = 1024, 4  # of the kernel, the fastest of those tried


def linear_cross_entropy(x: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Mean over the rows of cross_entropy(x @ weight.T + bias, targets), in nats.

    Args:
        x: (rows, features).
        weight: (vocabulary, features), of the same dtype as `x`.
        bias: (vocabulary,), of the same dtype as `x`.
        targets: ids (rows,).

    Returns:
        A float32 scalar. On a GPU, `backward` can be called once: it uses the buffer of the scores.
    """
    if x.is_cuda and triton is not None:
        return _LinearCrossEntropy.apply(x, weight, bias, targets)
    return F.cross_entropy(F.linear(x, weight, bias).float(), targets)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        vocabulary = len(weight)
        extra = -vocabulary % ALIGN
        weight = F.pad(weight, (0, 0, 0, extra))
        scores = torch.addmm(F.pad(bias, (0, extra)), x, weight.t())
        losses = torch.empty(len(x), device=x.device)
        _kernel()[(len(x),)](
            *(scores, targets, losses, vocabulary + extra, vocabulary, 1 / len(x)),
            BLOCK=BLOCK,
            num_warps=WARPS,
        )
        ctx.save_for_backward(scores, x, weight)  # now the gradient of the scores
        ctx.vocabulary = vocabulary
        return losses.mean()

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        gradient, x, weight = ctx.saved_tensors
        scale = scale.to(x.dtype)
        to_weight = (gradient.t() @ x)[: ctx.vocabulary] * scale
        to_bias = (x.new_ones(len(x)) @ gradient)[: ctx.vocabulary] * scale
        return (gradient @ weight) * scale, to_weight, to_bias, None


@functools.cache
def _kernel() -> Any:
    return triton.jit(_cross_entropy_rows)  # not at import: most machines never need it


def _cross_entropy_rows(scores, targets, losses, stride, vocabulary, share, BLOCK: "tl.constexpr"):
    """One program a row: writes its loss, and share * (softmax - one-hot) over the scores."""
    row = tl.program_id(0).to(tl.int64)
    scores += row * stride
    target = tl.load(targets + row)
    at_target = tl.load(scores + target).to(tl.float32)
    columns = tl.arange(0, BLOCK)
    # Each lane keeps a running maximum and the sum of exponentials relative to it (Milakov and
    # Gimelshein, "Online normalizer calculation for softmax", 2018).
    highest = tl.full([BLOCK], -1e30, tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, vocabulary, BLOCK):
        inside = start + columns < vocabulary
        score = tl.load(scores + start + columns, mask=inside, other=-1e30).to(tl.float32)
        factor = tl.exp(-tl.abs(score - highest))
        total = tl.where(score > highest, total * factor + 1, total + factor)
        highest = tl.maximum(highest, score)
    top = tl.max(highest, 0)
    log_sum = top + tl.log(tl.sum(total * tl.exp(highest - top), 0))
    tl.store(losses + row, log_sum - at_target)
    for start in range(0, stride, BLOCK):
        column = start + columns
        score = tl.load(scores + column, mask=column < vocabulary, other=-1e30).to(tl.float32)
        gradient = (tl.exp(score - log_sum) - tl.where(column == target, 1.0, 0.0)) * share
        tl.store(scores + column, gradient.to(scores.dtype.element_ty), mask=column < stride)
