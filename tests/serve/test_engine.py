"""Many scenes side by side in one thread: all get on, end in time, and free their places."""

import asyncio
import time

import pytest

from data.command_line import UserError
from data.vocab import UNKNOWN, Vocabulary
from serve.metrics import Metrics
from serve.models.backends import load_writer
from serve.models.bundles import open_bundle
from serve.scenes.engine import CROWD, PACE, SIDE_BY_SIDE, Engine, go_on
from serve.scenes.scene import Scene
from serve.scenes.writing import Writing


class Slow:
    """A writer that takes so long for a step, however many scenes are in it."""

    vocabulary = Vocabulary("The Pause", ["hm", UNKNOWN], {}, [], "\n\n", [("ann", 2)])

    def __init__(self, seconds: float = 0.04):
        self.seconds = seconds
        self.steps: list[list[int]] = []  # the seeds of the scenes in each

    def start(self, prompt: str, seed: int) -> int:
        return 0

    def next(self, states, scenes, allowed):
        assert len(states) == len(scenes) == len(allowed)
        self.steps.append([scene.seed for scene in scenes])
        time.sleep(self.seconds)
        return [(" hm", state + 1) for state in states]

    def redrawn(self, state, after):
        raise AssertionError("no word need be drawn again")


class Broken(Slow):
    """Fails at the first step that has two scenes in it, once."""

    broken = False

    def next(self, states, scenes, allowed):
        drawn = super().next(states, scenes, allowed)
        if len(states) == 2 and not self.broken:
            self.broken = True
            raise RuntimeError("broken")
        return drawn


class Unread(Slow):
    """Cannot read any prompt."""

    def start(self, prompt, seed):
        raise RuntimeError("unread")


def scenes_of(writer, count, words, started=False):
    """So many scenes of so many words; their seeds count up from 0."""
    scenes = [Writing(writer, Scene(seed=n, max_new_tokens=words)) for n in range(count)]
    if started:
        for scene in scenes:
            scene.start()
    return scenes


def scene_of(writer, words=1000):
    return scenes_of(writer, 1, words)[0]


@pytest.fixture
def engine():
    engine = Engine(1, 60, Metrics())
    yield engine
    engine.readers.shutdown()
    engine.writer.shutdown()
    assert engine.going == {}
    assert gauge(engine) == 0


def gauge(engine):
    """What the metrics tell of scenes under way."""
    told = engine.metrics.text(lambda: 0).decode()
    return float(told.partition("\ncold_open_writing ")[2].partition("\n")[0])


async def watch(engine, writing, told=None):
    """Follows a scene to its end; in `told`, it is noted each time that there is more of it."""
    count = 0
    async for same in engine.write(writing):
        assert same is writing
        count += 1
        if told is not None:
            told.append(writing)
    return count


async def watch_all(engine, writings, told=None):
    return await asyncio.gather(
        *(watch(engine, writing, told) for writing in writings), return_exceptions=True
    )


def test_scenes_side_by_side_all_get_on(engine):
    writer, told = Slow(0.01), []
    scenes = scenes_of(writer, 8, 18)
    asyncio.run(watch_all(engine, scenes, told))
    assert all(scene.done and scene.words == 18 for scene in scenes)
    first_end = min(max(n for n, s in enumerate(told) if s is scene) for scene in scenes)
    last_begin = max(told.index(scene) for scene in scenes)
    assert last_begin < first_end
    so_far = [told[: first_end + 1].count(scene) for scene in scenes]
    assert min(so_far) >= max(so_far) - 3 > 0, so_far
    # Of eight by turns there would be 144 steps.
    assert len(writer.steps) < 50
    assert max(writer.steps, key=len) == list(range(8))


