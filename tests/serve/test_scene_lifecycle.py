"""The engine: scene timeout, graceful shutdown, cancellation, and failures."""

import asyncio

import pytest

from data.command_line import UserError
from serve.limits import MAX_BATCH
from serve.scenes.engine import generate_words
from tests.serve.fakes import (
    FailingWriter,
    FakeWriter,
    UnreadableWriter,
    active_scenes,
    follow,
    follow_all,
    generations,
)


def one_scene(clock, words=1000):
    return generations(FakeWriter(clock.work), 1, words)[0]


async def until(condition):
    """Lets other tasks run until a condition holds."""
    while not condition():
        await asyncio.sleep(0)


def test_scene_timeout_ends_a_long_scene(engine, clock):
    engine.scene_timeout = 2.0
    endless = one_scene(clock)
    asyncio.run(follow(engine, endless))
    assert endless.ended == "time_limit"
    assert 2.0 / 0.04 <= endless.words < 2.0 / 0.04 + 3  # steps of 0.04 simulated seconds
    short = one_scene(clock, 1)
    asyncio.run(follow(engine, short))
    assert short.ended == "hard_limit"


def test_scene_of_no_words_gives_one_update(engine):
    writer = FakeWriter()
    (empty,) = generations(writer, 1, 0)
    assert asyncio.run(follow(engine, empty)) == 1
    assert empty.started
    assert empty.words == 0
    assert writer.batches == []


# Graceful shutdown


def test_graceful_shutdown_refuses_new_scenes_and_waits_for_active_ones(engine, clock):
    async def shut_down():
        scene = one_scene(clock, 6)
        running = asyncio.create_task(follow(engine, scene))
        await until(lambda: scene.words)
        draining = asyncio.create_task(engine.drain(1e9))
        await asyncio.sleep(0)
        assert engine.draining
        with pytest.raises(UserError, match="shutting down: try again in a minute"):
            await follow(engine, one_scene(clock, 1))
        assert await draining == 0
        assert scene.done
        assert await running == 6

    asyncio.run(shut_down())


def test_graceful_shutdown_ends_after_its_timeout(engine, clock):
    async def shut_down():
        running = asyncio.create_task(follow(engine, one_scene(clock)))
        await asyncio.sleep(0)
        start = clock.now
        remaining = await engine.drain(5)
        waited = clock.now - start
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return remaining, waited

    remaining, waited = asyncio.run(shut_down())
    assert remaining == 1
    assert waited >= 5


# Cancellation


def test_cancelled_scenes_are_removed_and_others_continue(engine, clock):
    async def cancel():
        scenes = generations(FakeWriter(clock.work, 0.01), 5, 1000)
        tasks = [asyncio.create_task(follow(engine, scene)) for scene in scenes]
        await until(lambda: all(scene.words for scene in scenes))
        assert len(engine.active) == active_scenes(engine) == 5
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks[1:], return_exceptions=True)
        assert list(engine.active) == scenes[:1]
        assert active_scenes(engine) == 1
        written = [scene.words for scene in scenes]
        await until(lambda: scenes[0].words > written[0] + 10)
        # The interval that the thread had begun may still end.
        assert all(s.words - n <= 3 for s, n in zip(scenes[1:], written[1:], strict=True))
        tasks[0].cancel()
        await asyncio.gather(tasks[0], return_exceptions=True)

    engine.scene_timeout = 1e9
    asyncio.run(cancel())


def test_scene_without_a_consumer_is_removed(engine, clock):
    async def leave():
        updates = engine.generate(one_scene(clock))
        await anext(updates)
        assert len(engine.active) == active_scenes(engine) == 1
        await updates.aclose()
        assert engine.active == {}
        assert active_scenes(engine) == 0

    asyncio.run(leave())


# Failures


def test_failed_step_is_raised_in_its_scenes_and_in_no_other_model(engine):
    failing = FailingWriter()
    failed, healthy = generations(failing, 2, 100), generations(FakeWriter(), 3, 9)
    first, second, *updates = asyncio.run(follow_all(engine, [*failed, *healthy]))
    assert first is second is failed[0].failure is failed[1].failure
    assert isinstance(first, RuntimeError)
    assert str(first) == "the step failed"
    assert all(isinstance(count, int) for count in updates)
    assert all(scene.words == 9 and scene.failure is None for scene in healthy)
    (later,) = generations(failing, 1, 9)
    asyncio.run(follow(engine, later))
    assert later.words == 9


def test_failed_step_affects_only_its_batch():
    scenes = generations(FailingWriter(), MAX_BATCH + 2, 9, started=True)
    generate_words(scenes, 3)
    assert [scene.words for scene in scenes] == [3] * MAX_BATCH + [0, 0]
    assert [scene.failure is None for scene in scenes] == [True] * MAX_BATCH + [False] * 2


def test_failed_prompt_affects_only_its_scene(engine):
    scenes = [*generations(UnreadableWriter(), 1, 9), *generations(FakeWriter(), 1, 9)]
    failure, updates = asyncio.run(follow_all(engine, scenes))
    assert isinstance(failure, RuntimeError)
    assert isinstance(updates, int)
    assert scenes[1].words == 9
