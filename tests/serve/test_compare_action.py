"""The compare action: two scenes at the same time, of one seed."""

import asyncio
import contextlib
import dataclasses

import pytest

from data.command_line import UserError
from serve.scenes.scene import Scene, build_scene
from tests.serve.acting import actions_on, compared, short_scene, text_alone


def test_compare_gives_the_text_of_each_scene_alone(actions):
    fields = {"prompt": "Ann: hello", "length": 60}
    one, two = actions.scene_pair({"preset": "safe"}, {"temperature": 1.5}, None, **fields)
    assert one.seed == two.seed
    assert (one.temperature, two.temperature) == (0.6, 1.5)
    (left, left_facts), (right, right_facts) = compared(actions, one, two)
    assert (left, right) == (text_alone(actions, one), text_alone(actions, two))
    assert left_facts["done"]
    assert right_facts["done"]
    assert left_facts["seed"] == right_facts["seed"]
    same = compared(actions, one, one)
    assert same[0][0] == same[1][0] == left


def test_compare_with_and_without_invented_words(spelling):
    with actions_on(spelling["onnx"]) as actions:
        shared = {"prompt": "Ann: hello zork", "length": 60}
        one, two = actions.scene_pair({}, {"invent_words": True}, 3, **shared)
        assert (one.invent_words, two.invent_words) == (False, True)
        (left, _), (right, _) = compared(actions, one, two)
        assert set(actions.unknown_words(left, "")) == {"zork"}
        assert len(actions.unknown_words(right, "")) > 1


def test_compare_of_two_models(small, spelling):
    with actions_on(small["onnx"], spelling["onnx"]) as actions:
        names = actions.models.names
        assert len(names) == 2
        first, second = ({"model": name} for name in names)
        one, two = actions.scene_pair(first, second, 3, prompt="Ann: zork")
        (left, left_facts), (right, right_facts) = compared(actions, one, two)
        assert (left, right) == (text_alone(actions, one), text_alone(actions, two))
        used = [Scene.from_json(facts["scene"]).model for facts in (left_facts, right_facts)]
        assert used == names
        assert {fact["name"] for fact in actions.facts()} == set(names)


@pytest.mark.parametrize(
    "fields",
    [{"seed": 1}, {"prompt": "x"}, {"x": 1}, {"length": 1}, {"cast": []}, ["x"], 1, "x"],
)
def test_compare_rejects_options_that_must_be_shared(actions, fields):
    with pytest.raises(UserError, match="two must be an object with options of that scene alone"):
        actions.scene_pair({}, fields, 1)


def test_compare_ends_both_scenes_at_an_error(actions):
    one = short_scene()
    with pytest.raises(UserError, match="is not a speaker of The Cafe"):
        compared(actions, one, dataclasses.replace(one, cast=("Nobody",)))
    assert actions.engine.active == {}


def test_compare_without_a_consumer_frees_both_places(actions):
    async def leave():
        scene = build_scene("", 1, length=1000)
        async with contextlib.aclosing(actions.compare(scene, scene)) as both:
            async for _ in both:
                break
        return len(actions.engine.active)

    assert asyncio.run(leave()) == 0
