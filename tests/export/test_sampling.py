"""The sampler against its specification, and NumPy's and the consumer's against it."""

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from job.layers.sampling import (
    WINDOW,
    Options,
    apply_penalties,
    check,
    sample_token,
    seeded,
    uniform,
)

# In steps of 1/64: closer scores can have the same probability, up to rounding.
SCORES = st.lists(
    st.integers(-1280, 1280).map(lambda steps: steps / 64), min_size=3, max_size=40, unique=True
)


def pick(scores, u=0.5, least=0.0, temperature=1.0, **options):
    """The sampled word, with word 0 excluded and all options off that are not given."""
    known = torch.tensor(scores)
    known[0] = -float("inf")
    return sample_token(known, Options(temperature, **options), u, least)


def penalized(scores, recent, exempt=(), **options):
    """The scores after penalties, for a vocabulary of ten words."""
    found = torch.tensor(scores, dtype=torch.float64)
    marks = torch.zeros(10, dtype=torch.bool)
    marks[list(exempt)] = True
    apply_penalties(found, torch.tensor(recent, dtype=torch.int64), marks, Options(1.0, **options))
    return found.tolist()


@given(SCORES, st.floats(0, 0.999), st.integers(0, 5), st.floats(0.05, 1), st.floats(0, 1))
def test_top_k_and_min_p_exclude_words_and_excluded_words_are_never_sampled(
    scores, u, top_k, top_p, min_p
):
    chosen = pick(scores, u, top_k=top_k, top_p=top_p, min_p=min_p)
    assert chosen != 0
    ranked = sorted(range(1, len(scores)), key=lambda i: -torch.tensor(scores)[i].item())
    if top_k:
        assert chosen in ranked[:top_k]
    if min_p == 1:
        assert torch.tensor(scores)[chosen] == torch.tensor(scores)[ranked[0]]


@given(SCORES, st.floats(0, 0.999), st.integers(0, 9), st.floats(0.05, 1), st.floats(0, 1))
def test_partial_sort_gives_the_same_word_as_a_full_sort(scores, u, top_k, top_p, min_p):
    options = {"top_k": top_k, "top_p": top_p, "min_p": min_p}
    expected = pick(scores, u, least=0.0, **options)
    assert expected == pick(scores, u, least=0.5, **options)
    assert expected == pick(scores, u, least=0.02, **options)


EQUALS = st.lists(st.sampled_from([-3.0, 0.0, 0.5, 1.0, 1.5, 2.0]), min_size=3, max_size=40)


def by_specification(scores, u, top_k, top_p, min_p):
    """The specification with a full, stable sort in NumPy."""
    order = numpy.argsort(-numpy.array(scores), kind="stable")
    probabilities = numpy.exp(numpy.array(scores)[order])
    probabilities = (probabilities / probabilities.sum())[: top_k or None]
    sums = probabilities.cumsum()
    total = sums[-1] if top_k else 1.0
    kept = (sums < top_p * total).sum() + 1 if top_p < 1 else len(sums)
    kept = min(kept, len(sums), max(1, (probabilities >= min_p * probabilities[0]).sum()))
    return order[min(kept - 1, (sums[:kept] <= u * sums[kept - 1]).sum())]


@given(EQUALS, st.floats(0, 0.999), st.integers(0, 30), st.floats(0.05, 1), st.floats(0, 1))
def test_ties_are_ordered_by_id(scores, u, top_k, top_p, min_p):
    options = Options(1.0, top_k, top_p, min_p)
    expected = by_specification(scores, u, top_k, top_p, min_p)
    for least in (0.5, 0.02, 0.0):
        found = sample_token(torch.tensor(scores), options, u, least)
        # Sums differ in their last bits: at the edge of two words, either is right.
        edges = [
            by_specification(scores, u + more, top_k, top_p + more, min_p) for more in (-1e-9, 1e-9)
        ]
        assert found in (expected, *edges)


@given(SCORES, st.floats(0, 0.999))
def test_temperature_zero_is_greedy(scores, u):
    known = torch.tensor(scores)
    known[0] = -float("inf")
    assert pick(scores, u, temperature=0.0) == int(known.argmax())


def test_sampling_frequencies_match_the_probabilities():
    one, two = seeded(11)
    counts = [0, 0, 0, 0]
    for _ in range(4000):
        u, one, two = uniform(one, two)
        counts[pick([9.0, 0.0, 1.0, 2.0], u)] += 1
    expected = torch.softmax(torch.tensor([0.0, 1.0, 2.0]), 0)
    assert counts[0] == 0
    assert torch.tensor(counts[1:]) / 4000 == pytest.approx(expected, abs=0.03)


def test_repetition_penalty_lowers_positive_and_negative_scores():
    scores = [4.0, -2.0, 3.0, 0.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    found = penalized(scores, [1, 0, 0, 4], exempt=[4], repetition_penalty=2.0)
    assert found == [2.0, -4.0, 3.0, 0.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0]


def test_repetition_penalty_applies_within_its_window_only():
    found = penalized([1.0] * 10, [3, *[2] * WINDOW], repetition_penalty=2.0)
    assert found == [1.0, 1.0, 0.5, *[1.0] * 7]


def test_repetition_penalty_applies_to_out_of_vocabulary_words():
    found = penalized([1.0] * 11, [10, 11], repetition_penalty=2.0)  # 11 has no score
    assert found == [*[1.0] * 10, 0.5]


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(1, 4), st.sets(st.integers(0, 9)))
def test_no_repeat_ngram_size_excludes_repeated_ngrams(recent, size, exempt):
    found = penalized([0.0] * 10, recent, exempt, no_repeat_ngram_size=size)
    ngrams = {tuple(recent[i : i + size]) for i in range(len(recent) - size + 1)}
    prefix = tuple(recent[len(recent) - size + 1 :]) if len(recent) >= size - 1 else None
    for word in range(10):
        repeats = prefix is not None and (*prefix, word) in ngrams and word not in exempt
        assert (found[word] == -float("inf")) == repeats


@given(st.integers(0, 2**31 - 1))
def test_random_numbers_are_between_0_and_1(seed):
    one, two = seeded(seed)
    for _ in range(20):
        u, one, two = uniform(one, two)
        assert 0 < u < 1


@pytest.mark.parametrize(
    ("number", "value"),
    [(0, -0.1), (0, float("nan")), (1, -1), (2, 0.0), (2, 1.1), (3, 2.0), (4, 0.5), (5, -1)],
)
def test_sampling_option_out_of_range_is_named(number, value):
    options = [1.0, 0, 1.0, 0.0, 1.0, 0]
    options[number] = value
    with pytest.raises(ValueError, match=Options._fields[number]):
        check(Options(*options))
