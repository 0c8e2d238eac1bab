"""The regularisers of the network, one small function each.

All three are from Merity et al., "Regularizing and Optimizing LSTM Language Models" (2017),
sections 2 to 4; the locked mask is Gal and Ghahramani's (2016).
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def locked_dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """Dropout with one mask for all time steps of a sequence; x is (batch, time, features)."""
    if not training or p == 0:
        return x
    mask = torch.empty_like(x[:, :1]).bernoulli_(1 - p).div_(1 - p)
    return x * mask


def word_dropout(x: Tensor, tokens: Tensor, vocab_size: int, p: float, training: bool) -> Tensor:
    """Drops whole words: every place where a dropped word of the vocabulary stands becomes zero.

    Args:
        x: embedded tokens (batch, time, features).
        tokens: ids (batch, time).
    """
    if not training or p == 0:
        return x
    mask = torch.empty(vocab_size, device=x.device, dtype=x.dtype).bernoulli_(1 - p).div_(1 - p)
    return x * mask[tokens].unsqueeze(-1)


def weight_drop(weight: Tensor, p: float, training: bool) -> Tensor:
    """DropConnect on a recurrent matrix: the same weights are missing at every step of a batch."""
    return F.dropout(weight, p, training)
