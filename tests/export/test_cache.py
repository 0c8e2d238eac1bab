"""The neural cache of one scene against its definition over a whole text."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from job.layers.cache import CacheConfig, attention, mix_cache, ring


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 10**6))
def test_cache_mixture_has_the_probabilities_of_its_definition(words, size, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(7, generator=generator)
    features = torch.randn(words + 1, 4, generator=generator)
    ids = torch.randint(7, (words,), generator=generator)
    cache = CacheConfig(size=size, theta=0.3, weight=0.2)
    given_to = scores, features[-1], ring(features[:-1], size), ids, words
    mixed = mix_cache(*given_to, 0.3, 0.2, 0, 2, 1e9)
    weight = attention(features[None, -1:], features[None, :-1], cache)[0, 0, :words]
    expected = 0.8 * torch.softmax(scores, 0)
    expected.index_add_(0, ids, 0.2 * weight)
    assert mixed[7:].isneginf().all()
    torch.testing.assert_close(torch.softmax(mixed[:7], 0), expected)
    assert mixed.logsumexp(0).item() == pytest.approx(scores.logsumexp(0).item(), abs=1e-4)
    bounded = mix_cache(*given_to, 0.3, 0.2, 0, 2, 1.5)
    assert bounded.logsumexp(0).item() == pytest.approx(scores.logsumexp(0).item(), abs=1e-4)
    assert (torch.softmax(bounded[:7], 0) < 1.31 * torch.softmax(scores, 0) + 1e-6).all()


def test_cache_has_no_underflow_at_very_low_probabilities():
    """The cached words' probabilities are below the smallest float32; their ratio stays bounded."""
    scores, ones = torch.tensor([0.0, -200.0, -300.0, -400.0]), torch.ones(2)
    recent = torch.tensor([2, 5, 2])  # 5 is the second out-of-vocabulary word; 3 is the unknown id
    keys = ring(torch.ones(3, 2), 9)
    mixed = mix_cache(scores, ones, keys, recent, 3, 1.0, 0.5, 3, 2, 10.0)
    assert mixed[:2].tolist() == pytest.approx([0, -200], abs=1e-5)
    assert mixed[2].item() == pytest.approx(-300 + math.log(1 + 0.5 * 10), abs=1e-4)
    assert mixed[3].item() == pytest.approx(-400, abs=1e-4)
    assert mixed[4].isneginf()  # the cache does not hold it
    assert mixed[5].item() == pytest.approx(-400 + math.log(0.5 * 10), abs=1e-4)


@given(st.integers(0, 30), st.integers(0, 9))
def test_ring_buffer_holds_the_newest_keys_at_their_places(count, size):
    keys = torch.arange(float(count))[:, None]
    found = ring(keys, size)
    places = size + 1 if size else 0
    assert found.shape == (places, 1)
    for number in range(max(0, count - places), count):
        assert found[number % places] == number
