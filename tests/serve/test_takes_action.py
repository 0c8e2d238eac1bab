"""The takes action: one scene from several seeds in one batch."""

import asyncio
import contextlib
import dataclasses

import pytest

from data.command_line import UserError
from serve.actions import Actions
from serve.limits import DEFAULT_TAKES, MAX_TAKES
from serve.models.load import Model, Models
from serve.scenes.scene import Scene, build_scene
from tests.serve.acting import TEXT, short_scene, text_alone
from tests.serve.fakes import FakeWriter


def taken(actions, scene, n):
    """All updates of some takes."""

    async def follow():
        async with contextlib.aclosing(actions.takes(scene, n)) as results:
            return [result async for result in results]

    return asyncio.run(follow())


def test_takes_read_their_prompt_once(actions, monkeypatch):
    prompts, read = actions.model("").writer.prompts, []

    def count(prompt, reading=prompts.read):
        read.append(prompt)
        return reading(prompt)

    monkeypatch.setattr(prompts, "read", count)
    scene = short_scene(prompt="Ann: of this test alone")
    texts = [text for text, _ in taken(actions, scene, 3)[-1]]
    assert len(read) == 1
    assert len(set(texts)) > 1


@pytest.mark.parametrize("n", [1, DEFAULT_TAKES, MAX_TAKES])
def test_takes_are_the_scenes_of_consecutive_seeds(actions, n):
    scene = short_scene(prompt="Ann: hello")
    updates = taken(actions, scene, n)
    assert all(len(update) == n for update in updates)
    last = updates[-1]
    for number, (text, facts) in enumerate(last):
        alone = dataclasses.replace(scene, seed=scene.seed + number)
        assert text == text_alone(actions, alone)
        assert facts["seed"] == scene.seed + number
        assert facts["done"]
        again = Scene.from_json(facts["scene"])
        assert again.seed == facts["seed"]
        assert text_alone(actions, again) == text


def test_take_without_words_yet_is_empty(actions):
    first = taken(actions, short_scene(prompt="Ann: hello"), 3)[0]
    assert all(bool(text) == bool(facts) for text, facts in first)


def test_takes_after_the_largest_seed_begin_again_at_0(actions):
    updates = taken(actions, short_scene(seed=2**31 - 1), 2)
    assert [facts["seed"] for _, facts in updates[-1]] == [2**31 - 1, 0]


def test_takes_of_every_kind_of_scene(actions):
    base = build_scene("wild", 5, length=20)
    for scene in (
        actions.continue_scene(TEXT, -1, base),
        actions.rewrite_line(TEXT, 1, base),
        actions.take_alternative(TEXT, 5, "now", base),
    ):
        last = taken(actions, scene, 3)[-1]
        expected = [dataclasses.replace(scene, seed=seed) for seed in (5, 6, 7)]
        assert [text for text, _ in last] == [text_alone(actions, each) for each in expected]


def test_takes_at_temperature_0_are_one(actions):
    assert len(taken(actions, short_scene(temperature=0), 3)[-1]) == 1


@pytest.mark.parametrize("n", [0, MAX_TAKES + 1, 1.5, "3", None, True])
def test_number_of_takes_out_of_range_is_an_error(actions, n):
    with pytest.raises(UserError, match=f"n must be a whole number from 1 to {MAX_TAKES}, not"):
        taken(actions, short_scene(), n)


def test_takes_share_the_steps_of_the_network(small, engine, clock):
    model = Model(small["onnx"].bundle, FakeWriter(clock.work))
    updates = taken(Actions(Models([model]), engine), Scene(length=20), 3)
    batches = model.writer.batches
    assert len(updates) < len(batches) + 3  # and one update holds the new words of all takes
    assert max(map(len, batches)) == 3
    assert sum(len(batch) == 3 for batch in batches) > len(batches) / 2


def test_takes_without_a_consumer_are_ended(actions):
    async def leave():
        async with contextlib.aclosing(actions.takes(build_scene("", 1, length=1000), 3)) as all_:
            async for _ in all_:
                break
        return len(actions.engine.active)

    assert asyncio.run(leave()) == 0
