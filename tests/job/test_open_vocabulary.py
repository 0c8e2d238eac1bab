"""No character is thrown away, and none is free."""

import collections
import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from job.layers.cache_config import NO_CACHE, CacheConfig

from data import tokens
from data.spacing import Spacing
from data.vocab import Vocabulary
from job.finalize import pack_speller, score_characters, unpack_speller
from job.layers.speller import UNICODE, Speller, features_at, fit_speller
from job.model import RNN

TEXT = "ann: hello, bob.\n\nbob: not now, ann.\n\n" * 30


def make():
    torch.manual_seed(2)
    vocabulary = Vocabulary.build(TEXT, "Test", 2)
    network = RNN(len(vocabulary), len(vocabulary), 8, 12, 1, tie_weights=True).eval()
    speller = Speller("abn:", 8, hidden_dim=12).eval()
    return network, vocabulary, speller


@torch.no_grad()
def test_all_words_together_have_no_more_than_all_the_probability():
    _, _, speller = make()
    features = torch.randn(1, 8)
    words = ["".join(w) for n in range(4) for w in itertools.product("abn:", repeat=n)]
    nats = speller.losses(speller.numbered(words), features.expand(len(words), -1))
    assert 0.01 < torch.exp(-nats).sum().item() < 1
    longer = torch.exp(-nats).sum().item()
    short = [word for word in words if len(word) < 3]
    some = speller.losses(speller.numbered(short), features.expand(len(short), -1))
    assert torch.exp(-some).sum().item() < longer


@torch.no_grad()
def test_a_character_never_seen_costs_as_one_of_all_there_are():
    _, _, speller = make()
    features = torch.randn(1, 8)
    nats = speller.losses(speller.numbered(["a☃"]), features).item()
    assert math.log(UNICODE) < nats < math.log(UNICODE) + 30


def test_features_are_taken_from_where_the_words_are_predicted():
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


def test_text_of_known_words_costs_its_words_and_spaces_alone():
    network, vocabulary, speller = make()
    spacing = Spacing.learn(tokens.normalize(TEXT, vocabulary.normalization))
    scores = score_characters(network, speller, vocabulary, spacing, TEXT[:390], NO_CACHE)
    assert scores["bits_of_letters"] == pytest.approx(0, abs=1e-6)
    total = sum(scores[f"bits_of_{part}"] for part in ("words", "letters", "spaces"))
    assert scores["bits_per_character"] == pytest.approx(total)


def test_an_unknown_word_costs_its_letters_unless_it_is_remembered():
    network, vocabulary, speller = make()
    spacing = Spacing.learn(TEXT)
    text = "zork: hello, zork.\n\n" * 20
    plain = score_characters(network, speller, vocabulary, spacing, text, NO_CACHE)
    cache = CacheConfig(50, 0.1, 0.2)
    remembered = score_characters(network, speller, vocabulary, spacing, text, cache)
    assert plain["bits_of_letters"] > 1
    assert remembered["bits_per_character"] < plain["bits_per_character"] - 1


def test_a_speller_learns_and_survives_packing():
    names = [a + b + c for a in "bdk" for b in "aeiou" for c in "rmn"]
    text = "".join(f"{name}: hello.\n\n" for name in names for _ in range(3))
    vocabulary = Vocabulary.build(TEXT + text, "Test", 9)
    ids = torch.tensor(vocabulary.encode(TEXT + text))
    network = RNN(len(vocabulary), len(vocabulary), 8, 12, 1, tie_weights=True).eval()
    words = vocabulary.split(TEXT + text)
    speller = fit_speller(network, ids, words, collections.Counter(words), [0], epochs=60)
    features = torch.zeros(2, speller.context.in_features)
    with torch.no_grad():
        like, unlike = speller.losses(speller.numbered(["dum:", "q%x"]), features).tolist()
        assert like < unlike - 5
        again = unpack_speller(pack_speller(speller))
        alone = again.losses(again.numbered(["dum:"]), features[:1]).item()
        assert alone == pytest.approx(like, abs=1e-4)
    assert fit_speller(network, ids[:50], words[:50], collections.Counter(words), [0]) is None


@given(st.text(alphabet=" .,()\n-a:1'", max_size=60))
def test_spaces_of_any_text_can_be_paid_for(text):
    bits = Spacing.learn(TEXT).bits(text)
    assert math.isfinite(bits)
    assert bits >= 0


def test_usual_spaces_cost_little_and_unusual_ones_much():
    spacing = Spacing.learn(TEXT)
    assert spacing.bits(TEXT) / len(TEXT) < 0.01
    assert spacing.bits("ann : hello ,bob  .") > 10
