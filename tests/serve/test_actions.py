"""What can be asked of a model: each action on real models, and that its recipe repeats it."""

import asyncio
import contextlib
import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import tokens
from data.command_line import UserError
from serve.actions import Actions, scene_of
from serve.metrics import Metrics
from serve.scenes import script
from serve.scenes.engine import Engine
from serve.scenes.scene import MAX_TEXT, Scene
from serve.scenes.writing import READ, Writing, last_pages
from tests.serve.conftest import RUNTIMES

LINES = [
    *("[setting: the Café]", "Ann: Hello there.", "(Bob waves.)", "Bob: Not now, Ann. No?"),
    "Ann: Zork",
]
TEXT = "\n\n".join(LINES)
STRANGE = [None, -1, 1.5, math.nan, math.inf, True, "0", [0], {}, 10**6, [10**5000]]


def acting(*models):
    return Actions(list(models), Engine(1, 60, Metrics()))


@pytest.fixture(scope="module", params=RUNTIMES)
def actions(small, request):
    """All that can be asked of the small show's model."""
    yield (made := acting(small[request.param]))
    assert made.engine.going == {}
    made.engine.readers.shutdown()


@pytest.fixture(scope="module")
def spelled(spelling):
    """The same of a model that spells and remembers."""
    yield (made := acting(spelling["onnx"]))
    made.engine.readers.shutdown()


def written(actions, scene):
    """(the text, what is told of it) at the end of a scene."""

    async def follow():
        count = 0
        async for found in actions.write(scene):
            count += 1
            told = found
        assert count
        return told

    return asyncio.run(follow())


def now(action):
    return asyncio.run(action)


def alone(actions, scene):
    writing = Writing(actions.model(scene.model).writer, scene)
    writing.start()
    writing.go_on(600)
    return writing.text


def cache_settings(**fields):
    return scene_of("balanced", fields.pop("seed", 1), max_new_tokens=30, **fields)


# Writing


def test_a_scene_is_written_and_told_of(actions):
    text, told = written(actions, cache_settings(prompt="Ann: hello zork"))
    assert text.startswith("Ann: hello zork")
    assert told["done"]
    assert told["words"] == 30
    assert told["seed"] == 1
    assert told["unknown_words"] == ["zork"]
    assert told["note"] == ""
    scene = Scene.from_json(told["scene"])
    assert scene.model == next(iter(actions.models))
    assert scene.weights == actions.model("").bundle.facts["weights"]
    assert text == alone(actions, scene)


def test_a_scene_of_another_version_of_the_model_says_so(actions):
    _, told = written(actions, cache_settings(weights="0" * 16))
    assert "another version of this model" in told["note"]


def test_a_scene_that_takes_too_long_says_so(small):
    actions = acting(small["onnx"])
    actions.engine.max_seconds = 0
    _, told = written(actions, scene_of("", 1, max_new_tokens=1000))
    assert told["note"] == "time is up"
    assert not told["done"]
    actions.engine.readers.shutdown()


@pytest.mark.parametrize("name", ["x", "../../etc/passwd", ["the-cafe"], 1, "\ud800", {"x": 1}])
def test_a_model_that_is_not_there_is_refused(actions, name):
    with pytest.raises(UserError, match="there is no model"):
        actions.model(name)


@pytest.mark.parametrize("name", ["", None])
def test_where_no_model_is_named_the_first_is_meant(actions, name):
    assert actions.model(name) is next(iter(actions.models.values()))


def test_a_scene_ends_where_it_is_full(actions):
    prompt = "Ann: hello.\n\n" * 923
    assert len(prompt) == MAX_TEXT - 1
    text, told = written(actions, cache_settings(prompt=prompt))
    assert told["done"]
    assert MAX_TEXT <= len(text) <= MAX_TEXT + 30
    with pytest.raises(UserError, match="text must be a text of at most"):
        written(actions, actions.continuing("x" * 13_000, -1, cache_settings()))


