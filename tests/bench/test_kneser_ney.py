"""Kneser-Ney smoothing: the vectorized model against a plain implementation of its definition."""

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.vocab import Vocabulary
from job.evaluate import unigram_loss
from tests.bench.kneser_ney import FALLBACK, KneserNey, discounts_of

WORDS = 4
ORDERS = st.integers(1, 4)
TEXTS = st.lists(st.integers(0, WORDS - 1), max_size=40)


def skewed(seed: int, length: int, vocab_size: int) -> list[int]:
    """A text of Zipf-distributed words in which each word depends on the one before."""
    source = np.random.default_rng(seed)
    steps = np.minimum(source.zipf(1.5, length), vocab_size)
    return [int(number) for number in np.cumsum(steps) % vocab_size]


class Plain:
    """The same model with dictionaries, one word at a time."""

    def __init__(self, ids, vocab_size, order):
        self.vocab_size = vocab_size
        padded = ["start"] * order + list(ids)
        ends = range(order, len(padded))
        self.following = {}  # length -> context -> word -> count
        self.discounts = {}
        for length in range(1, order + 1):
            if length == order:
                counts = collections.Counter(tuple(padded[i - order + 1 : i + 1]) for i in ends)
            else:
                longer = {tuple(padded[i - length : i + 1]) for i in ends}
                counts = collections.Counter(gram[1:] for gram in longer)
            tables = collections.defaultdict(dict)
            for gram, count in counts.items():
                tables[gram[:-1]][gram[-1]] = count
            self.following[length] = tables
            self.discounts[length] = self.estimate(counts)

    @staticmethod
    def estimate(counts):
        n = collections.Counter(counts.values())
        if not all(n[times] for times in (1, 2, 3, 4)):
            return FALLBACK
        y = n[1] / (n[1] + 2 * n[2])
        found = tuple(k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3))
        return found if all(0 < d < k for k, d in zip((1, 2, 3), found, strict=True)) else FALLBACK

    def probability(self, word, context):
        """P(word | context), the context a tuple of order - 1 words or fewer."""
        shorter = self.probability(word, context[1:]) if context else 1 / self.vocab_size
        table = self.following[len(context) + 1].get(context)
        if table is None:
            return shorter
        discounts = self.discounts[len(context) + 1]
        taken = {each: discounts[min(count, 3) - 1] for each, count in table.items()}
        own = table[word] - taken[word] if word in table else 0
        return (own + sum(taken.values()) * shorter) / sum(table.values())

    def probabilities(self, ids):
        reach = max(self.following) - 1
        padded = ["start"] * reach + list(ids)
        return [
            self.probability(word, tuple(padded[place : place + reach]))
            for place, word in enumerate(ids)
        ]


def assert_sums_to_one(model: KneserNey, context: list[int]) -> None:
    chances = [model.probabilities([*context, word])[-1] for word in range(model.vocab_size)]
    assert min(chances) > 0
    assert sum(chances) == pytest.approx(1, abs=1e-12)


@given(TEXTS, ORDERS, st.lists(st.integers(0, WORDS), max_size=5))
def test_kneser_ney_probabilities_sum_to_one_after_any_context(ids, order, context):
    """The word with id WORDS is not in the training text."""
    assert_sums_to_one(KneserNey(ids, WORDS + 1, order), context)


@given(TEXTS, ORDERS)
def test_kneser_ney_probabilities_sum_to_one_at_the_end_of_the_text(ids, order):
    assert_sums_to_one(KneserNey(ids, WORDS + 1, order), ids)


@given(TEXTS, TEXTS, ORDERS)
def test_kneser_ney_equals_plain_implementation(ids, others, order):
    model, plain = KneserNey(ids, WORDS, order), Plain(ids, WORDS, order)
    for text in (ids, others):
        assert model.probabilities(text) == pytest.approx(plain.probabilities(text), abs=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_kneser_ney_equals_plain_implementation_with_estimated_discounts(order):
    ids, others = skewed(0, 3000, 60), skewed(1, 300, 60)
    plain = Plain(ids, 60, order)
    # From bigrams on: the counts of 60 unigrams are too few to estimate discounts.
    assert all(plain.discounts[length] != FALLBACK for length in range(2, order + 1))
    model = KneserNey(ids, 60, order)
    wanted = np.array(plain.probabilities(others))
    assert model.probabilities(others) == pytest.approx(wanted, abs=1e-12)
    assert model.loss(others) == pytest.approx(-np.log(wanted).mean())
    assert_sums_to_one(model, others)
    assert_sums_to_one(model, ids[:-7])


def test_kneser_ney_lower_order_counts_distinct_contexts():
    """The word "Francisco" is as frequent as "bus", but follows only "San"."""
    san, francisco, bus, filler = 0, 1, 2, range(3, 13)
    ids = []
    for word in filler:
        ids += [san, francisco, word, bus]
    model = KneserNey(ids, 14, 2)
    after_new_word = [model.probabilities([13, word])[1] for word in (francisco, bus)]
    assert ids.count(francisco) == ids.count(bus)
    assert after_new_word[1] > 3 * after_new_word[0]


def test_kneser_ney_discounts_by_hand():
    counts = np.repeat([0, 1, 2, 3, 4, 9], [5, 8, 4, 2, 1, 6])  # y = 8 / (8 + 2 * 4) = 0.5
    assert discounts_of(counts) == pytest.approx([0, 0.5, 1.25, 2])


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [1, 1, 1, 2, 3],  # no n-gram seen four times
        np.repeat([1, 2, 3, 4], [8, 1, 8, 1]),  # the second discount would be negative
    ],
)
def test_kneser_ney_discounts_fall_back_where_they_cannot_be_estimated(counts):
    assert list(discounts_of(np.array(counts, int))) == [0, *FALLBACK]


def test_kneser_ney_without_training_text_is_uniform():
    assert KneserNey([], 8, 3).loss([0, 5, 7]) == pytest.approx(np.log(8))


@pytest.mark.parametrize(("ids", "order"), [([0, 4], 2), ([-1, 0], 2), ([0, 1], 0)])
def test_kneser_ney_refuses_invalid_ids_and_orders(ids, order):
    with pytest.raises(ValueError, match=r"ids must be|order must be"):
        KneserNey(ids, 4, order)


def test_kneser_ney_beats_unigrams_on_a_show(show):
    text = show.read_text(encoding="utf-8")
    vocab = Vocabulary.build(text, "The Café", 2)
    ids = vocab.encode(text)
    cut = len(ids) * 9 // 10
    train, valid = ids[:cut], ids[cut:]
    losses = [KneserNey(train, len(vocab), order).loss(valid) for order in (1, 2, 4)]
    unigrams = unigram_loss([train.count(number) for number in range(len(vocab))], valid)
    assert losses[0] == pytest.approx(unigrams, abs=0.1)
    assert losses[2] < losses[1] < unigrams / 2
