"""The speller, bits per character, and the cost of spaces."""

import collections
import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data import tokens
from data.spacing import Spacing
from data.vocab import Vocabulary
from job.evaluate import TokenizedText, bits_per_character, features_at
from job.finalize import fit_speller
from job.layers.cache import NO_CACHE, CacheConfig
from job.layers.speller import UNICODE, Speller, pack_speller, unpack_speller
from job.model import RNN

TEXT = "ann: hello, bob.\n\nbob: not now, ann.\n\n" * 30


def make():
    torch.manual_seed(2)
    vocabulary = Vocabulary.build(TEXT, "Test", 2)
    network = RNN(len(vocabulary), len(vocabulary), 8, 12, 1, tie_weights=True).eval()
    speller = Speller("abn:", 8, hidden_dim=12).eval()
    return network, vocabulary, speller


@torch.no_grad()
def test_speller_probabilities_of_all_words_sum_to_at_most_one():
    _, _, speller = make()
    features = torch.randn(1, 8)
    words = ["".join(w) for n in range(4) for w in itertools.product("abn:", repeat=n)]
    nats = speller.losses(speller.encode(words), features.expand(len(words), -1))
    assert 0.01 < torch.exp(-nats).sum().item() < 1
    longer = torch.exp(-nats).sum().item()
    short = [word for word in words if len(word) < 3]
    some = speller.losses(speller.encode(short), features.expand(len(short), -1))
    assert torch.exp(-some).sum().item() < longer


@torch.no_grad()
def test_speller_unseen_character_costs_one_of_all_code_points():
    _, _, speller = make()
    features = torch.randn(1, 8)
    nats = speller.losses(speller.encode(["a☃"]), features).item()
    assert math.log(UNICODE) < nats < math.log(UNICODE) + 30


def test_features_at_are_those_that_the_words_are_predicted_from():
    network, vocabulary, _ = make()
    ids = torch.tensor(vocabulary.encode(TEXT))
    places = torch.tensor([0, 1, 77, len(ids) - 1])
    found = features_at(network, ids, [0], places)
    _, features, _ = network.read(ids[None, :2], network.init_hidden(1))
    torch.testing.assert_close(
        found[1],
        network.read(torch.cat([torch.tensor([0]), ids[:1]])[None], network.init_hidden(1))[1][
            0, -1
        ],
    )
    assert found.shape == (4, features.shape[2])


def test_bits_per_character_without_oov_words_has_no_letters():
    network, vocabulary, speller = make()
    spacing = Spacing.learn(tokens.normalize(TEXT, vocabulary.normalization))
    text = TokenizedText.read(TEXT[:390], vocabulary, "cpu")
    scores = bits_per_character(network, vocabulary, text, NO_CACHE, speller, spacing)
    assert scores["bits_of_letters"] == pytest.approx(0, abs=1e-6)
    total = sum(scores[f"bits_of_{part}"] for part in ("words", "letters", "spaces"))
    assert scores["bits_per_character"] == pytest.approx(total)


def test_bits_per_character_of_an_oov_word_are_fewer_with_the_cache():
    network, vocabulary, speller = make()
    spacing = Spacing.learn(TEXT)
    text = TokenizedText.read("zork: hello, zork.\n\n" * 20, vocabulary, "cpu")
    plain = bits_per_character(network, vocabulary, text, NO_CACHE, speller, spacing)
    cache = CacheConfig(50, 0.1, 0.2)
    cached = bits_per_character(network, vocabulary, text, cache, speller, spacing)
    assert plain["bits_of_letters"] > 1
    assert 0 < cached["bits_of_letters"] < plain["bits_of_letters"] - 1
    assert cached["bits_per_character"] < plain["bits_per_character"] - 1


def test_speller_learns_rare_words_and_is_restored_from_a_checkpoint():
    names = [a + b + c for a in "bdk" for b in "aeiou" for c in "rmn"]
    text = "".join(f"{name}: hello.\n\n" for name in names for _ in range(3))
    vocabulary = Vocabulary.build(TEXT + text, "Test", 9)
    ids = torch.tensor(vocabulary.encode(TEXT + text))
    torch.manual_seed(2)
    network = RNN(len(vocabulary), len(vocabulary), 8, 12, 1, tie_weights=True).eval()
    words = vocabulary.split(TEXT + text)
    speller = fit_speller(network, ids, words, collections.Counter(words), [0], epochs=15)
    features = torch.zeros(2, speller.context.in_features)
    with torch.no_grad():
        like, unlike = speller.losses(speller.encode(["dum:", "q%x"]), features).tolist()
        assert like < unlike - 5
        again = unpack_speller(pack_speller(speller))
        alone = again.losses(again.encode(["dum:"]), features[:1]).item()
        assert alone == pytest.approx(like, abs=1e-4)
    assert fit_speller(network, ids[:50], words[:50], collections.Counter(words), [0]) is None


@given(st.text(alphabet=" .,()\n-a:1'", max_size=60))
def test_spacing_cost_of_any_text_is_finite(text):
    bits = Spacing.learn(TEXT).bits(text)
    assert math.isfinite(bits)
    assert bits >= 0


def test_spacing_cost_is_low_for_usual_spaces():
    spacing = Spacing.learn(TEXT)
    assert spacing.bits(TEXT) / len(TEXT) < 0.01
    assert spacing.bits("ann : hello ,bob  .") > 10
