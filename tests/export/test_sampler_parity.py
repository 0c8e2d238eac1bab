"""The three samplers against each other: job.layers.sampling, serve.models.sampling (NumPy), and
docs/consumer.py. Whole scenes are compared in test_consumer.py and tests/serve/test_runtimes.py.
"""

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data.tokens import token_lookup
from job.layers import sampling
from serve.models import sampling as numpy_sampling
from serve.scenes.scene import Scene
from tests.bench.generation import load_consumer

VALUES = st.floats(-20, 20, width=32) | st.sampled_from([-3.0, 0.0, 0.5, 1.0])  # ties included
SCORES = st.lists(VALUES, min_size=2, max_size=300)
TEMPERATURES = st.sampled_from([0.0, 0.3, 1.0, 2.0])
SEEDS = st.integers(0, 2**31 - 1)
VOCABULARY = 10
SCRIPT = ["hello", "ann:", "bob:", "[setting:", "pier]", "[x]", ":", *token_lookup().values()]


@pytest.fixture(scope="module")
def consumer():
    """docs/consumer.py as a module."""
    return load_consumer()


@settings(deadline=None)
@given(SEEDS)
def test_random_numbers_are_the_same_in_all_samplers(consumer, seed):
    one, two = sampling.seeded(seed)
    state = numpy_sampling.seeded(seed)
    assert state == (one, two)
    for _ in range(5):
        consumer_state = [one, two]
        consumer.sample_token(numpy.zeros(1), consumer_state, 1.0, 1.0)
        u, one, two = sampling.uniform(one, two)
        assert numpy_sampling.uniform(state) == (u, (one, two))
        assert consumer_state == [one, two]
        state = one, two


@settings(max_examples=3 * settings().max_examples)
@given(
    SCORES,
    SEEDS,
    TEMPERATURES,
    st.sampled_from([1.0, 0.95, 0.5, 0.05]),
    st.sampled_from([0, 0, 1, 4, 200]),
    st.sampled_from([0.0, 0.02, 0.2, 1.0]),
)
def test_sampled_token_is_the_same_in_all_samplers(
    consumer, values, seed, temperature, top_p, top_k, min_p
):
    scores = numpy.array(values)
    one, two = sampling.seeded(seed)
    u, *_ = sampling.uniform(one, two)
    options = sampling.Options(temperature, top_k, top_p, min_p)
    expected = sampling.sample_token(torch.from_numpy(scores), options, u)
    of_numpy = numpy_sampling.sample_token(scores, temperature, top_p, u, top_k, min_p)
    of_consumer = consumer.sample_token(scores, [one, two], temperature, top_p, top_k, min_p)
    ranks = numpy.argsort(-scores, kind="stable").tolist()
    for found in (of_numpy, of_consumer):
        # Sums differ in their last bit: if one is exactly at an edge, the next rank is as right.
        edge = found != expected and abs(ranks.index(found) - ranks.index(expected)) == 1
        assert found == expected or (edge and at_edge(scores, u, options))


def at_edge(scores, u, options):
    """Whether a change of 1e-9 in `u` or `top_p` changes the sampled word."""
    tokens = {
        sampling.sample_token(torch.from_numpy(scores), options._replace(top_p=top_p), v)
        for v in (u - 1e-9, u + 1e-9)
        for top_p in (options.top_p - 1e-9, options.top_p + 1e-9)
    }
    return len(tokens) > 1


@settings(max_examples=3 * settings().max_examples)
@given(
    st.lists(st.integers(0, len(SCRIPT) + 1), max_size=60),
    st.sets(st.integers(0, len(SCRIPT) - 1)),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.lists(VALUES, min_size=len(SCRIPT) + 2, max_size=len(SCRIPT) + 2),
)
def test_structure_is_the_same_in_all_samplers(consumer, words, heading, repeat, values):
    """Numbers from the vocabulary's size on are out-of-vocabulary words."""
    roles = sampling.word_roles(SCRIPT, token_lookup())
    assert numpy_sampling.word_roles(SCRIPT, token_lookup()) == roles
    assert [consumer.role_of(word, token_lookup()) for word in SCRIPT] == roles
    expected = torch.tensor(values, dtype=torch.float64)
    excluded = sampling.excluded_words(roles, sorted(heading))
    recent = torch.tensor(words, dtype=torch.int64)
    sampling.apply_structure(expected, recent, roles, excluded, repeat)
    excluded = numpy_sampling.excluded_words(roles, sorted(heading))
    found = numpy.array(values, numpy.float64)
    numpy_sampling.apply_structure(found, numpy.array(words, int), roles, excluded, repeat)
    numpy.testing.assert_allclose(found, expected.numpy(), rtol=1e-12)
    found = numpy.array(values, numpy.float64)
    consumer.apply_structure(found, words, roles, repeat, sorted(heading))
    numpy.testing.assert_allclose(found, expected.numpy(), rtol=1e-12)


@settings(deadline=None)
@given(
    st.lists(VALUES, min_size=VOCABULARY, max_size=VOCABULARY + 4),
    st.lists(st.integers(0, VOCABULARY + 5), max_size=90),
    st.sets(st.integers(0, VOCABULARY - 1)),
    st.sampled_from([1.0, 1.2, 2.0]),
    st.integers(0, 4),
)
def test_penalties_are_the_same_in_torch_and_numpy(values, recent, exempt, penalty, size):
    """Numbers from the vocabulary's size on are out-of-vocabulary words, some without a score."""
    marks = numpy.zeros(VOCABULARY, bool)
    marks[list(exempt)] = True
    ids = numpy.array(recent, numpy.int64)
    scene = Scene(repetition_penalty=penalty, no_repeat_ngram_size=size)
    found = numpy_sampling.apply_penalties(numpy.array(values), ids, marks, scene)
    expected = torch.tensor(values, dtype=torch.float64)
    options = sampling.Options(repetition_penalty=penalty, no_repeat_ngram_size=size)
    sampling.apply_penalties(expected, torch.from_numpy(ids), torch.from_numpy(marks), options)
    assert found.tolist() == expected.tolist()
