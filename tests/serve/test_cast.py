"""Who may speak: every line that is written is a direction or by one of the chosen."""

import random
from typing import Any, NamedTuple

import pytest

from data import tokens
from data.command_line import UserError
from data.vocab import UNKNOWN, Vocabulary
from serve.scenes.cast import Cast
from serve.scenes.scene import Scene
from serve.scenes.script import line_spans, speaker_of
from serve.scenes.writing import Writing, step
from tests.serve.conftest import RUNTIMES

SEEDS = range(20)


def write(writer, scene):
    """(what was written after the prompt, the writing)."""
    return write_all(writer, [scene])[0]


def write_all(writer, scenes):
    """The same of many, side by side."""
    writings = [Writing(writer, scene) for scene in scenes]
    for writing in writings:
        writing.start()
    while going := [writing for writing in writings if not writing.done]:
        step(going)
    return [(writing.text[len(writing.before) :], writing) for writing in writings]


def lines_begun(written, prompt=""):
    """The lines that began after a prompt; the first one went on with the prompt's last line."""
    whole = prompt.rpartition("\n")[2].rstrip(" ") + written
    lines = [whole[start:end].strip() for start, end in line_spans(whole)]
    return lines if not whole.startswith(prompt.rpartition("\n")[2] or "\n") else lines[1:]


class State(NamedTuple):
    """Of a `Wild` writer: how many of a seed's numbers were used, and the words, as typed."""

    seed: int
    used: int
    words: tuple[str, ...]


class Wild:
    """Draws among all words at all times, each as likely as it is told."""

    def __init__(self, vocabulary: Vocabulary, weights: dict[str, float]):
        self.vocabulary = vocabulary
        self.weights = [weights.get(word, 0.0) for word in vocabulary.words]
        self.typed = {name: symbol for symbol, name in vocabulary.symbols.items()}

    def start(self, prompt: str, seed: int) -> State:
        words = self.vocabulary.split(prompt)
        return State(seed, 0, tuple(self.typed.get(word, word) for word in words))

    def next(
        self, states: list[State], scenes: list[Scene], allowed: list[list[int]]
    ) -> list[tuple[str, Any]]:
        return [self.one(state, ids) for state, ids in zip(states, allowed, strict=True)]

    def one(self, state: State, allowed: list[int]) -> tuple[str, Any]:
        ids = allowed or range(len(self.weights))
        u = random.Random(f"{state.seed} {state.used}").random()
        left = u * sum(self.weights[number] for number in ids)
        for chosen in ids:
            left -= self.weights[chosen]
            if left < 0:
                break
        word = self.vocabulary.words[chosen]
        word = self.typed.get(word, word)
        before, previous = ("", "", *state.words)[-2:]
        piece = tokens.typed(before, previous, word, False)
        return piece, State(state.seed, state.used + 1, (*state.words, word))

    def redrawn(self, state: State, after: State) -> State:
        return state._replace(used=after.used)


SPEAKERS = ["man on phone", "man in coat", "man", "mr. pitt", "dr. van-nostrand", "o'brien", "élan"]


def wild(**weights: float) -> Wild:
    """A writer of a show with strange names, all words alike but for those named."""
    symbols = tokens.token_lookup()
    names = {part for name in SPEAKERS for part in tokens.split_words(f"{name}:", symbols)}
    words = [*symbols.values(), *sorted(names - set(symbols.values())), "hello", UNKNOWN]
    vocabulary = Vocabulary(
        show="The Names",
        words=words,
        symbols=symbols,
        normalization=tokens.normalization_of("élan"),
        primer="\n\n",
        speakers=[(name, 9) for name in SPEAKERS],
    )
    return Wild(vocabulary, {**dict.fromkeys(words, 1.0), UNKNOWN: 0.0, **weights})


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", ["Ann", "Bob"])
def test_every_line_is_by_the_chosen_one(small, runtime, name):
    spoken = 0
    scenes = [
        Scene(cast=[name], seed=seed, temperature=0.5 + seed / 19, top_p=1, max_new_tokens=60)
        for seed in SEEDS
    ]
    for written, writing in write_all(small[runtime].writer, scenes):
        for line in lines_begun(written):
            assert line.startswith((f"{name}", "(", "[")), (writing.scene.seed, line)
            spoken += speaker_of(line) == f"{name}:"
    assert spoken > 100


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_that_spells_is_held_too(spelling, runtime):
    scenes = [
        Scene(cast=["Bob"], seed=seed, temperature=1.2, top_p=1, max_new_tokens=40)
        for seed in range(8)
    ]
    for written, writing in write_all(spelling[runtime].writer, scenes):
        for line in lines_begun(written):
            assert line.startswith(("Bob", "(", "[")), (writing.scene.seed, line)


