"""The neural cache in NumPy, against the one in PyTorch and against its definition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from job.layers import cache as torch_cache
from serve.models.cache import mix_cache

VOCABULARY, UNKNOWN = 7, 3


def softmax(scores):
    values = np.exp(scores - scores.max())
    return values / values.sum()


def random_state(seed, words, oov):
    """scores, features, keys and ids of some words, of which some are out of vocabulary."""
    source = np.random.default_rng(seed)
    scores = source.normal(0, 3, VOCABULARY).astype(np.float32)
    features = source.normal(0, 1, 4).astype(np.float32)
    keys = source.normal(0, 1, (words, 4)).astype(np.float32)
    return scores, features, keys, source.integers(0, VOCABULARY + oov, words)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 9), st.integers(0, 3))
@pytest.mark.parametrize("max_ratio", [1.5, 10.0, 1e9])
def test_cache_in_numpy_equals_the_cache_in_pytorch(max_ratio, seed, words, size, oov):
    scores, features, keys, ids = random_state(seed, words, oov)
    settings = {"theta": 0.3, "weight": 0.2, "max_ratio": max_ratio}
    stored = slice(max(0, words - size), None)
    mixed = mix_cache(scores, features, keys[stored], ids[stored], settings, UNKNOWN, oov)
    expected = torch_cache.mix_cache(
        torch.tensor(scores),
        torch.tensor(features),
        torch_cache.ring(torch.tensor(keys), size),
        torch.tensor(ids),
        words,
        settings["theta"],
        settings["weight"],
        UNKNOWN,
        oov,
        max_ratio,
    )
    np.testing.assert_allclose(mixed, expected.numpy(), rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(0, 3))
def test_cache_keeps_the_sum_and_bounds_each_word(seed, words, oov):
    scores, features, keys, ids = random_state(seed, words, oov)
    settings = {"theta": 0.5, "weight": 0.3, "max_ratio": 2.0}
    mixed = mix_cache(scores, features, keys, ids, settings, UNKNOWN, oov)
    assert np.logaddexp.reduce(mixed) == pytest.approx(np.logaddexp.reduce(scores), abs=1e-5)
    p, q = softmax(scores.astype(np.float64)), softmax(mixed)
    bound = np.append(p, np.full(oov, p[UNKNOWN]))
    assert (q <= bound * (1 + 0.3 * 2.0) + 1e-9).all()
    absent = np.setdiff1d(np.arange(VOCABULARY, VOCABULARY + oov), ids)
    assert np.isneginf(mixed[absent]).all()
    assert np.isfinite(np.delete(mixed, absent)).all()


def test_cache_has_no_underflow_at_very_low_probabilities():
    """The cached word's probability is below the smallest float32; its ratio stays bounded."""
    scores = np.array([0, -200, -300, -400], np.float32)
    keys = features = np.ones([1, 2], np.float32)
    settings = {"theta": 1.0, "weight": 0.5, "max_ratio": 10.0}
    mixed = mix_cache(scores, features[0], keys, np.array([2]), settings, 3, 1)
    assert mixed[:2] == pytest.approx([0, -200], abs=1e-5)
    assert mixed[2] == pytest.approx(-300 + np.log(1 + 0.5 * 10), abs=1e-4)
    assert mixed[3] == pytest.approx(-400, abs=1e-4)
    assert np.isneginf(mixed[4])  # an out-of-vocabulary word that the cache does not hold
