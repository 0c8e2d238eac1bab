"""The regularizers of the network, one function each: three kinds of dropout.

Merity et al., "Regularizing and Optimizing LSTM Language Models" (2017), sections 2 to 4; the
locked (variational) mask is from Gal and Ghahramani, "A Theoretically Grounded Application of
Dropout in Recurrent Neural Networks" (2016).
"""

from torch import Tensor
from torch.nn import functional as F


def locked_dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """Variational dropout: one mask for all time steps of a sequence.

    Args:
        x: (batch, time, features).
        p: dropout probability.
        training: False returns `x` unchanged.
    """
    if not training or p == 0:
        return x
    return x * _mask(x.new_empty(len(x), 1, x.shape[2]), p)


def word_dropout(x: Tensor, ids: Tensor, vocabulary: int, p: float, training: bool) -> Tensor:
    """Embedding dropout: a dropped word has a zero vector everywhere in the batch.

    Args:
        x: embedded words (..., features).
        ids: the words (...).
        vocabulary: number of words.
        p: dropout probability.
        training: False returns `x` unchanged.
    """
    if not training or p == 0:
        return x
    return x * _mask(x.new_empty(vocabulary), p)[ids][..., None]


def weight_drop(weight: Tensor, p: float, training: bool) -> Tensor:
    """DropConnect on a recurrent weight matrix: one mask for all time steps of a batch."""
    return F.dropout(weight, p, training)


def _mask(empty: Tensor, p: float) -> Tensor:
    """Factors of inverted dropout."""
    return empty.bernoulli_(1 - p).div_(1 - p)
