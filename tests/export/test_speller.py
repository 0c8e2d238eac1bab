"""Out-of-vocabulary words: in prompts, invented on request, and repeated by the neural cache."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data.vocab import Vocabulary
from export.torchscript.speller import MAX_LETTERS, ScriptSpeller
from export.torchscript.writer import ScriptWriter, script
from job.finalize import pack_speller
from job.layers.sampling import seeded
from job.layers.speller import END, Speller
from job.model import RNN

TEXT = "Ann: hello Bob.\n\nBob: hello Ann.\n\n" * 20 + "Zed: what?"


def make(cache=None, unknown_bias=0.0, int8=False, letters="abcdez:"):
    torch.manual_seed(3)
    vocabulary = Vocabulary.build(TEXT, "Test", 2)
    network = RNN(len(vocabulary), len(vocabulary), 8, 12, 1, tie_weights=True)
    with torch.no_grad():
        network.fc.bias[vocabulary.unknown_id] = unknown_bias
    speller = Speller(letters, 8, hidden_dim=16).eval()
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
def test_words_are_invented_on_request_and_the_unknown_word_is_not_generated(int8):
    writer, _ = make(unknown_bias=4.0, int8=int8)
    scripted = script(writer)
    options = {"temperature": 1.0, "top_p": 1.0, "invent_words": True}
    text = scripted.generate("", 60, seed=5, **options)
    assert text == writer.generate("", 60, seed=5, **options)
    assert "<unk>" not in text
    assert scripted.unknown_words(text)
    again = scripted.generate("", 60, seed=6, **options)
    assert again != text
    assert scripted.generate_batch(["", ""], 60, seed=5, **options) == [text, again]


@pytest.fixture(scope="module")
def inventive():
    """A writer with a cache and a likely unknown token: (in eager mode, scripted)."""
    writer, _ = make({"size": 9, "theta": 0.1, "weight": 0.5}, unknown_bias=4.0)
    return writer, script(writer)


@settings(deadline=None, max_examples=40)
@given(
    st.text("abz: \n.é", max_size=30),
    st.integers(0, 2**31 - 1),
    st.sampled_from([0.0, 0.5, 1.0, 5.0]),
    st.sampled_from([0.5, 1.0]),
    st.sampled_from([1.0, 2.0]),
)
def test_words_outside_vocabulary_and_prompt_are_only_generated_on_request(
    inventive, prompt, seed, temperature, top_p, penalty
):
    eager, scripted = inventive
    given_to = prompt, 30, temperature, 0, top_p, 0.0, penalty, seed
    text = scripted.generate(*given_to)
    assert set(scripted.unknown_words(text)) <= set(scripted.unknown_words(prompt))
    assert text == eager.generate(*given_to) == scripted.generate(*given_to, invent_words=False)
    state = scripted.stream_start(prompt, seed)
    in_prompt = state[4]
    for _ in range(10):
        _, state = scripted.stream_next(state, temperature, 0, top_p, 0.0, penalty)
        assert state[4] == in_prompt


def test_words_are_invented_on_request(inventive):
    _, scripted = inventive
    state = scripted.stream_start("a", 3)
    for _ in range(30):
        _, state = scripted.stream_next(state, 1.0, top_p=1.0, invent_words=True)
    assert state[4]


def test_cache_repeats_an_out_of_vocabulary_word_of_the_prompt():
    writer, _ = make({"size": 50, "theta": 0.1, "weight": 0.9})
    scripted = script(writer)
    text = scripted.generate("quincy: hello quincy.", 80, 1.0, 0, 1.0, 0.0, 1.0, 2)
    assert text.count("quincy") > 2
    without, _ = make()
    assert without.generate("quincy: hello.", 80, 1.0, 0, 1.0, 0.0, 1.0, 2).count("quincy") == 1


@pytest.mark.parametrize("prompt", ["[the zork]", "zork] ", "[zork: ", "quincy (zork) ", "z[o]rk"])
def test_word_with_a_bracket_outside_the_vocabulary_is_not_repeated_by_the_cache(prompt):
    """The rules that balance brackets know the words of the vocabulary only."""
    writer, _ = make({"size": 50, "theta": 0.1, "weight": 0.9})
    for seed in range(4):
        text = writer.generate(prompt, 60, 1.0, 0, 1.0, 0.0, 1.0, seed)
        assert not set(text.removeprefix(prompt.rstrip())) & set("[]()")


def test_speller_writes_no_bracket():
    writer, _ = make(unknown_bias=9.0, letters="a[]")
    state = script(writer).stream_start("", 1)
    for _ in range(20):
        _, state = writer.stream_next(state, 2.0, top_p=1.0, invent_words=True)
    assert state[4]
    assert set("".join(state[4])) == {"a"}


def test_stream_state_with_spelled_words_can_be_reused():
    writer = script(make({"size": 9, "theta": 0.1, "weight": 0.5}, unknown_bias=3.0)[0])
    options = (1.0, 0, 1.0, 0.0, 1.2, 0, True)
    state = writer.stream_start("zork: ", 4)
    for _ in range(30):
        _, state = writer.stream_next(state, *options)
    first = [writer.stream_next(state, *options)[0] for _ in range(3)]
    assert len(set(first)) == 1


def test_only_the_unknown_token_allowed_is_refused_unless_words_are_invented():
    writer = script(make(unknown_bias=4.0)[0])
    state, only = writer.stream_start("ann:", 2), [int(writer.unknown_id)]
    with pytest.raises(torch.jit.Error, match="besides that of the unknown token"):
        writer.stream_next(state, allowed_tokens=only)
    _, after = writer.stream_next(state, invent_words=True, allowed_tokens=only)
    assert len(after[4]) == 1


def test_unknown_word_is_excluded_without_a_speller():
    writer, _ = make()
    plain = ScriptWriter(RNN(4, 4, 8, 8, 1), Vocabulary.build("a b c a b c d", "T", 2), {}, {})
    assert not plain.speller.enabled
    for invent_words in (False, True):
        text = plain.generate("x y", 30, 1.0, 0, 1.0, 0.0, 1.0, 1, invent_words=invent_words)
        assert "<unk>" not in text
    assert writer.speller.enabled


def test_stream_state_without_cache_keys_is_refused():
    writer, _ = make({"size": 50, "theta": 0.1, "weight": 0.9})
    scripted = script(writer)
    hidden, keys, *rest = scripted.stream_start("quincy: hello quincy.", 2)
    with pytest.raises(torch.jit.Error, match="state must come from"):
        scripted.stream_next((hidden, keys[:0], *rest))
