"""The parts of the network and of its loss, each against a slow and plain version of itself."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from job.layers.cache_config import NO_CACHE, CacheConfig, attention
from torch.nn import functional as F

from job.evaluate import held_out_loss, token_losses
from job.layers.loss import linear_cross_entropy
from job.layers.regularization import locked_dropout, weight_drop, word_dropout
from job.layers.subwords import Subwords, char_ngrams
from job.model import RNN

WORDS = ["kramer", "kramer:", "kramer's", "jerry", "jerry:", "||period||", "<unk>", "hi"]


def make(subwords=True, **more):
    torch.manual_seed(1)
    kept = Subwords(WORDS, 6, 2) if subwords else None
    return RNN(8, 8, 6, 10, 2, 0.3, tie_weights=True, subwords=kept, **more)


def test_letter_groups_of_a_short_word():
    assert char_ngrams("hi") == ["<h", "<hi", "<hi>", "hi", "hi>", "i>"]


def test_pieces_are_a_sum_of_groups_forwards_and_backwards():
    subwords = make().subwords
    kept = sorted(
        group
        for group in {g for word in WORDS for g in char_ngrams(word)}
        if sum(group in char_ngrams(word) for word in WORDS if word[0] not in "|<") >= 2
    )
    matrix = torch.zeros(len(WORDS), len(kept))
    for row, word in enumerate(WORDS):
        if word[0] not in "|<":
            for group in set(char_ngrams(word)) & set(kept):
                matrix[row, kept.index(group)] = 1
    matrix /= matrix.sum(1, keepdim=True).clamp_min(1).sqrt()
    gradient = torch.randn(len(WORDS), 6)
    out = subwords(torch.float32)
    out.backward(gradient)
    torch.testing.assert_close(out, matrix @ subwords.weight)
    torch.testing.assert_close(subwords.weight.grad, matrix.T @ gradient)


@pytest.mark.parametrize("tied", [True, False])
def test_a_folded_network_says_the_same(tied):
    network = make().eval() if tied else RNN(8, 8, 6, 10, 1).eval()
    merged = network.merged(1.5)
    assert merged.subwords is None
    ids = torch.randint(8, (3, 5))
    hidden = network.init_hidden(3)
    expected, _ = network.all_scores(ids, hidden)
    torch.testing.assert_close(merged.all_scores(ids, hidden)[0], expected / 1.5)
    torch.testing.assert_close(merged(ids, hidden)[0], expected[:, -1] / 1.5)


def test_the_sequence_loss_is_the_cross_entropy_of_all_scores():
    network = make().eval()
    ids = torch.randint(8, (3, 6))
    hidden = network.init_hidden(3)
    scores, _ = network.all_scores(ids[:, :-1], hidden)
    loss, _ = network.sequence_loss(ids[:, :-1], ids[:, 1:], hidden)
    expected = F.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the kernel runs on a GPU alone")
@pytest.mark.parametrize("vocabulary", [64, 1000, 11101])
def test_the_kernel_is_pytorchs_cross_entropy(vocabulary):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(50, 32), torch.randn(vocabulary, 32), torch.randn(vocabulary)
    targets = torch.randint(vocabulary, (50,))
    here = [tensor.cuda().requires_grad_() for tensor in (x, weight, bias)]
    there = [tensor.requires_grad_() for tensor in (x, weight, bias)]
    loss = linear_cross_entropy(*here, targets.cuda())
    expected = linear_cross_entropy(*there, targets)
    loss.backward()
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-3)
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(one.grad.cpu(), other.grad, rtol=2e-2, atol=1e-3)


def test_regularisers_act_in_training_and_only_there():
    x = torch.ones(4, 50, 30)
    masked = locked_dropout(x, 0.5, training=True)
    assert (masked == masked[:, :1]).all()
    assert masked.mean().item() == pytest.approx(1, abs=0.3)
    assert len(masked[:, 0].unique(dim=0)) == 4
    dropped = word_dropout(torch.ones(500, 3), 0.4, training=True)
    assert (dropped == dropped[:, :1]).all()
    assert (dropped == 0).float().mean().item() == pytest.approx(0.4, abs=0.1)
    assert (weight_drop(torch.ones(90, 90), 0.3, True) == 0).float().mean() > 0.2
    for same in (
        locked_dropout(x, 0.5, False),
        word_dropout(x[0], 0.5, False),
        weight_drop(x, 0.5, False),
    ):
        assert (same == 1).all()


@settings(deadline=None)
@given(st.integers(0, 9), st.integers(1, 9), st.integers(1, 12))
def test_the_memorys_weights_are_a_softmax_over_what_was_read(before, time, size):
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


def test_a_memory_knows_what_comes_again():
    network = make(subwords=False).eval()
    ids = torch.tensor([3, 5, 2, 3, 5, 7] * 100)
    plain = held_out_loss(network, ids, [0])
    assert held_out_loss(network, ids, [0], cache=CacheConfig(40, 0.1, 0.5)) < plain - 0.3
    assert held_out_loss(network, ids, [0], cache=NO_CACHE) == plain


def test_every_token_is_counted_once_whatever_the_layout():
    network = make(subwords=False).eval()
    ids = torch.randint(8, (1111,))
    cache = CacheConfig(30, 0.2, 0.2)
    one = token_losses(network, ids, [0], streams=1, cache=cache)
    four = token_losses(network, ids, [0], streams=4, cache=cache)
    assert len(one) == len(four) == 1111
    torch.testing.assert_close(one[:278], four[:278])
    assert one.mean().item() == pytest.approx(four.mean().item(), abs=0.05)
