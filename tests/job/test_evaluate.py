"""Held-out losses: streams, the bounded cache in log space, out-of-vocabulary words, test part."""

import math

import pytest
import torch

from data.show.read import split_show
from data.texts import held_out_text, texts_of
from data.vocab import Vocabulary
from job.evaluate import (
    TokenizedText,
    held_out_loss,
    read_text,
    token_losses,
)
from job.finalize import fit_cache
from job.layers.cache import MAX_RATIO, NO_CACHE, CacheConfig, mix_cache, mixed_log_probs, ring
from job.model import RNN
from job.options import parse
from job.report.__main__ import main
from job.train import Run
from tests.conftest import TINY


def make(words=8):
    torch.manual_seed(1)
    return RNN(words, words, 6, 10, 2, 0.3, tie_weights=True).eval()


def text_of(ids, labels=None):
    ids = torch.tensor(ids)
    return TokenizedText("", ids, ids if labels is None else torch.tensor(labels), ())


def test_cache_lowers_the_loss_of_a_repetitive_text():
    network = make()
    ids = torch.tensor([3, 5, 2, 3, 5, 7] * 100)
    plain = held_out_loss(network, ids, [0])
    assert held_out_loss(network, ids, [0], cache=CacheConfig(40, 0.1, 0.5)) < plain - 0.3
    assert held_out_loss(network, ids, [0], cache=NO_CACHE) == plain


def test_token_losses_count_every_token_once_with_any_number_of_streams():
    network = make()
    ids = torch.randint(8, (1111,))
    cache = CacheConfig(30, 0.2, 0.2)
    one = token_losses(network, ids, [0], streams=1, cache=cache)
    four = token_losses(network, ids, [0], streams=4, cache=cache)
    assert len(one) == len(four) == 1111
    torch.testing.assert_close(one[:278], four[:278])
    assert one.mean().item() == pytest.approx(four.mean().item(), abs=0.05)


def test_token_losses_are_equal_for_any_chunk_length(monkeypatch):
    network, ids = make(), torch.randint(8, (300,))
    cache = CacheConfig(30, 0.2, 0.2)
    whole = token_losses(network, ids, [0, 1], cache=cache)
    monkeypatch.setattr("job.evaluate.MAX_SCORES", 8 * 7)
    assert next(read_text(network, ids, [0, 1]))[1].shape[1] == 7
    torch.testing.assert_close(token_losses(network, ids, [0, 1], cache=cache), whole)


def test_primer_is_read_before_the_first_word():
    network, primer = make(), [4, 1, 6]
    ids = torch.tensor([2, 3, 5])
    scores, _ = network.all_scores(torch.tensor([[*primer, 2, 3]]), network.init_hidden(1))
    expected = -torch.log_softmax(scores[0, 2:], 1)[range(3), ids]
    torch.testing.assert_close(token_losses(network, ids, primer), expected)


@pytest.mark.parametrize("spelled", [False, True])
def test_token_losses_equal_the_writers_cache_word_by_word(spelled):
    """Labels 8 and 9 are two out-of-vocabulary words; 1 is the unknown token's id."""
    network, cache = make(), CacheConfig(4, 0.7, 0.3, 1.5)
    source = torch.Generator().manual_seed(3)
    labels = torch.randint(2, 10, (60,), generator=source)
    ids = torch.where(labels < 8, labels, 1)
    spelling = torch.where(labels < 8, 0.0, 3.0) if spelled else None
    found = token_losses(network, ids, [0], cache=cache, labels=labels, spelling=spelling)
    read = torch.cat([torch.tensor([0]), ids[:-1]])
    scores, features, _ = network.read(read[None], network.init_hidden(1))
    for place in range(60):
        mixed = scores[0, place]
        if place:
            keys = ring(features[0, :place], cache.size)
            state = mixed, features[0, place], keys, labels[:place], place
            mixed = mix_cache(*state, cache.theta, cache.weight, 1, 2, cache.max_ratio)
        log_p = torch.log_softmax(torch.cat([mixed, mixed.new_full((10 - len(mixed),), -1e9)]), 0)
        label = labels[place]
        expected = log_p[label]
        if label >= 8 and spelled:
            expected = torch.logaddexp(expected, log_p[1] - 3.0)
        elif label >= 8:
            expected = torch.logsumexp(log_p[[1, 8, 9]], 0)
        assert found[place].item() == pytest.approx(-expected.item(), abs=1e-5)


