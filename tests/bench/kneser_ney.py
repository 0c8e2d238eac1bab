"""The model that a trained network must beat: interpolated modified Kneser-Ney n-grams.

Source: S. F. Chen and J. Goodman, "An Empirical Study of Smoothing Techniques for Language
Modeling", Harvard University, Computer Science Group, technical report TR-10-98 (1998), "modified
Kneser-Ney smoothing": three discounts for each order, estimated in closed form. It builds on
R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling" (ICASSP 1995).

    P(w | h) = (c(h w) - D(c(h w))) / c(h) + gamma(h) P(w | h without its first word)

c counts occurrences in the highest order. In the lower ones it counts the distinct words seen
before h w: a word that only ever follows one other is no good guess elsewhere, however frequent it
is. gamma(h) is the mass that the discounts took away, so that each distribution sums to one. Below
the single words stands the uniform distribution, so that no word of the vocabulary is impossible.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

# Where a text is too small to estimate discounts: what KenLM's lmplz takes (--discount_fallback).
FALLBACK = (0.5, 1.0, 1.5)


def discounts_of(counts: np.ndarray) -> np.ndarray:
    """What is taken off an n-gram seen 0, 1, 2, 3 and more times, from the counts of counts.

    The formulas divide by the counts of counts and, where these do not fall as they do in a large
    text, yield less than nothing or more than the count itself. Then all three are set aside.
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
    """The n-grams of one length, by number, and what they say about their last word.

    Number -1 is an n-gram never seen; both tables have a last entry for it.
    """

    keys: np.ndarray  # (n-grams,) int64, ascending
    direct: np.ndarray  # (n-grams + 1,) the first term of P(w | h), by the number of h w
    gamma: np.ndarray  # (contexts + 1,) by the number of h

    @classmethod
    def estimate(
        cls, keys: np.ndarray, contexts: np.ndarray, counts: np.ndarray, n_contexts: int
    ) -> "_Order":
        """The tables of n-grams with these counts, each after the context of this number."""
        discount = discounts_of(counts)[np.minimum(counts, 3)]
        # A context at the very end of the text was followed by nothing: no numerator, gamma 1.
        totals = np.bincount(contexts, counts, n_contexts)
        spared = np.bincount(contexts, discount, n_contexts)
        gamma = np.where(totals > 0, spared / np.maximum(totals, 1), 1.0)
        direct = (counts - discount) / np.maximum(totals, 1)[contexts]
        return cls(keys, np.append(direct, 0.0), np.append(gamma, 1.0))

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The number of each key, -1 where there is none."""
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, -1)


class KneserNey:
    """n-grams up to `order` words, counted in one text with a closed vocabulary.

    A text begins after a boundary that reaches back without end, so that its first words too have
    contexts of full length. The boundary itself is never predicted.

    Args:
        ids: the text to learn, numbers from 0 to vocab_size - 1.
        vocab_size: how many words can come next.
        order: the length of the longest n-gram, 1 or more.
    """

    def __init__(self, ids: Sequence[int], vocab_size: int, order: int) -> None:
        if order < 1:
            raise ValueError(f"an n-gram has at least one word, not {order}")
        self.vocab_size = vocab_size
        text = self._after_boundary(ids)
        numbers = np.zeros(len(text), np.int64)  # of the n-gram that ends at each place
        keys, contexts, suffixes = [], [], []  # of each order's n-grams
        for _ in range(order):
            before = _one_later(numbers)
            found, first, longer, occurrences = np.unique(
                self._keys(before, text), return_index=True, return_inverse=True, return_counts=True
            )
            keys.append(found)
            contexts.append(before[first])
            suffixes.append(numbers[first])
            numbers = longer
        # Each n-gram extends its suffix to the left by a word that no other n-gram extends it by.
        counts = [*(np.bincount(suffix) for suffix in suffixes[1:]), occurrences]
        self.orders = []
        for found, context, count in zip(keys, contexts, counts, strict=True):
            count[0] = 0  # number 0 is all boundary: a context, but nothing to predict
            n_contexts = len(self.orders[-1].keys) if self.orders else 1
            self.orders.append(_Order.estimate(found, context, count, n_contexts))

    def probabilities(self, ids: Sequence[int]) -> np.ndarray:
        """The probability of each word of a text after all the words before it."""
        text = self._after_boundary(ids)
        numbers = np.zeros(len(text), np.int64)
        mixed = np.full(len(text), 1 / self.vocab_size)
        for order in self.orders:
            contexts = _one_later(numbers)
            numbers = order.find(self._keys(contexts, text))
            mixed = order.direct[numbers] + order.gamma[contexts] * mixed
        return mixed[1:]

    def loss(self, ids: Sequence[int]) -> float:
        """Mean loss in nats per token, every token of `ids` counted once."""
        return -float(np.log(self.probabilities(ids)).mean())

    def _after_boundary(self, ids: Sequence[int]) -> np.ndarray:
        """A text with the boundary as word 0 before it and each id one higher.

        So whatever is all boundary has the lowest key of its order, and number 0.
        """
        words = np.asarray(ids, np.int64)
        if len(words) and not 0 <= words.min() <= words.max() < self.vocab_size:
            raise ValueError(f"the ids must lie between 0 and {self.vocab_size - 1}")
        return np.concatenate([[0], words + 1])

    def _keys(self, contexts: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Context and word as one number; negative, thus never found, where the context is -1."""
        return contexts * (self.vocab_size + 1) + words


def _one_later(numbers: np.ndarray) -> np.ndarray:
    """At each place what stood one place before; before the boundary is more boundary."""
    return np.concatenate([numbers[:1], numbers[:-1]])
