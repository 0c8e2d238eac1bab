"""Scenes of the report: the same words as the exported model writes."""

import dataclasses

import pytest
import torch

from export.torchscript.writer import ScriptWriter
from job.checkpoint import load_network
from job.layers.cache import NO_CACHE, CacheConfig
from job.layers.sampling import Options, exempt_words
from job.report.samples import sample

CACHE = CacheConfig(30, 0.5, 0.2)


@pytest.fixture(scope="module")
def model(trained):
    network, vocabulary, _ = load_network(trained / "checkpoint.pt")
    return network, vocabulary


def write(model, prompts=("Ann:", "Bob: hello", ""), seed=0, cache=CACHE, length=40, **options):
    network, vocabulary = model
    ids = [vocabulary.encode(prompt) for prompt in prompts]
    options = Options(**{"temperature": 1.0, "top_p": 0.95, **options})
    return ids, sample(network, vocabulary, ids, length, options=options, cache=cache, seed=seed)


@pytest.mark.parametrize("cache", [NO_CACHE, CACHE])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 3.0, "top_p": 1.0},
        {"temperature": 2.0, "repetition_penalty": 1.5, "no_repeat_ngram_size": 3},
    ],
)
def test_report_samples_equal_the_exported_models(model, cache, options):
    network, vocabulary = model
    prompts = ["Ann:", "Bob:"]  # of equal length, as `generate_batch` writes equally many words
    ids, scenes = write(model, prompts, seed=5, cache=cache, **options)
    settings = dataclasses.asdict(cache) if cache else None
    writer = ScriptWriter(network, vocabulary, {}, settings).eval()
    given = Options(**{"temperature": 1.0, "top_p": 0.95, **options})._asdict()
    texts = writer.generate_batch(prompts, 40 - len(ids[0]), seed=5, **given)
    written = [vocabulary.decode(scene) for scene in scenes]
    assert [vocabulary.encode(text) for text in texts] == [vocabulary.encode(t) for t in written]


def test_report_samples_are_reproducible_with_a_seed(model):
    assert write(model, seed=5)[1] == write(model, seed=5)[1]
    assert write(model, seed=5, temperature=3.0)[1] != write(model, seed=6, temperature=3.0)[1]


def test_report_samples_keep_prompts_and_never_have_the_unknown_token(model):
    for seed in range(3):
        prompts, scenes = write(model, seed=seed, temperature=8.0, top_p=1.0)
        for prompt, scene in zip(prompts, scenes, strict=True):
            assert len(scene) == 40
            assert scene[: len(prompt)] == prompt
            assert model[1].unknown_id not in scene[len(prompt) :]


def test_report_samples_shorter_than_a_prompt_are_cut(model):
    prompts, scenes = write(model, length=1)
    assert [len(scene) for scene in scenes] == [1, 1, 1]
    assert scenes[1] == prompts[1][:1]


def test_report_samples_at_temperature_zero_are_greedy(model):
    assert write(model, temperature=0, seed=1)[1] == write(model, temperature=0, seed=2)[1]
    network, vocabulary = model
    vocabulary = dataclasses.replace(vocabulary, speaker_repeat=1.0)  # no rule for speakers
    hidden = network.eval().init_hidden(1)
    ids = vocabulary.encode(vocabulary.primer) + vocabulary.encode("Ann:")
    scene = vocabulary.encode("Ann:")
    with torch.inference_mode():
        for _ in range(10):
            scores, hidden = network(torch.tensor([ids]), hidden)
            scores[0, vocabulary.unknown_id] = -torch.inf
            ids = [int(scores.argmax())]
            scene += ids
    _, found = write(
        (network, vocabulary), ["Ann:"], cache=NO_CACHE, length=len(scene), temperature=0.0
    )
    assert found == [scene]


def test_report_samples_leave_the_networks_mode_unchanged(model):
    model[0].train()
    write(model)
    assert model[0].training
    model[0].eval()


def test_exempt_words_are_those_of_the_exported_model(model):
    network, vocabulary = model
    writer = ScriptWriter(network, vocabulary, {}, None)
    assert torch.equal(writer.penalty_exempt, exempt_words(vocabulary.words, vocabulary.symbols))
