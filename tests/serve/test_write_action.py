"""The write action: its text, its facts, its time limit, and scenes that reproduce it."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.command_line import UserError
from serve.limits import MAX_PROMPT_TEXT, MAX_TEXT
from serve.scenes.generation import last_lines
from serve.scenes.scene import Scene, build_scene
from tests.serve.acting import TEXT, actions_on, short_scene, text_alone, written
from tests.serve.conftest import RUNTIMES

LENGTHS = st.integers(0, 3 * MAX_PROMPT_TEXT)


def test_write_gives_text_and_facts(actions):
    text, facts = written(actions, short_scene(prompt="Ann: hello zork"))
    assert text.startswith("Ann: hello zork")
    assert facts["done"]
    assert facts["words"] >= 30
    assert facts["ended"] == "length"
    assert facts["seed"] == 1
    assert facts["unknown_words"] == ["zork"]
    assert facts["note"] == ""
    scene = Scene.from_json(facts["scene"])
    assert scene.model == actions.models.names[0]
    assert scene.weights == actions.model("").bundle.facts["weights"]
    assert text == text_alone(actions, scene)


def test_write_notes_a_scene_of_other_weights(actions):
    _, facts = written(actions, short_scene(weights="0" * 16))
    assert "another version of the model" in facts["note"]


def test_write_notes_the_scene_timeout(small):
    with actions_on(small["onnx"]) as actions:
        actions.engine.scene_timeout = 0
        _, facts = written(actions, build_scene("", 1, length=1000))
        assert facts["ended"] == "time_limit"
        assert "time limit is reached" in facts["note"]
        assert facts["done"]


@pytest.mark.parametrize("name", ["x", "../../etc/passwd", ["the-cafe"], 1, "\ud800", {"x": 1}])
def test_unknown_model_is_an_error(actions, name):
    with pytest.raises(UserError, match="model must be "):
        actions.model(name)


@pytest.mark.parametrize("name", ["", None])
def test_empty_model_name_is_the_first_model(actions, name):
    assert actions.model(name) is actions.models.by_name[actions.models.names[0]]


def test_write_stops_at_the_longest_scene(actions):
    prompt = "Ann: hello.\n\n" * 923
    assert len(prompt) == MAX_TEXT - 1
    text, facts = written(actions, short_scene(prompt=prompt))
    assert facts["done"]
    assert facts["ended"] == "text_limit"
    assert "The scene is full (12,000 characters)" in facts["note"]
    assert len(text) <= MAX_TEXT
    assert actions.fountain(text, "")
    with pytest.raises(UserError, match="text has 13,000 characters; at most 12,000 are allowed"):
        written(actions, actions.continue_scene("x" * 13_000, -1, short_scene()))


def test_write_keeps_the_case_of_the_prompt(actions):
    typed = "aNN: heLLO, i  said:\n\n\n  bob's straße ß — “x”"
    assert written(actions, short_scene(prompt=typed))[0].startswith(typed)


@settings(deadline=None, max_examples=20)
@given(st.text(max_size=80), st.text(max_size=20))
def test_write_of_no_tokens_returns_the_text(spelled, text, after):
    scene = Scene(text, after=after, length=0)
    again, facts = written(spelled, scene)
    assert again == scene.prompt.rstrip(" ") + scene.after
    assert facts["words"] == 0
    assert facts["done"]


@settings(deadline=None, max_examples=20)
@given(st.text(max_size=80), st.integers(0, 99))
def test_write_keeps_prompt_and_following_text(spelled, text, seed):
    scene = Scene(text, after="\n\nThe end.", length=5, seed=seed)
    again, _ = written(spelled, scene)
    assert again.startswith(scene.prompt.rstrip(" "))
    assert again.endswith("\n\nThe end.")


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("cast", [(), ("Bob",)])
def test_scene_json_reproduces_every_kind_of_scene(spelling, runtime, cast):
    with actions_on(spelling[runtime]) as actions:
        base = build_scene("wild", 7, length=20, cast=cast, invent_words=True)
        for scene in (
            dataclasses.replace(base, prompt=TEXT),
            dataclasses.replace(base, prompt=TEXT, invent_words=False),
            base,
            actions.continue_scene(TEXT, -1, base),
            actions.continue_scene(TEXT, 1, base),
            *(actions.rewrite_line(TEXT, line, base) for line in range(5)),
            actions.take_alternative(TEXT, 9, "zork", base),
        ):
            text, facts = written(actions, scene)
            again, facts_again = written(actions, Scene.from_json(facts["scene"]))
            assert again == text
            assert facts_again["scene"] == facts["scene"]


@settings(deadline=None, max_examples=60)
@given(LENGTHS, LENGTHS, st.sampled_from(["", "\n", "\n\n"]))
def test_prompt_text_is_truncated_at_its_start(before, after, between):
    text = "a" * before + between + "b" * after
    read = last_lines(text)
    assert text.endswith(read)
    assert len(read) <= MAX_PROMPT_TEXT
    if len(text) <= MAX_PROMPT_TEXT:
        assert read == text
    else:
        assert read or text[-1] == "\n"


def test_truncated_prompt_text_starts_with_a_line():
    text = "Ann: hello.\n\n" * 900
    read = last_lines(text)
    assert read.lstrip("\n").startswith("Ann: hello.")
    assert MAX_PROMPT_TEXT - 20 < len(read) <= MAX_PROMPT_TEXT


def test_model_facts_and_fountain_name_the_show(actions):
    (fact,) = actions.facts()
    assert fact["show"] == "The Cafe"
    assert fact["speakers"] in (["Ann", "Bob"], ["Bob", "Ann"])
    assert fact["vocabulary"] == 18
    made = actions.fountain("Ann: hello.", "")
    assert made.startswith("Title: A scene after The Cafe\nNotes: Generated by a neural network")
    assert made.endswith("\n\nANN\nhello.\n")
