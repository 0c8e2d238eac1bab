"""Layers, regularizers and losses, each against a plain reference version."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from job.layers.cache import CacheConfig, attention
from job.layers.regularization import locked_dropout, weight_drop, word_dropout
from job.layers.subwords import Subwords, char_ngrams
from job.model import RNN

WORDS = ["kramer", "kramer:", "kramer's", "jerry", "jerry:", "||period||", "<unk>", "hi"]


def make(subwords=True, **more):
    torch.manual_seed(1)
    kept = Subwords(WORDS, 6, 2) if subwords else None
    return RNN(8, 8, 6, 10, 2, 0.3, tie_weights=True, subwords=kept, **more)


def test_char_ngrams_of_a_short_word():
    assert char_ngrams("hi") == ["<h", "<hi", "<hi>", "hi", "hi>", "i>"]


def ngram_matrix(words):
    """What Subwords multiplies its weights by, computed plainly: (words, n-grams)."""
    real = [word for word in words if word[0] not in "|<"]
    kept = sorted(
        ngram
        for ngram in {n for word in real for n in char_ngrams(word)}
        if sum(ngram in char_ngrams(word) for word in real) >= 2
    )
    matrix = torch.zeros(len(words), len(kept))
    for row, word in enumerate(words):
        if word in real:
            for ngram in set(char_ngrams(word)) & set(kept):
                matrix[row, kept.index(ngram)] = 1
    return matrix / matrix.sum(1, keepdim=True).clamp_min(1).sqrt()


@pytest.mark.parametrize("words", [WORDS, [f"{number}ing" for number in range(90)], ["a", "b"]])
def test_subwords_equal_a_matrix_product_forward_and_backward(words):
    subwords, matrix = Subwords(words, 6, 2), ngram_matrix(words)
    gradient = torch.randn(len(words), 6)
    out = subwords(torch.float32)
    out.backward(gradient)
    torch.testing.assert_close(out, matrix @ subwords.weight)
    torch.testing.assert_close(subwords.weight.grad, matrix.T @ gradient)


@pytest.mark.parametrize("tied", [True, False])
def test_merged_network_gives_equal_scores(tied):
    network = make().eval() if tied else RNN(8, 8, 6, 10, 1).eval()
    merged = network.merged(1.5)
    assert merged.subwords is None
    ids = torch.randint(8, (3, 5))
    hidden = network.init_hidden(3)
    expected, _ = network.all_scores(ids, hidden)
    torch.testing.assert_close(merged.all_scores(ids, hidden)[0], expected / 1.5)
    torch.testing.assert_close(merged(ids, hidden)[0], expected[:, -1] / 1.5)


def test_sequence_loss_equals_cross_entropy_of_all_scores():
    network = make().eval()
    ids = torch.randint(8, (3, 6))
    hidden = network.init_hidden(3)
    scores, _ = network.all_scores(ids[:, :-1], hidden)
    loss, _ = network.sequence_loss(ids[:, :-1], ids[:, 1:], hidden)
    expected = F.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_dropout_functions_act_in_training_only():
    x = torch.ones(4, 50, 30)
    masked = locked_dropout(x, 0.5, training=True)
    assert (masked == masked[:, :1]).all()
    assert masked.mean().item() == pytest.approx(1, abs=0.3)
    assert len(masked[:, 0].unique(dim=0)) == 4
    words = torch.arange(500).repeat(2, 1)
    dropped = word_dropout(torch.ones(2, 500, 3), words, 500, 0.4, training=True)
    assert torch.equal(dropped[0], dropped[1])
    dropped = dropped[0]
    assert (dropped == dropped[:, :1]).all()
    assert (dropped == 0).float().mean().item() == pytest.approx(0.4, abs=0.1)
    assert (weight_drop(torch.ones(90, 90), 0.3, True) == 0).float().mean() > 0.2
    for same in (
        locked_dropout(x, 0.5, False),
        word_dropout(x, x[:, :, 0].long(), 2, 0.5, False),
        weight_drop(x, 0.5, False),
    ):
        assert (same == 1).all()


@settings(deadline=None)
@given(st.integers(0, 9), st.integers(1, 9), st.integers(1, 12))
def test_cache_attention_is_a_softmax_over_earlier_words(before, time, size):
    features = torch.randn(1, before + time, 4)
    cache = CacheConfig(size, 0.7, 0.1)
    found = attention(features[:, before:], features[:, :before], cache)
    for row in range(time):
        now = before + row
        usable = range(max(0, now - size), now)
        raw = [math.exp(0.7 * float(features[0, now] @ features[0, i])) for i in usable]
        expected = torch.zeros(before + time)
        for place, weight in zip(usable, raw, strict=True):
            expected[place] = weight / sum(raw)
        torch.testing.assert_close(found[0, row], expected, rtol=1e-4, atol=1e-5)