def test_what_a_person_typed_keeps_its_letters(actions):
    typed = "aNN: heLLO, i  said:\n\n\n  bob's straße ß — “x”"
    assert written(actions, cache_settings(prompt=typed))[0].startswith(typed)


@settings(deadline=None, max_examples=20)
@given(st.text(max_size=80), st.text(max_size=20))
def test_no_words_asked_for_give_the_text_back(spelled, text, after):
    scene = Scene(text, after=after, max_new_tokens=0)
    again, told = written(spelled, scene)
    assert again == scene.prompt.rstrip(" ") + scene.after
    assert told["words"] == 0
    assert told["done"]


@settings(deadline=None, max_examples=20)
@given(st.text(max_size=80), st.integers(0, 99))
def test_what_is_typed_stands_at_the_beginning_as_typed(spelled, text, seed):
    scene = Scene(text, after="\n\nThe end.", max_new_tokens=5, seed=seed)
    again, _ = written(spelled, scene)
    assert again.startswith(scene.prompt.rstrip(" "))
    assert again.endswith("\n\nThe end.")


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("cast", [(), ("Bob",)])
def test_the_recipe_of_each_kind_of_writing_repeats_it(spelling, runtime, cast):
    actions = acting(spelling[runtime])
    base = scene_of("wild", 7, max_new_tokens=20, cast=cast)
    for scene in (
        dataclasses.replace(base, prompt=TEXT),
        base,
        actions.continuing(TEXT, -1, base),
        actions.continuing(TEXT, 1, base),
        *(actions.rewriting(TEXT, line, base) for line in range(5)),
        actions.taking(TEXT, 9, "zork", base),
    ):
        text, told = written(actions, scene)
        again, told_again = written(actions, Scene.from_json(told["scene"]))
        assert again == text
        assert told_again["scene"] == told["scene"]
    actions.engine.readers.shutdown()


# Going on


@pytest.mark.parametrize(
    ("text", "line", "prompt"),
    [
        (TEXT, -1, TEXT),
        ("Ann: Hello.", -1, "Ann: Hello.\n\n"),
        ("Ann: Hello.\n", -1, "Ann: Hello.\n"),
        ("Ann: Hello!  ", -1, "Ann: Hello!\n\n"),
        ("Ann: Hello and", -1, "Ann: Hello and"),
        ("Ann: Hello and\n\n", -1, "Ann: Hello and\n\n"),
        ("[setting: the Café]", -1, "[setting: the Café]\n\n"),
        ("Ann:", -1, "Ann:"),
        ("", -1, ""),
        (TEXT, 0, "[setting: the Café]\n\n"),
        (TEXT, 1, "[setting: the Café]\n\nAnn: Hello there.\n\n"),
        ("Ann: Hello and\n\nBob: No", 0, "Ann: Hello and\n\n"),
        ("\n\n \n Ann: hi\n\n", 0, "\n\n \n Ann: hi\n\n"),
        ("a\r\nb", 0, "a\n\n"),
    ],
)
def test_a_script_goes_on_after_a_line(actions, text, line, prompt):
    scene = actions.continuing(text, line, cache_settings(cast=["Ann"]))
    assert scene == cache_settings(cast=["Ann"], prompt=prompt)
    assert written(actions, scene)[0].startswith(prompt.rstrip(" "))


def test_after_a_line_in_the_middle_the_next_is_a_new_one(actions):
    for seed in range(5):
        scene = actions.continuing(TEXT, 1, cache_settings(seed=seed))
        text, _ = written(actions, scene)
        lines = [text[start:end] for start, end in script.line_spans(text)]
        assert lines[:2] == LINES[:2]
        assert script.speaker_of(lines[2]) in ("Ann:", "Bob:", "")


