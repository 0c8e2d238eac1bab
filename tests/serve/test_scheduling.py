"""The engine: batches, time slices, throttling, and fairness among scenes and models."""

import asyncio
import threading

import pytest

from serve.limits import MAX_BATCH, THROTTLE_INTERVAL, THROTTLED_FROM, TIME_SLICE, WORDS_PER_SECOND
from serve.metrics import Metrics
from serve.models.backends import load_writer
from serve.models.bundles import open_bundle
from serve.scenes.engine import Engine, generate_words
from serve.scenes.generation import Generation
from serve.scenes.scene import Scene
from tests.serve.fakes import (
    FakeWriter,
    WaitingWriter,
    follow,
    follow_all,
    generations,
)

# Batches


@pytest.mark.parametrize("count", [MAX_BATCH, MAX_BATCH + 1, 2 * MAX_BATCH + 5])
def test_batch_size_is_limited_and_all_scenes_get_equal_words(count):
    writer = FakeWriter()
    scenes = generations(writer, count, 5, started=True)
    assert generate_words(scenes, 3) == 3 * count
    assert [scene.words for scene in scenes] == [3] * count
    assert max(map(len, writer.batches)) == MAX_BATCH
    assert len(writer.batches) == 3 * -(-count // MAX_BATCH)
    assert generate_words(scenes, 3) == 2 * count  # no scene exceeds length
    assert all(scene.done for scene in scenes)
    assert generate_words(scenes, 3) == 0


def test_batch_of_many_scenes_finishes_all_of_them(engine):
    writer, count = FakeWriter(), 2 * MAX_BATCH + 5
    scenes = generations(writer, count, 7)
    assert min(asyncio.run(follow_all(engine, scenes))) >= 1
    assert all(scene.done and scene.text.split() == ["Hm", *["hm"] * 6] for scene in scenes)
    assert max(map(len, writer.batches)) <= MAX_BATCH
    assert sum(map(len, writer.batches)) == 7 * count
    assert f"cold_open_words_total {7 * count}.0" in engine.metrics.text().decode()


def test_batches_hold_scenes_of_one_model():
    one, two = FakeWriter(), FakeWriter()
    writers = [one, two, two, one, two]
    scenes = [Generation(writer, Scene(seed=n)) for n, writer in enumerate(writers)]
    for scene in scenes:
        scene.start()
    assert generate_words(scenes, 4) == 20
    assert one.batches == [[0, 3]] * 4
    assert two.batches == [[1, 2, 4]] * 4


def test_batched_scenes_advance_together(engine):
    writer, log = FakeWriter(), []
    scenes = generations(writer, 8, 18)
    asyncio.run(follow_all(engine, scenes, log))
    assert all(scene.done and scene.words == 18 for scene in scenes)
    first_end = min(max(n for n, s in enumerate(log) if s is scene) for scene in scenes)
    assert max(log.index(scene) for scene in scenes) < first_end
    updates = [log[: first_end + 1].count(scene) for scene in scenes]
    assert min(updates) >= max(updates) - 3 > 0, updates
    assert len(writer.batches) < 50  # one scene at a time would take 144 steps
    assert max(writer.batches, key=len) == list(range(8))


def test_two_models_generate_in_the_same_period(engine):
    one, two = FakeWriter(), FakeWriter()
    scenes, log = [*generations(one, 3, 12), *generations(two, 3, 12)], []
    asyncio.run(follow_all(engine, scenes, log))
    assert all(scene.words == 12 for scene in scenes)
    updates = {w: [n for n, s in enumerate(log) if s.writer is w] for w in (one, two)}
    assert max(updates[one][0], updates[two][0]) < min(updates[one][-1], updates[two][-1])


# Time slices and throttling, in simulated time


@pytest.mark.parametrize("seconds", [3 * TIME_SLICE, TIME_SLICE, TIME_SLICE / 2, TIME_SLICE / 16])
def test_time_slice_holds_as_many_steps_as_fit_and_at_least_one(clock, seconds):
    scenes = generations(FakeWriter(clock.work, seconds), 3, 1000, started=True)
    steps = max(1, round(TIME_SLICE / seconds))
    assert generate_words(scenes, None, clock) == 3 * steps
    assert [scene.words for scene in scenes] == [steps] * 3


@pytest.mark.parametrize("count", [THROTTLED_FROM, 3 * THROTTLED_FROM])
def test_throttling_many_scenes_get_the_configured_words_per_second(engine, clock, count):
    words = 10 * round(WORDS_PER_SECOND * THROTTLE_INTERVAL)
    asyncio.run(follow_all(engine, generations(FakeWriter(clock.work, 0.001), count, words)))
    # A few more intervals pass while the scenes' prompts are read.
    assert words / WORDS_PER_SECOND - 1e-6 <= clock.now < 2 * words / WORDS_PER_SECOND


def test_throttling_does_not_slow_down_few_scenes(engine, clock):
    asyncio.run(follow_all(engine, generations(FakeWriter(clock.work, 0.001), 1, 30)))
    assert clock.now == pytest.approx(30 * 0.001)


def test_single_scene_is_updated_after_each_time_slice(engine, clock):
    scene = generations(FakeWriter(clock.work, TIME_SLICE), 1, 10)[0]
    assert asyncio.run(follow(engine, scene)) == 10
    assert clock.now == pytest.approx(10 * TIME_SLICE)


def test_new_scene_joins_the_next_batch(engine, clock):
    async def join():
        writer = FakeWriter(clock.work)
        others = [asyncio.create_task(follow(engine, s)) for s in generations(writer, 6, 1000)]
        while not writer.batches:
            await asyncio.sleep(0)
        newcomer = Generation(writer, Scene(seed=99, length=1000))
        updates = engine.generate(newcomer)
        await anext(updates)
        first = next(n for n, batch in enumerate(writer.batches) if 99 in batch)
        assert len(writer.batches[first]) == 7  # the running scenes are in the same step
        assert newcomer.words <= round(WORDS_PER_SECOND * THROTTLE_INTERVAL)
        await updates.aclose()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run(join())


@pytest.mark.parametrize("count", [1, THROTTLED_FROM])
def test_event_loop_runs_while_a_step_is_computed(count):
    """Each step waits for the event loop, which would be blocked if both shared a thread."""
    event, engine = threading.Event(), Engine(1, 60, Metrics())
    writer = WaitingWriter(event)

    async def release():
        tasks = [asyncio.create_task(follow(engine, s)) for s in generations(writer, count, 9)]
        while not all(task.done() for task in tasks):
            event.set()
            await asyncio.sleep(0)
        return await asyncio.gather(*tasks)

    assert min(asyncio.run(release())) >= 1
    assert writer.woken
    assert all(writer.woken)
    engine.short_tasks.shutdown()
    engine.generating.shutdown()


# Real models


@pytest.mark.parametrize("threads", [1, 3])
def test_batched_text_equals_the_text_of_each_scene_alone(spelling, small, threads):
    """Of two models in both runtimes."""
    writers = [model.writer for models in (spelling, small) for model in models.values()]
    casts = [(), ["Ann"], (), ["Bob"], (), ["Ann", "Bob"]]
    scenes = [
        Scene("Ann: zork", seed=seed, length=15, temperature=1.2, cast=casts[seed % 6])
        for seed in range(12)
    ]
    pairs = [(writers[seed % 4], scene) for seed, scene in enumerate(scenes)]
    alone = [Generation(*pair) for pair in pairs]
    for generation in alone:
        generation.start()
        generation.run()
    engine = Engine(threads, 60, Metrics())
    together = [Generation(*pair) for pair in pairs]
    asyncio.run(follow_all(engine, together))
    engine.short_tasks.shutdown()
    engine.generating.shutdown()
    assert [each.text for each in together] == [each.text for each in alone]
    words = sum(each.words for each in together)
    assert f"cold_open_words_total {words}.0" in engine.metrics.text().decode()


def test_slow_consumer_receives_the_last_update(bundle):
    writer = load_writer(open_bundle(bundle, "torchscript", "int8"))
    scene = Scene(prompt="Ann: hello", seed=3, length=120)
    alone = Generation(writer, scene)
    alone.start()
    alone.run()
    engine = Engine(1, 60, Metrics())

    async def consume():
        last = ""
        async for generation in engine.generate(Generation(writer, scene)):
            last = generation.text
            while not generation.done:  # the rest is generated before the next update is taken
                await asyncio.sleep(0)
        return last

    assert asyncio.run(consume()) == alone.text
    engine.short_tasks.shutdown()
    engine.generating.shutdown()
