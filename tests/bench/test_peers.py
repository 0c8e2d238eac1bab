"""The recurrent and the character-level peer of the training bench, in tiny sizes."""

import math

import pytest
import torch
from torch.nn import functional as F

from data.vocab import Vocabulary
from tests.bench import awd_lstm, char_gpt
from tests.bench.char_gpt import CharGPT, Recipe, bits_per_character

TINY_GPT = Recipe(
    layers=2, heads=2, width=32, context=32, batch_size=8, dropout=0.0, learning_rate=3e-3,
    steps=60, warmup_steps=5, eval_interval=20,
)  # fmt: skip


def test_awd_lstm_with_adam_beats_unigrams(show, monkeypatch):
    monkeypatch.setattr(awd_lstm, "BPTT", 20)
    monkeypatch.setattr(awd_lstm, "LEARNING_RATE", 1e-2)
    text = show.read_text(encoding="utf-8")
    vocabulary = Vocabulary.build(text, "Test", 2)
    ids = torch.tensor(vocabulary.encode(text))
    train_ids, valid_ids = ids[:-600], ids[-600:]
    found = awd_lstm.train(
        *(train_ids, valid_ids, [0], len(vocabulary)),
        epochs=8,
        test_ids=valid_ids,
        batch_size=4,
        hidden_dim=48,
        embedding_dim=32,
    )
    frequencies = torch.bincount(train_ids, minlength=len(vocabulary)).float() + 1
    unigrams = F.nll_loss((frequencies / frequencies.sum()).log().expand(600, -1), valid_ids)
    assert found["epochs"] == pytest.approx(8, abs=0.1)
    assert found["valid_loss"] == min(found["history"]) < 0.8 * unigrams
    assert found["test_loss"] == found["valid_loss"]


def test_awd_lstm_evaluation_counts_every_token_once():
    torch.manual_seed(1)
    network = awd_lstm.AwdLstm(7, 8, 12).eval()
    ids = torch.randint(7, (300,))
    scores = network(torch.cat([torch.tensor([3]), ids[:-1]])[None], network.init_hidden(1))[0][0]
    expected = F.cross_entropy(scores, ids).item()
    assert awd_lstm.held_out_loss(network, ids, [3]) == pytest.approx(expected, abs=1e-5)


def test_awd_lstm_weight_drop_acts_in_training_only():
    torch.manual_seed(1)
    network = awd_lstm.AwdLstm(7, 8, 12)
    x, state = torch.randn(1, 5, 8), (torch.zeros(1, 1, 12), torch.zeros(1, 1, 12))
    outputs = [network.recur(network.layers[0], x, state)[0] for _ in range(2)]
    assert not torch.equal(*outputs)
    network.eval()
    expected, _ = network.layers[0](x, state)
    assert torch.allclose(network.recur(network.layers[0], x, state)[0], expected)


def test_char_gpt_settings_are_those_of_nanogpt():
    recipe = Recipe()
    network = CharGPT(65, recipe)  # as many characters as Shakespeare's text there has
    weights = sum(weight.numel() for weight in network.parameters())
    assert weights - network.positions.weight.numel() == 10_646_784  # "10.65M" in nanoGPT's log
    assert recipe.rate(0) == pytest.approx(1e-3 / 101)
    assert recipe.rate(100) == pytest.approx(1e-3)
    assert recipe.rate(5000) == pytest.approx(1e-4)


def test_char_gpt_learns_and_scores_the_best_weights_on_the_test_text(show):
    text = show.read_text(encoding="utf-8")
    texts = {"train": text[:-2000], "valid": text[-2000:], "test": text[-2000:]}
    reported = []
    found = char_gpt.train(texts, TINY_GPT, report=reported.append)
    assert [row["step"] for row in reported] == [20, 40, 60]
    assert found["bits_per_character"] == min(row["bits_per_character"] for row in reported)
    assert found["test_bits_per_character"] == pytest.approx(found["bits_per_character"], abs=1e-6)
    characters = torch.tensor([ord(character) for character in text])
    counts = torch.bincount(characters)[characters.unique()] / len(text)
    assert found["bits_per_character"] < -(counts * counts.log2()).sum()


def test_char_gpt_attends_to_earlier_characters_only():
    torch.manual_seed(1)
    network = CharGPT(9, TINY_GPT).eval()
    ids = torch.randint(9, (1, 20))
    changed = ids.clone()
    changed[0, 12] = (ids[0, 12] + 1) % 9
    before, after = network(ids), network(changed)
    assert torch.allclose(before[:, :12], after[:, :12], atol=1e-6)
    assert not torch.allclose(before[:, 12:], after[:, 12:], atol=1e-6)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 12, 13, 50])
def test_bits_per_character_counts_each_character_once(length):
    """With a bigram model, whose scores do not depend on the windows."""
    torch.manual_seed(1)
    table, ids = torch.randn(5, 5), torch.randint(5, (length,))
    expected = F.cross_entropy(table[torch.cat([torch.tensor([2]), ids[:-1]])], ids) / math.log(2)
    found = bits_per_character(lambda inputs: table[inputs], ids, 2, context=8)
    assert found == pytest.approx(expected.item(), abs=1e-5)


def test_char_gpt_refuses_a_text_shorter_than_its_context():
    with pytest.raises(ValueError, match="more than 32 characters"):
        char_gpt.train({"train": "short", "valid": "text"}, TINY_GPT)


def test_char_gpt_texts_are_split_and_normalized_unless_raw(tmp_path):
    path = tmp_path / "show.txt"
    path.write_text("Ann: “Hello”\n" * 40, encoding="utf-8")
    texts = char_gpt.read_texts(str(path))
    raw = char_gpt.read_texts(str(path), raw=True)
    assert raw["train"] + raw["valid"] == path.read_text(encoding="utf-8")
    assert texts["train"].startswith("ann: ")
    assert raw["valid"].startswith("Ann: “")