@pytest.mark.parametrize("line", [value for value in STRANGE if value != -1])
def test_a_line_that_is_not_there_is_refused(actions, line):
    for ask in (actions.continuing, actions.rewriting):
        with pytest.raises(UserError, match="line must be a whole number"):
            ask(TEXT, line, cache_settings())


@pytest.mark.parametrize("text", ["", " \n\n", "\0"])
def test_without_a_line_there_is_nothing_to_go_on_from(actions, text):
    for ask in (actions.continuing, actions.rewriting):
        with pytest.raises(UserError, match="there is no line yet: write something first"):
            ask(text, 0, cache_settings())


# Rewriting


@pytest.mark.parametrize("line", range(5))
def test_only_the_one_line_changes(actions, line):
    start, end = script.line_spans(TEXT)[line]
    new = set()
    for seed in range(5):
        scene = scene_of("wild", seed, cast=["Bob"])
        text, told = written(actions, actions.rewriting(TEXT, line, scene))
        assert told["done"]
        assert text.startswith(TEXT[:start])
        assert text.endswith(TEXT[end:])
        lines = [text[a:b] for a, b in script.line_spans(text)]
        assert lines[:line] + lines[line + 1 :] == LINES[:line] + LINES[line + 1 :]
        # The same person speaks, whoever is ticked; where nobody did, those who are ticked may.
        speaker = script.speaker_of(LINES[line])
        assert script.speaker_of(lines[line]) == (speaker or script.speaker_of(lines[line]))
        new.add(lines[line])
    assert len(new) > 1


def test_a_line_at_the_coldest_is_still_a_line(actions):
    for line in range(5):
        scene = actions.rewriting(TEXT, line, cache_settings(temperature=0, top_p=1))
        text, _ = written(actions, scene)
        assert len(script.line_spans(text)) == 5


def test_a_line_of_a_long_script_is_rewritten_in_its_place(actions):
    long = "\n\n".join(f"Ann: hello {n}." for n in range(700))
    start, end = script.line_spans(long)[650]
    text, _ = written(actions, actions.rewriting(long, 650, cache_settings()))
    assert text.startswith(long[:start] + "Ann:")
    assert text.endswith(long[end:])


def test_a_line_is_no_longer_than_lines_are(actions):
    assert actions.rewriting(TEXT, 1, scene_of("", 1, max_new_tokens=900)).max_new_tokens == 120
    assert actions.rewriting(TEXT, 1, scene_of("", 1, max_new_tokens=7)).max_new_tokens == 7
    assert actions.rewriting(TEXT, 1, scene_of("", 1, max_new_tokens=0)).max_new_tokens == 1


# Words and their alternatives


def test_another_word_is_taken_and_the_scene_goes_on_from_there(actions):
    text = "Ann: Hello there.\n\nBob: Not now, Ann."
    words = now(actions.surprise(text, ""))
    for place in range(len(words)):
        scene = actions.taking(text, place, "zork", cache_settings())
        before = "".join(word["text"] for word in words[:place])
        assert scene.prompt.lower().startswith(before.lower())
        assert scene.prompt.lower().endswith("zork")
        assert written(actions, scene)[0].startswith(scene.prompt)
    assert actions.taking(text, len(words), "zork", cache_settings()).prompt == f"{text} Zork"
    assert actions.taking(text, 1, "\n", cache_settings()).prompt.rstrip() == "Ann:"


@pytest.mark.parametrize("word", STRANGE)
def test_a_word_that_is_not_there_is_refused(actions, word):
    with pytest.raises(UserError, match="word must be a whole number"):
        actions.taking(TEXT, word, "hello", cache_settings())
    with pytest.raises(UserError, match="word must be a whole number"):
        now(actions.alternatives(TEXT, word, 5, ""))


@pytest.mark.parametrize("alternative", [None, 1, ["x"], "x" * 20_000])
def test_an_alternative_that_is_no_text_is_refused(actions, alternative):
    with pytest.raises(UserError, match="alternative must be a text"):
        actions.taking(TEXT, 1, alternative, cache_settings())


