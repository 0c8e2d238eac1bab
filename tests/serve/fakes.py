"""Writers without a model and a clock without time, for tests of the scheduler."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from data.vocab import UNKNOWN, Vocabulary
from serve.metrics import Metrics
from serve.scenes.engine import Engine
from serve.scenes.generation import Generation
from serve.scenes.scene import Scene


class SimulatedClock:
    """A clock that advances only when someone works or sleeps; call it for the time in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        """Advances the time as a computation would."""
        self.now += seconds

    async def sleep(self, seconds: float) -> None:
        """Advances the time, and lets other tasks run."""
        self.now += seconds
        await asyncio.sleep(0)


class InlineExecutor(Executor):
    """Runs each function at once in the calling thread, so that tests have one order of events."""

    def submit(self, function, /, *arguments, **options):
        future: Future = Future()
        try:
            future.set_result(function(*arguments, **options))
        except Exception as error:
            future.set_exception(error)
        return future


@contextlib.contextmanager
def simulated_engine(clock: SimulatedClock) -> Iterator[Engine]:
    """An engine in simulated time and one thread; no scene may be left at its end."""
    engine = Engine(1, 60, Metrics(), clock, clock.sleep)
    engine.short_tasks = engine.generating = InlineExecutor()
    yield engine
    assert engine.active == {}
    assert active_scenes(engine) == 0


class FakeWriter:
    """A model of one word whose every step takes the same simulated time for any batch size.

    Args:
        work: called with `seconds` in each step.
    """

    vocabulary = Vocabulary("The Pause", ["hm", UNKNOWN], {}, [], "\n\n", [("ann", 2)])

    def __init__(self, work: Callable[[float], None] = lambda _: None, seconds: float = 0.04):
        self.work, self.seconds = work, seconds
        self.batches: list[list[int]] = []  # the seeds of the scenes in each step

    def start(self, prompt: str, seed: int) -> int:
        return 0

    def step(self, states: list[Any], scenes: list[Scene], allowed: list[list[int]]) -> list:
        assert len(states) == len(scenes) == len(allowed)
        self.batches.append([scene.seed for scene in scenes])
        self.work(self.seconds)
        return [(" hm", state + 1) for state in states]

    def with_rng_of(self, state: Any, after: Any) -> Any:
        raise AssertionError("no word is sampled twice")

    def top_next(self, prompt: str, n: int) -> list[tuple[str, float]]:
        return [("hm", 1.0)]

    def logprobs(self, text: str) -> list[tuple[str, float]]:
        return []


class FailingWriter(FakeWriter):
    """Fails once, at the first step of exactly two scenes."""

    failed = False

    def step(self, states, scenes, allowed):
        result = super().step(states, scenes, allowed)
        if len(states) == 2 and not self.failed:
            self.failed = True
            raise RuntimeError("the step failed")
        return result


class UnreadableWriter(FakeWriter):
    """Fails at every prompt."""

    def start(self, prompt, seed):
        raise RuntimeError("the prompt failed")


class WaitingWriter(FakeWriter):
    """Waits in every step until `event` is set by another thread."""

    def __init__(self, event: Any):
        super().__init__()
        self.event, self.woken = event, []

    def step(self, states, scenes, allowed):
        self.woken.append(self.event.wait(30))
        self.event.clear()
        return super().step(states, scenes, allowed)


def generations(writer: Any, count: int, words: int, started: bool = False) -> list[Generation]:
    """Scenes of `words` words with the seeds 0, 1, 2, ..."""
    made = [Generation(writer, Scene(seed=n, length=words)) for n in range(count)]
    for generation in made:
        generation.hard_limit = words  # the writer ends no line
    if started:
        for generation in made:
            generation.start()
    return made


async def follow(engine: Engine, generation: Generation, log: list | None = None) -> int:
    """Consumes a scene to its end; returns the number of updates, and appends each to `log`."""
    count = 0
    async for update in engine.generate(generation):
        assert update is generation
        count += 1
        if log is not None:
            log.append(generation)
    return count


async def follow_all(engine: Engine, scenes: list[Generation], log: list | None = None) -> list:
    """Consumes all scenes at once; returns their numbers of updates or exceptions."""
    return await asyncio.gather(
        *(follow(engine, scene, log) for scene in scenes), return_exceptions=True
    )


def active_scenes(engine: Engine) -> float:
    """The gauge of active scenes in the metrics."""
    text = engine.metrics.text().decode()
    return float(text.partition("\ncold_open_active_scenes ")[2].partition("\n")[0])
