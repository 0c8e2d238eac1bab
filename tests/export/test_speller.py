"""Out-of-vocabulary words: in prompts, spelled, and repeated by the neural cache."""

import math

import pytest
import torch

from data.vocab import Vocabulary
from export.torchscript.speller import MAX_LETTERS, ScriptSpeller
from export.torchscript.writer import ScriptWriter, script
from job.finalize import pack_speller
from job.layers.sampling import seeded
from job.layers.speller import END, Speller
from job.model import RNN

TEXT = "Ann: hello Bob.\n\nBob: hello Ann.\n\n" * 20 + "Zed: what?"


def make(cache=None, unknown_bias=0.0, int8=False):
    torch.manual_seed(3)
    vocabulary = Vocabulary.build(TEXT, "Test", 2)
    network = RNN(len(vocabulary), len(vocabulary), 8, 12, 1, tie_weights=True)
    with torch.no_grad():
        network.fc.bias[vocabulary.unknown_id] = unknown_bias
    speller = Speller("abcdez:", 8, hidden_dim=16).eval()
    return ScriptWriter(network, vocabulary, pack_speller(speller), cache, int8), speller


def test_speller_in_torchscript_spells_as_the_trained_speller():
    _, speller = make()
    script_speller = ScriptSpeller(pack_speller(speller))
    features = torch.randn(1, 8)
    with torch.no_grad():
        word, _, _ = script_speller(features, 0.0, 1.0, *seeded(1))
        numbers = [END]
        for place in range(MAX_LETTERS):
            scores = speller(torch.tensor([numbers]), features)[0, -1]
            scores[1] = -math.inf
            if place == 0:
                scores[END] = -math.inf
            numbers.append(int(scores.argmax()))
            if numbers[-1] == END:
                break
    assert word == "".join(speller.letters[number - 2] for number in numbers[1:] if number)
    assert word


@pytest.mark.parametrize("int8", [False, True])
def test_out_of_vocabulary_words_are_spelled_and_the_unknown_word_is_not_generated(int8):
    writer, _ = make(unknown_bias=4.0, int8=int8)
    scripted = script(writer)
    text = scripted.generate("", 60, 1.0, 0, 1.0, 0.0, 1.0, 5)
    assert text == writer.generate("", 60, 1.0, 0, 1.0, 0.0, 1.0, 5)
    assert "<unk>" not in text
    assert scripted.unknown_words(text)
    again = scripted.generate("", 60, 1.0, 0, 1.0, 0.0, 1.0, 6)
    assert again != text


def test_cache_repeats_an_out_of_vocabulary_word_of_the_prompt():
    writer, _ = make({"size": 50, "theta": 0.1, "weight": 0.9})
    scripted = script(writer)
    text = scripted.generate("quincy: hello quincy.", 80, 1.0, 0, 1.0, 0.0, 1.0, 2)
    assert text.count("quincy") > 2
    without, _ = make()
    assert without.generate("quincy: hello.", 80, 1.0, 0, 1.0, 0.0, 1.0, 2).count("quincy") == 1


def test_stream_state_with_spelled_words_can_be_reused():
    writer = script(make({"size": 9, "theta": 0.1, "weight": 0.5}, unknown_bias=3.0)[0])
    options = (1.0, 0, 1.0, 0.0, 1.2)
    state = writer.stream_start("zork: ", 4)
    for _ in range(30):
        _, state = writer.stream_next(state, *options)
    first = [writer.stream_next(state, *options)[0] for _ in range(3)]
    assert len(set(first)) == 1


def test_unknown_word_is_excluded_without_a_speller():
    writer, _ = make()
    plain = ScriptWriter(RNN(4, 4, 8, 8, 1), Vocabulary.build("a b c a b c d", "T", 2), {}, {})
    assert not plain.speller.enabled
    assert "<unk>" not in plain.generate("x y", 30, 1.0, 0, 1.0, 0.0, 1.0, 1)
    assert writer.speller.enabled


def test_stream_state_without_cache_keys_is_refused():
    writer, _ = make({"size": 50, "theta": 0.1, "weight": 0.9})
    scripted = script(writer)
    hidden, keys, *rest = scripted.stream_start("quincy: hello quincy.", 2)
    with pytest.raises(torch.jit.Error, match="state must come from"):
        scripted.stream_next((hidden, keys[:0], *rest))