@pytest.mark.parametrize("n", [1, 5, 50])
def test_alternatives_are_sorted_and_share_a_whole(actions, n):
    for word in range(8):
        found = now(actions.alternatives(TEXT, word, n, ""))
        chances = [each["probability"] for each in found]
        assert chances == sorted(chances, reverse=True)
        assert 0 <= chances[-1] <= chances[0] <= 1
        assert sum(chances) <= 1 + 1e-5
        assert len(found) == min(n, len(actions.model("").writer.vocabulary))
        assert len({each["word"] for each in found}) == len(found)


def test_the_word_that_was_the_likeliest_is_the_first_in_its_place(actions):
    scene = scene_of("", 1, prompt="Ann: hello", temperature=0, top_p=1, max_new_tokens=25)
    text, told = written(actions, scene)
    words = [word["text"] for word in now(actions.surprise(text, ""))]
    assert len(words) == told["words"] + 2
    for place in range(2, len(words)):
        found = now(actions.alternatives(text, place, 3, ""))
        assert found[0]["word"].strip(" ") == words[place].strip(" ").lower()


@pytest.mark.parametrize("n", [value for value in STRANGE if value != -1] + [51, -1])
def test_a_strange_number_of_alternatives_is_refused(actions, n):
    with pytest.raises(UserError, match="n must be a whole number"):
        now(actions.alternatives(TEXT, 1, n, ""))


# Surprise


TYPED = [
    *(TEXT, "", " ", "\n\n", 'ann: "hello" — no!', "Ann: a; b <unk> (c-d)", "É 日本 straße"),
    "Ann: hello there.\n\nBob: not now, Ann.\n\n" * 60,
]


@pytest.mark.parametrize("text", TYPED)
def test_every_word_has_its_surprise(actions, text):
    found = now(actions.surprise(text, ""))
    vocabulary = actions.model("").writer.vocabulary
    words = vocabulary.split(text)
    canonical = tokens.join_words(words, vocabulary.symbols)
    names = [name for name, _ in vocabulary.speakers]
    assert "".join(each["text"] for each in found) == script.sentence_case(canonical, names)
    assert len(found) == len(words)
    assert all(each["logprob"] <= 0 for each in found)


@pytest.mark.parametrize("text", TYPED)
def test_words_that_are_not_known_are_so_everywhere(actions, text):
    found = now(actions.surprise(text, ""))
    new = {each["text"].strip(" ").lower() for each in found if not each["known"]}
    assert new == {word.lower() for word in actions.unknown_words(text, "")}


@settings(deadline=None, max_examples=20)
@given(st.text(max_size=60))
def test_any_text_has_its_surprise(spelled, text):
    found = now(spelled.surprise(text, ""))
    assert len(found) == len(spelled.model("").writer.vocabulary.split(Scene(text).prompt))
    assert all(each["logprob"] <= 0 for each in found)


def test_what_the_show_says_surprises_less_than_what_it_never_says(actions):
    known = now(actions.surprise("Ann: hello there.", ""))
    strange = now(actions.surprise("Ann: bob there not.", ""))
    assert sum(w["logprob"] for w in known) > sum(w["logprob"] for w in strange) + 3


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
def test_unknown_words_are_told_once_as_typed(actions, text, words):
    assert actions.unknown_words(text, "") == words


def test_texts_of_any_other_kind_are_refused(actions):
    for value in (None, 1, ["x"], {}, "x" * (MAX_TEXT + 1)):
        with pytest.raises(UserError, match="text must be a text"):
            actions.unknown_words(value, "")
        with pytest.raises(UserError, match="text must be a text"):
            actions.fountain(value, "")
        with pytest.raises(UserError, match="text must be a text"):
            now(actions.surprise(value, ""))
        with pytest.raises(UserError, match="text must be a text"):
            now(actions.alternatives(value, 0, 1, ""))
        with pytest.raises(UserError, match="text must be a text"):
            actions.continuing(value, -1, cache_settings())
        with pytest.raises(UserError, match="text must be a text"):
            actions.rewriting(value, 0, cache_settings())


