"""The regularizers of the network, one function each: three kinds of dropout.

Merity et al., "Regularizing and Optimizing LSTM Language Models" (2017), sections 2 to 4; the
locked (variational) mask is from Gal and Ghahramani, "A Theoretically Grounded Application of
Dropout in Recurrent Neural Networks" (2016).
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def locked_dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """Variational dropout: one mask for all time steps of a sequence.

    Args:
        x: (batch, time, features).
        p: dropout probability.
        training: False returns `x` unchanged.
    """
    return _shared_dropout(x, p, training)


def word_dropout(vectors: Tensor, p: float, training: bool) -> Tensor:
    """Embedding dropout: a dropped word has a zero vector everywhere in the batch.

    Args:
        vectors: word vectors (vocabulary, features).
        p: dropout probability.
        training: False returns `vectors` unchanged.
    """
    return _shared_dropout(vectors, p, training)


def weight_drop(weight: Tensor, p: float, training: bool) -> Tensor:
    """DropConnect on a recurrent weight matrix: one mask for all time steps of a batch."""
    return F.dropout(weight, p, training)


def _shared_dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """Inverted dropout with one mask for all positions of the second dimension."""
    if not training or p == 0:
        return x
    return x * torch.empty_like(x[:, :1]).bernoulli_(1 - p).div_(1 - p)
