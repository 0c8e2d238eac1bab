"""The cast: who speaks after whom."""

import itertools

import pytest

from data.vocab import UNKNOWN, Vocabulary
from serve.scenes.cast import Cast
from serve.scenes.scene import Scene
from serve.scenes.script import speaker_prefix
from tests.serve.casting import WeightedWriter, lines_begun, weighted, write


@pytest.mark.parametrize(
    ("text", "line", "choices"),
    [
        ("Mr. Pitt: hello", "", ["man"]),
        ("Man in coat: hello\n\n(hello)\n\nx", "man", ["on"]),
        ("Man in coat: hello\n\nO'Brien: hello", "man", ["in", "on"]),  # not of the cast
        ("", "man", ["in", "on"]),
    ],
)
def test_last_speaker_is_replaced_by_another_of_the_cast(text, line, choices):
    vocabulary = weighted().vocabulary
    cast = Cast(vocabulary, ("Man on phone", "Man in coat", "Mr. Pitt"))
    ids = cast.replacements(vocabulary.split(line), True, cast.last_speaker(text), "hello")
    assert sorted(vocabulary.words[number] for number in ids) == choices


def test_only_speaker_of_a_cast_may_speak_again():
    cast = Cast(weighted().vocabulary, ("Mr. Pitt",))
    assert cast.replacements([], True, cast.last_speaker("Mr. Pitt: hello"), "hello")


def test_two_speakers_take_turns_at_the_rate_of_everyone():
    """Half of the lines would be of a third speaker; they all change the speaker."""
    weights = {"ann:": 1.0, "bob:": 1.0, "cal:": 2.0, "||return||": 4.0}
    speakers = [(name, 1) for name in ("ann", "bob", "cal")]
    symbols = {"\n": "||return||"}
    vocabulary = Vocabulary("The Turns", [*weights, UNKNOWN], symbols, [], "\n\n", speakers)
    writer = WeightedWriter(vocabulary, weights)
    turns = repeats = 0
    for seed in range(40):
        text, _ = write(writer, Scene("Ann: x\n", cast=["Ann", "Bob"], seed=seed, length=60))
        spoken = ["Ann:", *map(speaker_prefix, lines_begun(text))]
        turns += len(spoken) - 1
        repeats += sum(one == other for one, other in itertools.pairwise(spoken))
    assert turns > 400
    # A quarter of the lines that follow one without a blank line; half as many after a blank line,
    # where a line end, which would make a second one, is also replaced by the other speaker.
    assert abs(repeats / turns - 3 / 16) < 0.03