@pytest.mark.parametrize("count", [SIDE_BY_SIDE, SIDE_BY_SIDE + 1, 2 * SIDE_BY_SIDE + 5])
def test_more_scenes_than_fit_in_a_step_get_on_alike(count):
    writer = Slow(0)
    scenes = scenes_of(writer, count, 5, started=True)
    assert go_on(scenes, 3) == 3 * count
    assert [scene.words for scene in scenes] == [3] * count
    assert max(map(len, writer.steps)) == SIDE_BY_SIDE
    assert len(writer.steps) == 3 * -(-count // SIDE_BY_SIDE)
    assert go_on(scenes, 3) == 2 * count  # no scene is longer than asked for
    assert all(scene.done for scene in scenes)
    assert go_on(scenes, 3) == 0


def test_more_scenes_than_fit_in_a_step_all_come_to_their_ends(engine):
    writer, count = Slow(0.001), 2 * SIDE_BY_SIDE + 5
    scenes = scenes_of(writer, count, 7)
    assert min(asyncio.run(watch_all(engine, scenes))) >= 1
    assert all(scene.done and scene.text.split() == ["Hm", *["hm"] * 6] for scene in scenes)
    assert max(map(len, writer.steps)) <= SIDE_BY_SIDE
    assert sum(map(len, writer.steps)) == 7 * count
    assert f"cold_open_words_total {7 * count}.0" in engine.metrics.text(lambda: 0).decode()


@pytest.mark.parametrize(("seconds", "most"), [(0.1, 1), (0.001, 100)])
def test_a_turn_is_a_word_or_as_many_as_there_is_time_for(seconds, most):
    scenes = scenes_of(Slow(seconds), 3, 1000, started=True)
    began = time.monotonic()
    written = go_on(scenes, 0)
    assert time.monotonic() - began < 0.5
    words = [scene.words for scene in scenes]
    assert len(set(words)) == 1
    assert written == sum(words)
    assert 1 <= words[0] <= most
    assert most == 1 or words[0] > 1


def test_two_models_at_once_write_each_its_own():
    one, two = Slow(0), Slow(0)
    scenes = [Writing(writer, Scene(seed=n)) for n, writer in enumerate([one, two, two, one, two])]
    for scene in scenes:
        scene.start()
    assert go_on(scenes, 4) == 20
    assert one.steps == [[0, 3]] * 4
    assert two.steps == [[1, 2, 4]] * 4


def test_two_models_at_once_are_both_followed(engine):
    one, two = Slow(0.01), Slow(0.02)
    scenes = [*scenes_of(one, 3, 12), *scenes_of(two, 3, 12)]
    told = []
    asyncio.run(watch_all(engine, scenes, told))
    assert all(scene.words == 12 for scene in scenes)
    places = {
        writer: [n for n, s in enumerate(told) if s.writer is writer] for writer in (one, two)
    }
    assert max(places[one][0], places[two][0]) < min(places[one][-1], places[two][-1])


def test_many_are_written_at_a_pace_and_few_as_fast_as_they_can_be(engine):
    def seconds(count):
        began = time.monotonic()
        asyncio.run(watch_all(engine, scenes_of(Slow(0), count, 9)))
        return time.monotonic() - began

    assert seconds(CROWD - 1) < seconds(CROWD)
    assert seconds(CROWD) > 0.6 * 9 / PACE


def test_a_newcomer_does_not_wait_for_those_who_write_already(engine):
    async def newcomer():
        writer = Slow()
        others = [asyncio.create_task(watch(engine, w)) for w in scenes_of(writer, 6, 1000)]
        await asyncio.sleep(0.1)
        began = time.monotonic()
        following = engine.write(scene_of(writer))
        await anext(following)
        waited = time.monotonic() - began
        await following.aclose()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return waited

    assert asyncio.run(newcomer()) < 1


def test_one_scene_alone_is_hardly_held_up(engine):
    began = time.monotonic()
    assert asyncio.run(watch(engine, scene_of(Slow(), 10))) == 10
    assert time.monotonic() - began < 1.5  # of 10 turns of 0.04 seconds


@pytest.mark.parametrize("count", [1, CROWD])
def test_the_server_stays_awake_while_scenes_are_written(engine, count):
    async def ticks():
        tasks = [asyncio.create_task(watch(engine, w)) for w in scenes_of(Slow(), count, 9)]
        ticks = 0
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0.01)
            ticks += 1
        await asyncio.gather(*tasks)
        return ticks

    assert asyncio.run(ticks()) > 10


def test_a_scene_that_takes_too_long_is_ended(engine):
    engine.max_seconds = 0.2
    endless = scene_of(Slow())
    began = time.monotonic()
    asyncio.run(watch(engine, endless))
    assert time.monotonic() - began < 5
    assert endless.out_of_time
    assert not endless.done
    short = scene_of(Slow(), 1)
    asyncio.run(watch(engine, short))
    assert not short.out_of_time


def test_a_scene_of_no_words_is_shown_once(engine):
    writer = Slow()
    nothing = scene_of(writer, 0)
    assert asyncio.run(watch(engine, nothing)) == 1
    assert nothing.started
    assert nothing.words == 0
    assert writer.steps == []


def test_before_it_stops_it_refuses_new_scenes_and_waits_for_those_under_way(engine):
    async def stop():
        scene = scene_of(Slow(), 6)
        running = asyncio.create_task(watch(engine, scene))
        while not scene.words:
            await asyncio.sleep(0.01)
        stopping = asyncio.create_task(engine.drain(30))
        await asyncio.sleep(0)
        assert engine.draining
        with pytest.raises(UserError, match="about to restart: try again in a minute"):
            await watch(engine, scene_of(Slow(), 1))
        assert await stopping == 0
        assert scene.done
        assert await running == 6

    asyncio.run(stop())


