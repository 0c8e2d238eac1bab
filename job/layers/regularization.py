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


def word_dropout(vectors: Tensor, p: float, training: bool) -> Tensor:
    """Drops whole words: a dropped word of the vocabulary is zero wherever it is read.

    Args:
        vectors: the words' vectors (vocabulary, features).
    """
    if not training or p == 0:
        return vectors
    mask = torch.empty_like(vectors[:, :1]).bernoulli_(1 - p).div_(1 - p)
    return vectors * mask


def weight_drop(weight: Tensor, p: float, training: bool) -> Tensor:
    """DropConnect on a recurrent matrix: the same weights are missing at every step of a batch."""
    return F.dropout(weight, p, training)