@pytest.mark.parametrize("name", [" ann ", "ANN", "Ann:", "ann :", "Ánn"])
def test_a_name_may_be_typed_as_people_type_names(small, name):
    writer = small["onnx"].writer
    if name == "Ánn":
        with pytest.raises(UserError, match="does not speak"):
            Cast(writer.vocabulary, (name,))
        return
    assert Cast(writer.vocabulary, (name,)).following == Cast(writer.vocabulary, ("ann",)).following


@pytest.mark.parametrize(
    "name", ["Kramer", "", " ", ":", "\n", "ann\nbob", "(", "<unk>", "ann: bob:", "x" * 500]
)
def test_who_does_not_speak_in_the_show_is_refused_in_a_sentence(small, name):
    with pytest.raises(UserError, match="does not speak in The Cafe; these do: ") as caught:
        Writing(small["onnx"].writer, Scene(cast=("ann", name)))
    assert "bob" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 200


def test_nobody_chosen_is_everyone(small):
    writer = small["onnx"].writer
    scene = Scene(seed=3, max_new_tokens=150)
    assert write(writer, scene)[0] == write(writer, Scene(seed=3, max_new_tokens=150, cast=[]))[0]
    names = {speaker_of(line) for line in lines_begun(write(writer, scene)[0])}
    assert {"Ann:", "Bob:"} <= names
    both = write(writer, Scene(seed=3, max_new_tokens=150, cast=["Ann", "Bob"]))[0]
    assert {speaker_of(line) for line in lines_begun(both)} == {"Ann:", "Bob:"}


@pytest.mark.parametrize(
    ("line", "blank", "piece", "choices"),
    [
        ("", True, "man", []),
        ("", True, " man ", []),
        ("", True, "mr", ["man"]),
        ("", True, "hello", ["man"]),
        ("", True, "(", []),
        ("", True, "\n", ["man"]),
        ("", False, "\n", []),
        ("man", False, " on", []),
        ("man", False, " in", ["on"]),
        ("man", True, ":", ["on"]),
        ("man", False, "\n", ["on"]),
        ("man", False, "(", ["on"]),
        ("man on", False, " phone:", []),
        ("man on", False, " hello", ["phone:"]),
        ("man on phone:", False, " hello", []),
        ("hello", True, " man", []),
        ("(", True, " hello", []),
    ],
)
def test_another_word_is_drawn_only_where_the_one_drawn_may_not_stand(line, blank, piece, choices):
    vocabulary = wild().vocabulary
    cast, words = Cast(vocabulary, ("Man on phone",)), vocabulary.words
    told = cast.instead(vocabulary.split(line), blank, piece)
    assert [words[number] for number in told] == choices
    assert Cast(vocabulary, ()).instead(vocabulary.split(line), blank, piece) == []


def test_two_who_begin_alike_are_chosen_among_where_they_part():
    vocabulary = wild().vocabulary
    cast = Cast(vocabulary, ("Man on phone", "Man in coat", "Mr. Pitt"))
    told = [cast.instead(vocabulary.split(line), True, "hello") for line in ("", "Man", "Mr")]
    assert [{vocabulary.words[number] for number in ids} for ids in told][:2] == [
        {"man", vocabulary.split("Mr. Pitt:")[0]},
        {"on", "in"},
    ]


@pytest.mark.parametrize("name", SPEAKERS)
def test_names_of_many_words_are_followed_word_by_word(name):
    writer = wild()
    spoken = 0
    for seed in SEEDS:
        written, _ = write(writer, Scene(cast=[name], seed=seed, max_new_tokens=200))
        for line in lines_begun(written)[:-1]:  # the last may be cut off within a name
            if not line.startswith(("(", "[")):
                assert line.lower().startswith(f"{name}:"), (seed, line)
                spoken += 1
    assert spoken > 50


def test_two_names_that_begin_alike_go_their_ways():
    writer = wild()
    found = set()
    for seed in SEEDS:
        cast = ["Man on phone", "Man in coat", "Mr. Pitt"]
        written, _ = write(writer, Scene(cast=cast, seed=seed, max_new_tokens=200))
        lines = [line.lower() for line in lines_begun(written)[:-1] if line[0] != "("]
        found |= {next(n for n in SPEAKERS if line.startswith(f"{n}:")) for line in lines}
    assert found == {"man on phone", "man in coat", "mr. pitt"}


def test_directions_still_come():
    writer = wild(**{"||left_parenthesis||": 9.0})
    lines = []
    for seed in SEEDS:
        lines += lines_begun(write(writer, Scene(cast=["Man"], seed=seed, max_new_tokens=99))[0])
    directions = [line for line in lines if line.startswith("(")]
    assert len(directions) > 10
    assert all(line.startswith(("(", "Man")) for line in lines)


