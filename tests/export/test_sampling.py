"""The sampler against its specification, on arbitrary scores."""

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

SCORES = st.lists(st.floats(-20, 20, width=32), min_size=3, max_size=40, unique=True)


def pick(scores, u=0.5, head=512, temperature=1.0, **options):
    """The choice with word 0 ruled out and everything off that is not given."""
    known = torch.tensor(scores)
    known[0] = -float("inf")
    return sample_token(known, Options(temperature, **options), u, head)


def penalized(scores, recent, spared=(), **options):
    """The scores after penalties; words 0 to 9 are the vocabulary."""
    found = torch.tensor(scores, dtype=torch.float64)
    marks = torch.zeros(10, dtype=torch.bool)
    marks[list(spared)] = True
    apply_penalties(found, torch.tensor(recent, dtype=torch.int64), marks, Options(1.0, **options))
    return found.tolist()


@given(SCORES, st.floats(0, 0.999), st.integers(0, 5), st.floats(0.05, 1), st.floats(0, 1))
def test_the_unknown_word_is_never_chosen_and_top_k_holds(scores, u, top_k, top_p, min_p):
    chosen = pick(scores, u, top_k=top_k, top_p=top_p, min_p=min_p)
    assert chosen != 0
    ranked = sorted(range(1, len(scores)), key=lambda i: -torch.tensor(scores)[i].item())
    if top_k:
        assert chosen in ranked[:top_k]
    if min_p == 1:
        assert torch.tensor(scores)[chosen] == torch.tensor(scores)[ranked[0]]


@given(SCORES, st.floats(0, 0.999), st.integers(0, 9), st.floats(0.05, 1), st.floats(0, 1))
def test_sorting_only_the_head_changes_nothing(scores, u, top_k, top_p, min_p):
    options = {"top_k": top_k, "top_p": top_p, "min_p": min_p}
    assert pick(scores, u, head=2, **options) == pick(scores, u, head=512, **options)


EQUALS = st.lists(st.sampled_from([-3.0, 0.0, 0.5, 1.0, 1.5, 2.0]), min_size=3, max_size=40)


def plainly(scores, u, top_k, top_p, min_p):
    """The specification by a full, stable sort in numpy."""
    order = numpy.argsort(-numpy.array(scores), kind="stable")
    chances = numpy.exp(numpy.array(scores)[order])
    chances = (chances / chances.sum())[: top_k or None]
    sums = chances.cumsum()
    total = sums[-1] if top_k else 1.0
    kept = (sums < top_p * total).sum() + 1 if top_p < 1 else len(sums)
    kept = min(kept, len(sums), max(1, (chances >= min_p * chances[0]).sum()))
    return order[min(kept - 1, (sums[:kept] <= u * sums[kept - 1]).sum())]


@given(EQUALS, st.floats(0, 0.999), st.integers(0, 30), st.floats(0.05, 1), st.floats(0, 1))
def test_of_equals_the_lower_number_goes_first(scores, u, top_k, top_p, min_p):
    options = Options(1.0, top_k, top_p, min_p)
    expected = plainly(scores, u, top_k, top_p, min_p)
    for head in (3, 10, 512):
        found = sample_token(torch.tensor(scores), options, u, head)
        # Sums differ in their last bits: where u falls on an edge, a neighbour is as right.
        edges = [plainly(scores, u + more, top_k, top_p + more, min_p) for more in (-1e-9, 1e-9)]
        assert found in (expected, *edges)


@given(SCORES, st.floats(0, 0.999))
def test_temperature_zero_is_the_likeliest(scores, u):
    known = torch.tensor(scores)
    known[0] = -float("inf")
    assert pick(scores, u, temperature=0.0) == int(known.argmax())


def test_the_words_come_as_often_as_their_probability():
    one, two = seeded(11)
    counts = [0, 0, 0, 0]
    for _ in range(4000):
        u, one, two = uniform(one, two)
        counts[pick([9.0, 0.0, 1.0, 2.0], u)] += 1
    expected = torch.softmax(torch.tensor([0.0, 1.0, 2.0]), 0)
    assert counts[0] == 0
    assert torch.tensor(counts[1:]) / 4000 == pytest.approx(expected, abs=0.03)


def test_the_repetition_penalty_makes_a_word_less_likely_whatever_its_sign():
    scores = [4.0, -2.0, 3.0, 0.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    found = penalized(scores, [1, 0, 0, 4], spared=[4], repetition_penalty=2.0)
    assert found == [2.0, -4.0, 3.0, 0.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0]


def test_the_penalty_looks_no_further_back_than_its_window():
    found = penalized([1.0] * 10, [3, *[2] * WINDOW], repetition_penalty=2.0)
    assert found == [1.0, 1.0, 0.5, *[1.0] * 7]


def test_words_outside_the_vocabulary_are_penalised_like_others():
    found = penalized([1.0] * 11, [10, 11], repetition_penalty=2.0)  # 11 has no score yet
    assert found == [*[1.0] * 10, 0.5]


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(1, 4), st.sets(st.integers(0, 9)))
def test_no_run_of_words_comes_again(recent, size, spared):
    found = penalized([0.0] * 10, recent, spared, no_repeat_ngram_size=size)
    runs = {tuple(recent[i : i + size]) for i in range(len(recent) - size + 1)}
    begun = tuple(recent[len(recent) - size + 1 :]) if len(recent) >= size - 1 else None
    for word in range(10):
        again = begun is not None and (*begun, word) in runs and word not in spared
        assert (found[word] == -float("inf")) == again


@given(st.integers(0, 2**31 - 1))
def test_random_numbers_lie_between_0_and_1(seed):
    one, two = seeded(seed)
    for _ in range(20):
        u, one, two = uniform(one, two)
        assert 0 < u < 1


@pytest.mark.parametrize(
    ("number", "value"),
    [(0, -0.1), (0, float("nan")), (1, -1), (2, 0.0), (2, 1.1), (3, 2.0), (4, 0.5), (5, -1)],
)
def test_an_option_out_of_range_is_named(number, value):
    options = [1.0, 0, 1.0, 0.0, 1.0, 0]
    options[number] = value
    with pytest.raises(ValueError, match=Options._fields[number]):
        check(Options(*options))
