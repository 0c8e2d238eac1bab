"""The sampler against its specification, on arbitrary scores."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from export.sampling import check, choose, seeded, uniform

SCORES = st.lists(st.floats(-20, 20, width=32), min_size=3, max_size=40, unique=True)


def pick(scores, u=0.5, penalised=(), head=512, **options):
    """The choice with word 0 as the unknown one and everything off that is not given."""
    off = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}
    return choose(torch.tensor(scores), 0, list(penalised), **{**off, **options}, u=u, head=head)


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
    assert pick([0.0, 2.0, 1.9], temperature=0.0, penalised=[1], repetition_penalty=1.5) == 2
    assert pick([0.0, -2.0, -2.1], temperature=0.0, penalised=[1], repetition_penalty=1.5) == 2


@given(st.integers(0, 2**31 - 1))
def test_random_numbers_lie_between_0_and_1(seed):
    one, two = seeded(seed)
    for _ in range(20):
        u, one, two = uniform(one, two)
        assert 0 < u < 1


@pytest.mark.parametrize(
    ("number", "value"),
    [(0, -0.1), (0, float("nan")), (1, -1), (2, 0.0), (2, 1.1), (3, 2.0), (4, 0.5)],
)
def test_an_option_out_of_range_is_named(number, value):
    options = [1.0, 0, 1.0, 0.0, 1.0]
    names = ["temperature", "top_k", "top_p", "min_p", "repetition_penalty"]
    options[number] = value
    with pytest.raises(ValueError, match=names[number]):
        check(*options)
