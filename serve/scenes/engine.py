"""The scheduler: generates many scenes together in one thread, off the event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from data.command_line import UserError
from serve.limits import MAX_BATCH, THROTTLE_INTERVAL, THROTTLED_FROM, TIME_SLICE, WORDS_PER_SECOND
from serve.metrics import Metrics
from serve.scenes.cast import Writer
from serve.scenes.generation import Generation, generate_word


class Engine:
    """Runs the models in threads of its own.

    Few concurrent scenes are generated as fast as the CPU allows. From `THROTTLED_FROM` on each
    gets `WORDS_PER_SECOND`, which leaves the event loop time to answer.

    Args:
        threads: for prompts and short tasks; generation uses one more.
        scene_timeout: seconds after which a scene is ended.
        clock: returns the time in seconds; tests pass a simulated one.
        sleep: waits for some seconds of that time.
    """

    def __init__(
        self,
        threads: int,
        scene_timeout: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ):
        self.scene_timeout, self.metrics = scene_timeout, metrics
        self.clock, self.sleep = clock, sleep
        self.short_tasks = ThreadPoolExecutor(threads, thread_name_prefix="short-tasks")
        self.generating = ThreadPoolExecutor(1, thread_name_prefix="generating")
        self.active: dict[Generation, asyncio.Event] = {}  # set when there is more to show
        self.draining = False
        self.task: asyncio.Task | None = None

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a short computation in one of the threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.short_tasks, function, *arguments)

    async def generate(self, generation: Generation) -> AsyncIterator[Generation]:
        """Generates a scene; yields it each time it has more words.

        Raises:
            UserError: if the server is shutting down.
        """
        if self.draining:
            raise UserError("this server is shutting down: try again in a minute")
        updated = self.active[generation] = asyncio.Event()
        self.metrics.active.set(len(self.active))
        start = self.clock()
        try:
            await self.run(generation.start)
            first, shown = self.clock(), -1
            while generation.active:
                if self.task is None or self.task.done():
                    self.task = asyncio.create_task(self._generate_all())
                await updated.wait()
                updated.clear()
                if generation.failure:
                    raise generation.failure
                generation.seconds = self.clock() - first
                if not generation.done and self.clock() - start > self.scene_timeout:
                    generation.ended = "time_limit"
                shown = generation.words
                yield generation
            if generation.failure:
                raise generation.failure
            if generation.words != shown:  # it ended while the consumer was busy
                yield generation
        finally:
            del self.active[generation]
            self.metrics.active.set(len(self.active))

    async def _generate_all(self) -> None:
        """Generates all active scenes until none is left."""
        loop = asyncio.get_running_loop()
        while batch := [each for each in self.active if each.active]:
            start = self.clock()
            throttled = len(batch) >= THROTTLED_FROM
            words = round(WORDS_PER_SECOND * THROTTLE_INTERVAL) if throttled else None
            try:
                self.metrics.words.inc(
                    await loop.run_in_executor(
                        self.generating, generate_words, batch, words, self.clock
                    )
                )
            except Exception as failure:  # the waiting consumers would never be woken
                _fail(batch, failure)
            for each in batch:
                if each in self.active:
                    self.active[each].set()
            rest = start + THROTTLE_INTERVAL - self.clock() if throttled else 0.0
            await self.sleep(max(0.0, rest))

    async def drain(self, seconds: float) -> int:
        """Refuses new scenes, waits for the active ones, and returns how many remain.

        The first half of a graceful shutdown. `seconds` is the longest wait.
        """
        self.draining = True
        end = self.clock() + seconds
        while self.active and self.clock() < end:
            await self.sleep(0.05)
        return len(self.active)


def generate_words(
    generations: list[Generation],
    words: int | None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Adds words to each scene, in batches of at most `MAX_BATCH` scenes of one model.

    Args:
        words: how many; None for as many as fit into `TIME_SLICE`, at least one.

    Returns:
        the words generated in all.
    """
    before = sum(each.words for each in generations)
    end = clock() + TIME_SLICE
    steps = 0
    while steps < words if words is not None else steps == 0 or clock() < end:
        by_model: dict[Writer, list[Generation]] = {}
        for each in generations:
            if not each.done:
                by_model.setdefault(each.writer, []).append(each)
        if not by_model:
            break
        for group in by_model.values():
            for start in range(0, len(group), MAX_BATCH):
                _generate_word(group[start : start + MAX_BATCH])
        steps += 1
    return sum(each.words for each in generations) - before


def _generate_word(batch: list[Generation]) -> None:
    try:
        generate_word(batch)
    except Exception as failure:  # only this batch's scenes fail
        _fail(batch, failure)


def _fail(batch: list[Generation], failure: Exception) -> None:
    for each in batch:
        each.failure = failure
