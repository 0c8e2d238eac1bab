"""Many scenes side by side: what the report is measured on is what the exported model writes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from job.layers.cache_config import MAX_RATIO, CacheConfig

from job.checkpoint import load_network
from job.layers import cache as ring
from job.report.samples import choose, mix_cache, sample

MEMORY = CacheConfig(30, 0.5, 0.2)


@pytest.fixture(scope="module")
def model(trained):
    network, vocabulary, _ = load_network(trained / "checkpoint.pt")
    return network, vocabulary


def write(model, **more):
    network, vocabulary = model
    prompts = [vocabulary.encode("Ann:"), vocabulary.encode("Bob: hello"), vocabulary.encode("")]
    given = {"temperature": 1.0, "top_p": 0.95, "cache": MEMORY, **more}
    primer, unknown = vocabulary.encode(vocabulary.primer), vocabulary.unknown_id
    return prompts, sample(network, primer, prompts, 40, unknown_id=unknown, **given)


def test_a_seed_repeats_its_scenes_and_another_writes_others(model):
    assert write(model, seed=5)[1] == write(model, seed=5)[1]
    assert write(model, seed=5, temperature=3.0)[1] != write(model, seed=6, temperature=3.0)[1]


def test_prompts_are_kept_and_the_unknown_word_is_never_written(model):
    for seed in range(3):
        prompts, scenes = write(model, seed=seed, temperature=8.0, top_p=1.0)
        for prompt, scene in zip(prompts, scenes, strict=True):
            assert len(scene) == 40
            assert scene[: len(prompt)] == prompt
            assert model[1].unknown_id not in scene[len(prompt) :]


def test_no_temperature_takes_the_likeliest_word_whatever_the_seed(model):
    assert write(model, temperature=0, seed=1)[1] == write(model, temperature=0, seed=2)[1]
    network, vocabulary = model
    hidden = network.eval().init_hidden(1)
    ids = vocabulary.encode(vocabulary.primer) + vocabulary.encode("Ann:")
    scene = vocabulary.encode("Ann:")
    with torch.inference_mode():
        for _ in range(10):
            scores, hidden = network(torch.tensor([ids]), hidden)
            scores[0, vocabulary.unknown_id] = -torch.inf
            ids = [int(scores.argmax())]
            scene += ids
    primer, unknown = vocabulary.encode(vocabulary.primer), vocabulary.unknown_id
    prompts = [vocabulary.encode("Ann:")]
    assert [scene] == sample(
        network, primer, prompts, len(scene), unknown_id=unknown, temperature=0
    )


def test_the_mode_of_the_network_is_left_as_it_was(model):
    model[0].train()
    write(model)
    assert model[0].training
    model[0].eval()


@settings(deadline=None)
@given(
    arrays.arrays("float32", (3, 6), elements=st.floats(-20, 20, width=32)),
    st.floats(0.01, 1.0),
    st.floats(0.05, 4.0),
    st.lists(st.floats(0, 0.999), min_size=3, max_size=3),
)
def test_a_word_is_drawn_only_from_the_likeliest(scores, top_p, temperature, u):
    scores = torch.tensor(scores)
    drawn = choose(scores, 2, temperature, top_p, torch.tensor(u))
    for row, number in zip(scores, drawn.tolist(), strict=True):
        assert number != 2
        row[2] = -torch.inf
        shares = torch.softmax((row - row.max()) / temperature, 0)
        likelier = shares[shares > shares[number]].sum().item()
        assert likelier < top_p + 1e-5


def test_draws_follow_the_probabilities():
    u = (torch.arange(4000) + 0.5) / 4000
    scores = torch.log(torch.tensor([0.5, 0.1, 0.9, 0.3, 0.1])).expand(4000, -1)
    counts = torch.bincount(choose(scores, 2, 1.0, 1.0, u), minlength=5) / 4000
    assert counts.tolist() == pytest.approx([0.5, 0.1, 0, 0.3, 0.1], abs=1e-3)


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**31), st.floats(0.1, 3), st.floats(0.01, 0.6))
def test_the_exported_model_remembers_as_the_report_does(words, seed, theta, share):
    torch.manual_seed(seed)
    scores, features, keys = torch.randn(7), torch.randn(4), torch.randn(words, 4)
    ids = torch.randint(7, (words,))
    cache = CacheConfig(words, theta, share)
    here = mix_cache(scores[None], features[None], keys[None], ids[None], cache)[0]
    there = ring.mix_cache(
        scores, features, ring.ring(keys, words), ids, words, theta, share, 0, 0, MAX_RATIO
    )
    torch.testing.assert_close(torch.log_softmax(here, 0), torch.log_softmax(there, 0))
    assert (
        torch.exp(torch.log_softmax(here, 0)) <= MAX_RATIO * torch.softmax(scores, 0) + 1e-6
    ).all()