def test_it_does_not_wait_for_ever(engine):
    async def stop():
        running = asyncio.create_task(watch(engine, scene_of(Slow())))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        left = await engine.drain(0.1)
        waited = time.monotonic() - began
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return left, waited

    left, waited = asyncio.run(stop())
    assert left == 1
    assert waited < 3


def test_a_scene_that_is_cancelled_frees_its_place(engine):
    async def cancel():
        scenes = scenes_of(Slow(0.01), 5, 1000)
        tasks = [asyncio.create_task(watch(engine, scene)) for scene in scenes]
        while not all(scene.words for scene in scenes):
            await asyncio.sleep(0.01)
        assert len(engine.going) == gauge(engine) == 5
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks[1:], return_exceptions=True)
        assert list(engine.going) == scenes[:1]
        assert gauge(engine) == 1
        written = [scene.words for scene in scenes]
        await asyncio.sleep(0.4)
        # A turn that the thread had begun may end.
        assert all(s.words - n <= 3 for s, n in zip(scenes[1:], written[1:], strict=True))
        assert scenes[0].words - written[0] > 3
        tasks[0].cancel()
        await asyncio.gather(tasks[0], return_exceptions=True)

    asyncio.run(cancel())


def test_a_scene_that_nobody_follows_any_more_frees_its_place(engine):
    async def leave():
        following = engine.write(scene_of(Slow()))
        await anext(following)
        assert len(engine.going) == gauge(engine) == 1
        await following.aclose()
        assert engine.going == {}
        assert gauge(engine) == 0

    asyncio.run(leave())


def test_a_step_that_fails_is_told_to_its_scenes_and_harms_no_other_model(engine):
    broken = Broken(0.01)
    failing, fine = scenes_of(broken, 2, 100), scenes_of(Slow(0.01), 3, 9)
    one, two, *told = asyncio.run(watch_all(engine, [*failing, *fine]))
    assert one is two is failing[0].failure is failing[1].failure
    assert isinstance(one, RuntimeError)
    assert str(one) == "broken"
    assert all(isinstance(count, int) for count in told)
    assert all(scene.words == 9 and scene.failure is None for scene in fine)
    # Nor does it harm who comes later.
    later = scene_of(broken, 9)
    asyncio.run(watch(engine, later))
    assert later.words == 9


def test_a_step_that_fails_ends_no_scene_in_another_step():
    scenes = scenes_of(Broken(0), SIDE_BY_SIDE + 2, 9, started=True)
    go_on(scenes, 3)
    assert [scene.words for scene in scenes] == [3] * SIDE_BY_SIDE + [0, 0]
    assert [scene.failure is None for scene in scenes] == [True] * SIDE_BY_SIDE + [False] * 2


def test_a_prompt_that_cannot_be_read_harms_no_other(engine):
    scenes = [scene_of(Unread(), 9), scene_of(Slow(0.01), 9)]
    unread, fine = asyncio.run(watch_all(engine, scenes))
    assert isinstance(unread, RuntimeError)
    assert isinstance(fine, int)
    assert scenes[1].words == 9


@pytest.mark.parametrize("workers", [1, 3])
def test_what_is_written_together_is_what_each_writes_alone(spelling, small, workers):
    """Of two models, and by both runtimes."""
    writers = [model.writer for models in (spelling, small) for model in models.values()]
    casts = [(), ["Ann"], (), ["Bob"], (), ["Ann", "Bob"]]
    scenes = [
        Scene("Ann: zork", seed=seed, max_new_tokens=15, temperature=1.2, cast=casts[seed % 6])
        for seed in range(12)
    ]
    pairs = [(writers[seed % 4], scene) for seed, scene in enumerate(scenes)]
    alone = [Writing(*pair) for pair in pairs]
    for writing in alone:
        writing.start()
        writing.go_on()
    engine = Engine(workers, 60, Metrics())
    together = [Writing(*pair) for pair in pairs]
    asyncio.run(watch_all(engine, together))
    engine.readers.shutdown()
    engine.writer.shutdown()
    assert [writing.text for writing in together] == [writing.text for writing in alone]
    told = engine.metrics.text(lambda: 0).decode()
    assert f"cold_open_words_total {sum(w.words for w in together)}.0" in told


def test_a_slow_reader_sees_the_end(engine, bundle):
    writer = load_writer(open_bundle(bundle, "torchscript", "int8"))
    scene = Scene(prompt="Ann: hello", seed=3, max_new_tokens=120)
    alone = Writing(writer, scene)
    alone.start()
    alone.go_on()

    async def read():
        last = ""
        async for writing in engine.write(Writing(writer, scene)):
            last = writing.text
            await asyncio.sleep(0.3)  # more is written meanwhile, to the end
        return last

    assert asyncio.run(read()) == alone.text
