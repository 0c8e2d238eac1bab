"""Helpers for tests of actions: a set-up for given models, and scenes run to their ends."""

import asyncio
import contextlib

from serve.actions import Actions
from serve.metrics import Metrics
from serve.models.load import Models
from serve.scenes.engine import Engine
from serve.scenes.generation import Generation
from serve.scenes.scene import build_scene

LINES = [
    *("[setting: the Café]", "Ann: Hello there.", "(Bob waves.)", "Bob: Not now, Ann. No?"),
    "Ann: Zork",
]
TEXT = "\n\n".join(LINES)
NOT_INDEXES = [None, -1, 1.5, float("nan"), float("inf"), True, "0", [0], {}, 10**6, [10**5000]]


@contextlib.contextmanager
def actions_on(*models):
    """The actions on some models; no scene may be left at the end."""
    made = Actions(Models(models, 99), Engine(1, 60, Metrics()))
    yield made
    assert made.engine.active == {}
    made.engine.short_tasks.shutdown()
    made.engine.generating.shutdown()


def written(actions, scene):
    """(text, facts) at the end of a scene."""

    async def follow():
        last = None
        async for result in actions.write(scene):
            last = result
        assert last is not None
        return last

    return asyncio.run(follow())


def compared(actions, one, two):
    """[(text, facts), (text, facts)] at the end of two scenes."""

    async def follow():
        async with contextlib.aclosing(actions.compare(one, two)) as both:
            async for results in both:
                latest = results
        return latest

    return asyncio.run(follow())


def text_alone(actions, scene):
    """The text of a scene, generated without the engine."""
    generation = Generation(actions.model(scene.model).writer, scene)
    generation.start()
    generation.run()
    return generation.text


def short_scene(**fields):
    """A scene of 30 words in the preset "balanced"."""
    return build_scene("balanced", fields.pop("seed", 1), length=30, **fields)
