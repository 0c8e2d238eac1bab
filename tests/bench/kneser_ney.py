"""An n-gram language model with interpolated modified Kneser-Ney smoothing: a peer of the network.

Source: S. F. Chen and J. Goodman, "An Empirical Study of Smoothing Techniques for Language
Modeling", Harvard University, Computer Science Group, technical report TR-10-98 (1998), "modified
Kneser-Ney smoothing": three discounts for each order, estimated in closed form. It builds on
R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling" (ICASSP 1995).

    P(w | h) = (c(h w) - D(c(h w))) / c(h) + gamma(h) P(w | h without its first word)

c counts occurrences in the highest order. In the lower ones it counts the distinct words seen
before h w: a word that follows only one other word is unlikely elsewhere, however frequent it is.
gamma(h) is the probability mass removed by the discounts, so that each distribution sums to one.
Unigrams are interpolated with the uniform distribution, so that no word has probability zero.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

# KenLM's --discount_fallback, for texts too small to estimate discounts.
FALLBACK = (0.5, 1.0, 1.5)


def discounts_of(counts: np.ndarray) -> np.ndarray:
    """The discounts of n-grams seen 0, 1, 2, and 3 or more times, from the counts of counts.

    In a small text the formulas can yield a discount below 0 or above the count itself; then
    `FALLBACK` is used for all three.
    """
    n1, n2, n3, n4 = (float(np.count_nonzero(counts == times)) for times in (1, 2, 3, 4))
    estimated = FALLBACK
    if n1 and n2 and n3 and n4:
        y = n1 / (n1 + 2 * n2)
        estimated = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        if not all(0 < discount < times for times, discount in enumerate(estimated, start=1)):
            estimated = FALLBACK
    return np.array([0.0, *estimated])


@dataclasses.dataclass(frozen=True)
class _Order:
    """The n-grams of one length, numbered, with the terms of the formula above.

    Number -1 is an unseen n-gram; both tables have a last entry for it.
    """

    keys: np.ndarray  # (n-grams,) int64, ascending
    direct: np.ndarray  # (n-grams + 1,) the first term of P(w | h), by the number of h w
    gamma: np.ndarray  # (contexts + 1,) by the number of h

    @classmethod
    def estimate(
        cls, keys: np.ndarray, contexts: np.ndarray, counts: np.ndarray, n_contexts: int
    ) -> "_Order":
        """The tables of n-grams from their keys, context numbers and counts."""
        discount = discounts_of(counts)[np.minimum(counts, 3)]
        # A context seen only at the end of the text has no successor: its gamma is 1.
        totals = np.bincount(contexts, counts, n_contexts)
        spared = np.bincount(contexts, discount, n_contexts)
        gamma = np.where(totals > 0, spared / np.maximum(totals, 1), 1.0)
        direct = (counts - discount) / np.maximum(totals, 1)[contexts]
        return cls(keys, np.append(direct, 0.0), np.append(gamma, 1.0))

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The number of each key; -1 for an unseen one."""
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, -1)


class KneserNey:
    """A model of n-grams up to `order` words over a closed vocabulary.

    A text is preceded by an unlimited number of boundary symbols, so that its first words also
    have contexts of full length. The boundary symbol is never predicted.

    Args:
        ids: training text (tokens,), from 0 to vocab_size - 1.
        vocab_size: number of words.
        order: length of the longest n-gram, 1 or more.

    Raises:
        ValueError: for an order below 1 or an id outside the vocabulary.
    """

    def __init__(self, ids: Sequence[int], vocab_size: int, order: int) -> None:
        if order < 1:
            raise ValueError(f"order must be at least 1, not {order}")
        self.vocab_size = vocab_size
        text = self._after_boundary(ids)
        numbers = np.zeros(len(text), np.int64)  # of the n-gram that ends at each position
        keys, contexts, suffixes = [], [], []  # of each order's n-grams
        for _ in range(order):
            before = _shifted(numbers)
            found, first, longer, occurrences = np.unique(
                self._keys(before, text), return_index=True, return_inverse=True, return_counts=True
            )
            keys.append(found)
            contexts.append(before[first])
            suffixes.append(numbers[first])
            numbers = longer
        # Each n-gram is a different extension of its suffix to the left.
        counts = [*(np.bincount(suffix) for suffix in suffixes[1:]), occurrences]
        self.orders = []
        for found, context, count in zip(keys, contexts, counts, strict=True):
            count[0] = 0  # number 0 is all boundary: never predicted
            n_contexts = len(self.orders[-1].keys) if self.orders else 1
            self.orders.append(_Order.estimate(found, context, count, n_contexts))

    def probabilities(self, ids: Sequence[int]) -> np.ndarray:
        """The probability of each word of a text given the words before it, (tokens,) float64."""
        text = self._after_boundary(ids)
        numbers = np.zeros(len(text), np.int64)
        mixed = np.full(len(text), 1 / self.vocab_size)
        for order in self.orders:
            contexts = _shifted(numbers)
            numbers = order.find(self._keys(contexts, text))
            mixed = order.direct[numbers] + order.gamma[contexts] * mixed
        return mixed[1:]

    def loss(self, ids: Sequence[int]) -> float:
        """Mean loss in nats per token, every token of `ids` counted once."""
        return -float(np.log(self.probabilities(ids)).mean())

    def _after_boundary(self, ids: Sequence[int]) -> np.ndarray:
        """The text with each id one higher, after the boundary symbol 0.

        An n-gram of boundary symbols then has the lowest key of its order, and number 0.
        """
        words = np.asarray(ids, np.int64)
        if len(words) and not 0 <= words.min() <= words.max() < self.vocab_size:
            raise ValueError(f"ids must be from 0 to {self.vocab_size - 1}")
        return np.concatenate([[0], words + 1])

    def _keys(self, contexts: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Context and word as one number; negative, thus unseen, where the context is -1."""
        return contexts * (self.vocab_size + 1) + words


def _shifted(numbers: np.ndarray) -> np.ndarray:
    """The numbers shifted by one position; the first one is repeated."""
    return np.concatenate([numbers[:1], numbers[:-1]])