# Two at once


def compared(actions, one, two):
    async def follow():
        async with contextlib.aclosing(actions.compare(one, two)) as both:
            async for told in both:
                latest = told
        return latest

    return asyncio.run(follow())


def test_each_of_two_is_what_it_would_be_alone(actions):
    fields = {"prompt": "Ann: hello", "max_new_tokens": 60}
    one, two = actions.pair({"preset": "faithful"}, {"temperature": 1.5}, None, **fields)
    assert one.seed == two.seed
    assert (one.temperature, two.temperature) == (0.6, 1.5)
    (left, told_left), (right, told_right) = compared(actions, one, two)
    assert (left, right) == (alone(actions, one), alone(actions, two))
    assert told_left["done"]
    assert told_right["done"]
    assert told_left["seed"] == told_right["seed"]
    same = compared(actions, one, one)
    assert same[0][0] == same[1][0] == left


def test_two_models_may_be_compared(small, spelling):
    actions = acting(small["onnx"], spelling["onnx"])
    names = list(actions.models)
    assert len(names) == 2
    one, two = actions.pair({"model": names[0]}, {"model": names[1]}, 3, prompt="Ann: zork")
    (left, told_left), (right, told_right) = compared(actions, one, two)
    assert (left, right) == (alone(actions, one), alone(actions, two))
    assert [Scene.from_json(told["scene"]).model for told in (told_left, told_right)] == names
    assert {fact["name"] for fact in actions.facts()} == set(names)
    actions.engine.readers.shutdown()


@pytest.mark.parametrize(
    "fields",
    [{"seed": 1}, {"prompt": "x"}, {"x": 1}, {"max_new_tokens": 1}, {"cast": []}, ["x"], 1, "x"],
)
def test_only_models_and_settings_may_differ(actions, fields):
    with pytest.raises(UserError, match="what differs must be among"):
        actions.pair({}, fields, 1)


def test_a_mistake_in_one_of_two_ends_both(actions):
    one = cache_settings()
    with pytest.raises(UserError, match="does not speak in The Cafe"):
        compared(actions, one, dataclasses.replace(one, cast=("Nobody",)))
    assert actions.engine.going == {}


def test_two_that_nobody_follows_any_more_free_their_places(actions):
    async def leave():
        scene = scene_of("", 1, max_new_tokens=1000)
        async with contextlib.aclosing(actions.compare(scene, scene)) as both:
            async for _ in both:
                break
        return len(actions.engine.going)

    assert asyncio.run(leave()) == 0


# What is read of a long text


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 3 * READ), st.integers(0, 3 * READ), st.sampled_from(["", "\n", "\n\n"]))
def test_of_a_long_text_the_last_pages_are_read(before, after, between):
    text = "a" * before + between + "b" * after
    read = last_pages(text)
    assert text.endswith(read)
    assert len(read) <= READ
    if len(text) <= READ:
        assert read == text
    else:
        assert read or text[-1] == "\n"


def test_the_last_pages_begin_with_a_line():
    text = "Ann: hello.\n\n" * 900
    read = last_pages(text)
    assert read.lstrip("\n").startswith("Ann: hello.")
    assert READ - 20 < len(read) <= READ


# What is told


def test_facts_and_fountain_tell_of_the_show(actions):
    (fact,) = actions.facts()
    assert fact["show"] == "The Cafe"
    assert fact["speakers"] in (["Ann", "Bob"], ["Bob", "Ann"])
    assert fact["vocabulary"] == 18
    made = actions.fountain("Ann: hello.", "")
    assert made.startswith("Title: A scene after The Cafe\nNotes: Written by a small network")
    assert made.endswith("\n\nANN\nhello.\n")
