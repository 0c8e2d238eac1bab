"""The cast: every generated line is a direction or spoken by one of the chosen speakers."""

import pytest

from data.command_line import UserError
from data.vocab import UNKNOWN, Vocabulary
from serve.scenes.cast import Cast
from serve.scenes.generation import Generation
from serve.scenes.scene import Scene
from serve.scenes.script import line_spans, speaker_prefix
from tests.serve.casting import (
    SEEDS,
    SPEAKERS,
    WeightedWriter,
    lines_begun,
    weighted,
    write,
    write_all,
)
from tests.serve.conftest import RUNTIMES


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", ["Ann", "Bob"])
def test_cast_of_one_speaks_every_line(small, runtime, name):
    spoken = 0
    scenes = [
        Scene(cast=[name], seed=seed, temperature=0.5 + seed / 19, top_p=1, length=60)
        for seed in SEEDS
    ]
    for written, writing in write_all(small[runtime].writer, scenes):
        for line in lines_begun(written):
            assert line.startswith((f"{name}", "(", "[")), (writing.scene.seed, line)
            spoken += speaker_prefix(line) == f"{name}:"
    assert spoken > 100


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_cast_holds_for_a_model_with_a_speller(spelling, runtime):
    options = {"temperature": 1.2, "top_p": 1, "length": 40}
    scenes = [
        Scene(seed=seed, invent_words=seed % 2 == 0, cast=["Bob"], **options) for seed in range(8)
    ]
    for written, writing in write_all(spelling[runtime].writer, scenes):
        for line in lines_begun(written):
            assert line.startswith(("Bob", "(", "[")), (writing.scene.seed, line)


@pytest.mark.parametrize("name", [" ann ", "ANN", "Ann:", "ann :", "Ánn"])
def test_cast_names_are_normalized(small, name):
    writer = small["onnx"].writer
    if name == "Ánn":
        with pytest.raises(UserError, match="is not a speaker"):
            Cast(writer.vocabulary, (name,))
        return
    assert (
        Cast(writer.vocabulary, (name,)).next_words == Cast(writer.vocabulary, ("ann",)).next_words
    )


@pytest.mark.parametrize(
    "name", ["Kramer", "", " ", ":", "\n", "ann\nbob", "(", "<unk>", "ann: bob:", "x" * 500]
)
def test_unknown_speaker_is_an_error_of_one_line(small, name):
    with pytest.raises(
        UserError, match="is not a speaker of The Cafe; its speakers are "
    ) as caught:
        Generation(small["onnx"].writer, Scene(cast=("ann", name)))
    assert "Bob" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 200


def test_empty_cast_allows_everyone(small):
    writer = small["onnx"].writer
    scene = Scene(seed=3, length=150)
    assert write(writer, scene)[0] == write(writer, Scene(seed=3, length=150, cast=[]))[0]
    names = {speaker_prefix(line) for line in lines_begun(write(writer, scene)[0])}
    assert {"Ann:", "Bob:"} <= names
    both = write(writer, Scene(seed=3, length=150, cast=["Ann", "Bob"]))[0]
    assert {speaker_prefix(line) for line in lines_begun(both)} == {"Ann:", "Bob:"}