@pytest.mark.parametrize("late", [False, True])
def test_each_of_the_chosen_has_the_share_that_the_model_gives(late):
    """Were a word drawn again with the old random number, places in the list would decide."""
    # Those who may not speak take the lower numbers' side of the draw, then the higher one's.
    names = ["x", "y", "ann", "bob", "cal"] if late else ["ann", "bob", "cal", "x", "y"]
    weights = {"ann:": 5.0, "bob:": 3.0, "cal:": 2.0, "x:": 6.0, "y:": 3.0}
    symbols = {"(": "||left_parenthesis||", "\n": "||return||"}
    words = [*(f"{name}:" for name in names), *symbols.values(), UNKNOWN]
    vocabulary = Vocabulary("The Shares", words, symbols, [], "\n\n", [(n, 2) for n in names])
    writer = Wild(vocabulary, {**weights, "||left_parenthesis||": 1.0})
    count = 2000
    found = dict.fromkeys([*weights, "("], 0)
    for seed in range(count):
        scene = Scene(cast=["ann", "cal"], seed=seed, max_new_tokens=1)
        found[write(writer, scene)[0].lower().strip()] += 1
    assert found["bob:"] == found["x:"] == found["y:"] == 0
    for word, share in (("(", 1 / 20), ("ann:", 19 / 20 * 5 / 7), ("cal:", 19 / 20 * 2 / 7)):
        spread = (count * share * (1 - share)) ** 0.5
        assert abs(found[word] - count * share) < 3.5 * spread, (word, found)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_word_is_drawn_again_with_random_numbers_that_are_new(small, runtime):
    """Both speakers, in turn, where the model alone would choose freely."""
    writer = small[runtime].writer
    numbers = {name: writer.vocabulary.words.index(f"{name}:") for name in ("ann", "bob")}
    scene = Scene(temperature=1.5, top_p=1)
    both, count = sorted(numbers.values()), 40
    states = [writer.start("Ann: hello there.\n\n", seed) for seed in range(count)]

    def draw(states, allowed):
        pieces, after = zip(*writer.next(states, [scene] * count, [allowed] * count), strict=True)
        return [piece.strip() for piece in pieces], after

    free, after = draw(states, [])
    assert draw(states, [])[0] == free
    fresh = [writer.redrawn(*pair) for pair in zip(states, after, strict=True)]
    again = set(zip(free, draw(fresh, both)[0], strict=True))
    assert draw(fresh, [numbers["bob"]])[0] == ["bob:"] * count
    assert draw(states, [])[0] == free
    # Were it the same number, who was drawn first would be drawn again.
    assert {("ann:", "bob:"), ("bob:", "ann:")} <= again


@pytest.mark.parametrize(
    ("prompt", "begins"),
    [
        ("Man", "Man on phone:"),
        ("Man on", "Man on phone:"),
        ("Man in coat: hi\n\nman ON ", "man ON phone:"),
        ("Hello\n", None),
        ("Hello\n\n", None),
        ("", None),
    ],
)
def test_a_prompt_that_ends_within_a_name_goes_on_with_it(prompt, begins):
    writer = wild()
    for seed in SEEDS:
        scene = Scene(prompt, cast=["Man on phone"], seed=seed, max_new_tokens=60)
        written, writing = write(writer, scene)
        if begins:
            last = prompt.rpartition("\n")[2].rstrip(" ")
            assert (last + written).startswith(begins), (seed, last + written)
        whole = writing.text
        new = [whole[start:end] for start, end in line_spans(whole) if start >= len(writing.before)]
        for line in new[:-1]:
            assert line.lower().startswith(("man on phone:", "(")), (seed, line)


def test_a_prompt_that_ends_within_a_line_goes_on_freely():
    writer = wild(hello=30.0)
    scene = Scene("Mr. Pitt: hello", cast=["Man"], seed=1, max_new_tokens=1)
    assert {write(writer, Scene("Mr. Pitt: hello", cast=["Man"], seed=s, max_new_tokens=1))[0]
            for s in SEEDS} >= {" hello"}  # fmt: skip
    assert write(writer, scene)[1].text.startswith("Mr. Pitt: hello")


@pytest.mark.parametrize("prompt", ["", "Man: hi\n\n", "Man: hi\n\n ", "Man: hi\n\n   "])
def test_after_a_blank_line_no_other_comes(prompt):
    writer = wild(**{"||return||": 100.0})
    for seed in SEEDS:
        scene = Scene(prompt, cast=["Man"], seed=seed, max_new_tokens=20)
        written = write(writer, scene)[0]
        assert not written.startswith("\n"), (seed, written)
        assert "\n\n\n" not in written


def test_after_a_line_there_may_be_a_blank_one():
    writer = wild(**{"||return||": 100.0})
    scenes = [Scene("Man: hi\n", cast=["Man"], seed=seed, max_new_tokens=2) for seed in SEEDS]
    assert sum(write(writer, scene)[0].startswith("\n") for scene in scenes) > 10