def test_cache_bound_limits_the_probability_of_a_cached_word():
    log_p = torch.log_softmax(torch.tensor([[[0.0, -6.0, 1.0]]]), 2)
    weights, recent = torch.ones(1, 1, 1), torch.tensor([[1]])
    target = torch.tensor([[1]])
    cache = CacheConfig(5, 0.1, 0.2, MAX_RATIO)
    found = mixed_log_probs(log_p, weights, recent, (target, target), (0, 0), None, cache)
    p = log_p[0, 0, 1].exp().item()
    assert found.exp().item() == pytest.approx(p * (1 + 0.2 * MAX_RATIO * (1 - p)), rel=1e-5)


@pytest.mark.parametrize("label", [1, 3])
@pytest.mark.parametrize("spelling", [None, torch.tensor([[5.0]])])
def test_log_probability_of_a_very_unlikely_word_is_finite(label, spelling):
    """exp(-200) is 0 in float32. Label 3 is an out-of-vocabulary word."""
    log_p = torch.tensor([[[-0.7, -200.0, -0.7]]])
    weights, recent = torch.ones(1, 1, 1), torch.tensor([[label]])
    targets = torch.tensor([[1]]), torch.tensor([[label]])
    cache = CacheConfig(5, 0.1, 0.2)
    found = mixed_log_probs(log_p, weights, recent, targets, (1, 1), spelling, cache).item()
    from_network = math.exp(0.0 if spelling is None else -5.0)
    assert found == pytest.approx(-200 + math.log(0.2 * MAX_RATIO + from_network), abs=1e-3)


def test_fit_cache_chooses_no_cache_where_none_helps():
    torch.manual_seed(0)
    random = torch.randint(8, (600,)).tolist()
    assert fit_cache(make(), text_of([3, 5, 2, 3, 5, 7] * 100), [0], 40)
    best = fit_cache(make(), text_of(random), [0], 40)
    assert not best or best.weight < 0.2


def test_tokenized_text_gives_each_oov_word_its_own_label():
    vocabulary = Vocabulary.build("ann: hello hello ann: " * 3, "Test", 2)
    text = TokenizedText.read("ann: zork hello blip zork", vocabulary, "cpu")
    size, unknown = len(vocabulary), vocabulary.unknown_id
    assert text.oov == ("zork", "blip")
    assert text.ids[[1, 3, 4]].tolist() == [unknown] * 3
    assert text.labels[[1, 3, 4]].tolist() == [size, size + 1, size]
    assert torch.equal(text.labels[[0, 2]], text.ids[[0, 2]])


def config_of(show, folder, *more):
    return parse(["--data", str(show), "--out", str(folder), *TINY, *more])[0]


def test_test_part_is_the_end_of_the_script_after_the_validation_part(show, tmp_path):
    config = config_of(show, tmp_path, "--test-fraction", "0.2", "--valid-fraction", "0.1")
    texts, script = texts_of(config), show.read_text(encoding="utf-8")
    assert texts.train_text + texts.valid_text + texts.test_text == script
    assert len(texts.test_text) == pytest.approx(0.2 * len(script), abs=100)
    assert len(texts.valid_text) == pytest.approx(0.1 * len(script), abs=100)
    assert held_out_text(config) == texts.valid_text
    plain = texts_of(config_of(show, tmp_path))
    assert (plain.train_text, plain.valid_text) == split_show(script, 0.05)
    assert plain.test_text == ""


@pytest.mark.parametrize("kind", ["fraction", "file"])
def test_test_part_is_scored_at_the_end_and_used_for_no_choice(show, tmp_path, kind):
    held_out = tmp_path / "test.txt"
    held_out.write_text("Ann: hello zork, Bob!\n\nBob: not now, Ann.\n\n" * 40, encoding="utf-8")
    flags = ["--test", str(held_out)] if kind == "file" else ["--test-fraction", "0.1"]
    run = Run(config_of(show, tmp_path / "run", *flags, "--epochs", "2"))
    best = run.train()
    text = TokenizedText.read(run.dataset.texts.test_text, run.vocabulary, "cpu")
    assert {"test_loss", "test_loss_with_cache", "test_perplexity"} <= set(best)
    assert best["test_perplexity"] == pytest.approx(math.exp(best["test_loss"]))
    assert ("test_bits_per_character" in best) == ("bits_per_character" in best)
    assert all("test_loss" not in row for row in run.history if row is not best)
    assert len(text.ids) > 100
    path = str(tmp_path / "run" / "checkpoint.pt")
    main(["--checkpoint", path, "--words", "40", "--out", str(tmp_path / "report")])
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert f"{best['test_loss_with_cache']:.3f}" in page