@pytest.mark.parametrize(
    ("line", "blank", "chunk", "choices"),
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
def test_replacements_only_for_words_that_are_not_allowed(line, blank, chunk, choices):
    vocabulary = weighted().vocabulary
    cast, words = Cast(vocabulary, ("Man on phone",)), vocabulary.words
    ids = cast.replacements(vocabulary.split(line), blank, (), chunk)
    assert [words[number] for number in ids] == choices
    assert Cast(vocabulary, ()).replacements(vocabulary.split(line), blank, (), chunk) == []


def test_replacements_of_names_with_a_common_prefix():
    vocabulary = weighted().vocabulary
    cast = Cast(vocabulary, ("Man on phone", "Man in coat", "Mr. Pitt"))
    ids = [
        cast.replacements(vocabulary.split(line), True, (), "hello") for line in ("", "Man", "Mr")
    ]
    assert [{vocabulary.words[number] for number in each} for each in ids][:2] == [
        {"man", vocabulary.split("Mr. Pitt:")[0]},
        {"on", "in"},
    ]


@pytest.mark.parametrize("name", SPEAKERS)
def test_names_of_several_words_are_completed(name):
    writer = weighted()
    spoken = 0
    for seed in SEEDS:
        written, _ = write(writer, Scene(cast=[name], seed=seed, length=200))
        for line in lines_begun(written)[:-1]:  # the last one may end inside a name
            if not line.startswith(("(", "[")):
                assert line.lower().startswith(f"{name}:"), (seed, line)
                spoken += 1
    assert spoken > 50


def test_names_with_a_common_prefix_are_all_generated():
    writer = weighted()
    found = set()
    for seed in SEEDS:
        cast = ["Man on phone", "Man in coat", "Mr. Pitt"]
        written, _ = write(writer, Scene(cast=cast, seed=seed, length=200))
        lines = [line.lower() for line in lines_begun(written)[:-1] if line[0] != "("]
        found |= {next(n for n in SPEAKERS if line.startswith(f"{n}:")) for line in lines}
    assert found == {"man on phone", "man in coat", "mr. pitt"}


def test_directions_are_generated_with_a_cast():
    writer = weighted(**{"||left_parenthesis||": 9.0})
    lines = []
    for seed in SEEDS:
        lines += lines_begun(write(writer, Scene(cast=["Man"], seed=seed, length=99))[0])
    directions = [line for line in lines if line.startswith("(")]
    assert len(directions) > 10
    assert all(line.startswith(("(", "Man")) for line in lines)


@pytest.mark.parametrize("late", [False, True])
def test_cast_keeps_the_proportions_of_its_probabilities(late):
    """With the same random number again, the order of the vocabulary would decide."""
    # The others have low ids in one case and high ids in the other.
    names = ["x", "y", "ann", "bob", "cal"] if late else ["ann", "bob", "cal", "x", "y"]
    weights = {"ann:": 5.0, "bob:": 3.0, "cal:": 2.0, "x:": 6.0, "y:": 3.0}
    symbols = {"(": "||left_parenthesis||", "\n": "||return||"}
    words = [*(f"{name}:" for name in names), *symbols.values(), UNKNOWN]
    vocabulary = Vocabulary("The Shares", words, symbols, [], "\n\n", [(n, 2) for n in names])
    writer = WeightedWriter(vocabulary, {**weights, "||left_parenthesis||": 1.0})
    count = 2000
    found = dict.fromkeys([*weights, "("], 0)
    for seed in range(count):
        scene = Scene(cast=["ann", "cal"], seed=seed, length=1)
        found[write(writer, scene)[0].lower().strip()] += 1
    assert found["bob:"] == found["x:"] == found["y:"] == 0
    for word, share in (("(", 1 / 20), ("ann:", 19 / 20 * 5 / 7), ("cal:", 19 / 20 * 2 / 7)):
        spread = (count * share * (1 - share)) ** 0.5
        assert abs(found[word] - count * share) < 3.5 * spread, (word, found)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_replaced_word_is_sampled_with_new_random_numbers(small, runtime):
    """Restricted to each speaker and to both, at the start of a line."""
    writer = small[runtime].writer
    numbers = {name: writer.vocabulary.words.index(f"{name}:") for name in ("ann", "bob")}
    scene = Scene(temperature=1.5, top_p=1)
    both, count = sorted(numbers.values()), 40
    states = [writer.start("Ann: hello there.\n\n", seed) for seed in range(count)]

    def draw(states, allowed):
        chunks, after = zip(*writer.step(states, [scene] * count, [allowed] * count), strict=True)
        return [chunk.strip() for chunk in chunks], after

    free, after = draw(states, [])
    assert draw(states, [])[0] == free
    fresh = [writer.with_rng_of(*pair) for pair in zip(states, after, strict=True)]
    again = set(zip(free, draw(fresh, both)[0], strict=True))
    assert draw(fresh, [numbers["bob"]])[0] == ["bob:"] * count
    assert draw(states, [])[0] == free
    # With the same number, the first speaker would be sampled again.
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
def test_prompt_that_ends_inside_a_name_is_completed(prompt, begins):
    writer = weighted()
    for seed in SEEDS:
        scene = Scene(prompt, cast=["Man on phone"], seed=seed, length=60)
        written, writing = write(writer, scene)
        if begins:
            last = prompt.rpartition("\n")[2].rstrip(" ")
            assert (last + written).startswith(begins), (seed, last + written)
        whole = writing.text
        new = [whole[start:end] for start, end in line_spans(whole) if start >= len(writing.prompt)]
        for line in new[:-1]:
            assert line.lower().startswith(("man on phone:", "(")), (seed, line)


def test_prompt_that_ends_inside_a_line_continues_freely():
    writer = weighted(hello=30.0)
    scene = Scene("Mr. Pitt: hello", cast=["Man"], seed=1, length=1)
    assert {write(writer, Scene("Mr. Pitt: hello", cast=["Man"], seed=s, length=1))[0]
            for s in SEEDS} >= {" hello"}  # fmt: skip
    assert write(writer, scene)[1].text.startswith("Mr. Pitt: hello")


@pytest.mark.parametrize("prompt", ["", "Man: hi\n\n", "Man: hi\n\n ", "Man: hi\n\n   "])
def test_no_second_blank_line_after_a_blank_line(prompt):
    writer = weighted(**{"||return||": 100.0})
    for seed in SEEDS:
        scene = Scene(prompt, cast=["Man"], seed=seed, length=20)
        written = write(writer, scene)[0]
        assert not written.startswith("\n"), (seed, written)
        assert "\n\n\n" not in written


def test_blank_line_after_a_line_is_allowed():
    writer = weighted(**{"||return||": 100.0})
    scenes = [Scene("Man: hi\n", cast=["Man"], seed=seed, length=2) for seed in SEEDS]
    assert sum(write(writer, scene)[0].startswith("\n") for scene in scenes) > 10
