"""Alternatives, log-probabilities and out-of-vocabulary words of a script."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import tokens
from data.command_line import UserError
from serve.scenes.scene import Scene, build_scene
from tests.serve.acting import NOT_INDEXES, TEXT, short_scene, written

TEXTS = [
    *(TEXT, "", " ", "\n\n", 'ann: "hello" — no!', "Ann: a; b <unk> (c-d)", "É 日本 straße"),
    "Ann: hello there.\n\nBob: not now, Ann.\n\n" * 60,
]


@pytest.mark.parametrize("word", NOT_INDEXES)
def test_word_number_out_of_range_is_an_error(actions, word):
    with pytest.raises(UserError, match="word must be a whole number"):
        actions.take_alternative(TEXT, word, "hello", short_scene())
    with pytest.raises(UserError, match="word must be a whole number"):
        asyncio.run(actions.alternatives(TEXT, word, 5, ""))


@pytest.mark.parametrize("n", [1, 5, 50])
def test_alternatives_are_sorted_probabilities(actions, n):
    for word in range(8):
        found = asyncio.run(actions.alternatives(TEXT, word, n, ""))
        chances = [each["probability"] for each in found]
        assert chances == sorted(chances, reverse=True)
        assert 0 <= chances[-1] <= chances[0] <= 1
        assert sum(chances) <= 1 + 1e-5
        assert len(found) == min(n, len(actions.model("").writer.vocabulary))
        assert len({each["word"] for each in found}) == len(found)


def test_greedy_words_are_the_first_alternatives_that_structure_allows(actions):
    """Sampling limits the last speaker and excludes brackets; the alternatives do not."""
    scene = build_scene(
        "", 1, prompt="Ann: hello", temperature=0, top_p=1, length=25, no_repeat_ngram_size=100
    )
    text, facts = written(actions, scene)
    words = [word["text"] for word in asyncio.run(actions.surprise(text, ""))]
    assert 0 <= facts["words"] + 2 - len(words) <= 2  # without the last line's end
    speaker = ""
    for place, word in enumerate(words):
        typed = word.strip(" ").lower()
        if place >= 2:
            found = asyncio.run(actions.alternatives(text, place, 10, ""))
            first = [each["word"].strip(" ") for each in found]
            allowed = [each for each in first if each not in {*"()[]", speaker}]
            assert typed in (first[0], allowed[0])
        if typed.endswith(":"):
            speaker = typed


@pytest.mark.parametrize("n", [value for value in NOT_INDEXES if value != -1] + [51, -1])
def test_number_of_alternatives_out_of_range_is_an_error(actions, n):
    with pytest.raises(UserError, match="n must be a whole number"):
        asyncio.run(actions.alternatives(TEXT, 1, n, ""))


@pytest.mark.parametrize("text", TEXTS)
def test_surprise_covers_the_whole_text(actions, text):
    found = asyncio.run(actions.surprise(text, ""))
    vocabulary = actions.model("").writer.vocabulary
    words = vocabulary.split(text)
    canonical = tokens.join_words(words, vocabulary.symbols)
    assert "".join(each["text"] for each in found).lower() == canonical.lower()
    assert len(found) == len(words)
    assert all(each["logprob"] <= 0 for each in found)


def test_surprise_keeps_the_capitals_of_the_text(actions):
    text = "Ann: No, Kevin, hello mr. MCCOY.\n\nBob: (waving) iPod?"
    found = asyncio.run(actions.surprise(text, ""))
    assert "".join(each["text"] for each in found) == text


@pytest.mark.parametrize("text", TEXTS)
def test_surprise_and_unknown_words_agree_on_oov_words(actions, text):
    found = asyncio.run(actions.surprise(text, ""))
    new = {each["text"].strip(" ").lower() for each in found if not each["known"]}
    assert new == {word.lower() for word in actions.unknown_words(text, "")}


@settings(deadline=None, max_examples=20)
@given(st.text(max_size=60))
def test_surprise_of_arbitrary_text(spelled, text):
    found = asyncio.run(spelled.surprise(text, ""))
    assert len(found) == len(spelled.model("").writer.vocabulary.split(Scene(text).prompt))
    assert all(each["logprob"] <= 0 for each in found)


def test_surprise_is_lower_for_lines_of_the_show(actions):
    known = asyncio.run(actions.surprise("Ann: hello there.", ""))
    unlikely = asyncio.run(actions.surprise("Ann: bob there not.", ""))
    assert sum(w["logprob"] for w in known) > sum(w["logprob"] for w in unlikely) + 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Ann: hello there.", []),
        ("Ann: Zork zork ZORK quux", ["zork", "quux"]),
        ("a; b", ["a", ";", "b"]),
        (" ".join(f"w{n}" for n in range(80)), [f"w{n}" for n in range(50)]),
    ],
)
def test_unknown_words_are_listed_once_as_typed(actions, text, words):
    assert actions.unknown_words(text, "") == words
