"""Many scenes at once on few cores: all go on word by word together, and the server stays awake."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from data.command_line import UserError
from serve.metrics import Metrics
from serve.scenes.cast import Writer
from serve.scenes.writing import Writing, step

SIDE_BY_SIDE = 32  # scenes in one step of the network; more of them take turns
TURN = 0.04  # seconds until one who writes alone sees more
ROUND = 0.12  # and of many; each gets PACE in it
PACE = 25  # words a second of each of many: several times as fast as people read
CROWD = 4  # scenes from which on there are many


class Engine:
    """Runs the network in threads of its own.

    Args:
        workers: threads for prompts and questions; one more writes.
        max_seconds: the longest that one scene is written on.
        metrics: where to count.
    """

    def __init__(self, workers: int, max_seconds: float, metrics: Metrics):
        self.max_seconds, self.metrics = max_seconds, metrics
        self.readers = ThreadPoolExecutor(workers, thread_name_prefix="reader")
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self.going: dict[Writing, asyncio.Event] = {}  # scenes under way, and who waits for each
        self.draining = False
        self.task: asyncio.Task | None = None

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a short computation in one of the threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.readers, function, *arguments)

    async def write(self, writing: Writing) -> AsyncIterator[Writing]:
        """Writes a scene; yields each time there is more of it to show.

        Raises:
            UserError: if the server is about to stop.
        """
        if self.draining:
            raise UserError("this server is about to restart: try again in a minute")
        news = self.going[writing] = asyncio.Event()
        self.metrics.writing.set(len(self.going))
        began = time.monotonic()
        try:
            await self.run(writing.start)
            began_writing, shown = time.monotonic(), -1
            while writing.wants_more:
                if self.task is None or self.task.done():
                    self.task = asyncio.create_task(self._go_on())
                await news.wait()
                news.clear()
                if writing.failure:
                    raise writing.failure
                writing.seconds = time.monotonic() - began_writing
                writing.out_of_time = time.monotonic() - began > self.max_seconds
                shown = writing.words
                yield writing
            if writing.failure:
                raise writing.failure
            if writing.words != shown:  # it came to its end while it was being shown
                yield writing
        finally:
            del self.going[writing]
            self.metrics.writing.set(len(self.going))

    async def _go_on(self) -> None:
        """Goes on with all scenes under way, for as long as there are any."""
        loop = asyncio.get_running_loop()
        while ready := [each for each in self.going if each.wants_more]:
            began = time.monotonic()
            words = 0 if len(ready) < CROWD else round(PACE * ROUND)
            try:
                self.metrics.words.inc(await loop.run_in_executor(self.writer, go_on, ready, words))
            except Exception as failure:  # or those who wait would wait for ever
                _fail(ready, failure)
            for writing in ready:
                if writing in self.going:
                    self.going[writing].set()
            await asyncio.sleep(max(0.0, began + ROUND - time.monotonic()) if words else 0)

    async def drain(self, seconds: float) -> int:
        """Refuses new scenes and waits for those under way; returns how many are left."""
        self.draining = True
        end = time.monotonic() + seconds
        while self.going and time.monotonic() < end:
            await asyncio.sleep(0.05)
        return len(self.going)


def go_on(writings: list[Writing], words: int) -> int:
    """So many words for each scene, or, with 0, as many as there is time for in a turn.

    Returns:
        words written.
    """
    before = sum(each.words for each in writings)
    end = time.monotonic() + TURN
    done = 0
    while not (done >= words if words else done and time.monotonic() >= end):
        by_model: dict[Writer, list[Writing]] = {}
        for each in writings:
            if not each.done:
                by_model.setdefault(each.writer, []).append(each)
        if not by_model:
            break
        for group in by_model.values():
            for start in range(0, len(group), SIDE_BY_SIDE):
                _step(group[start : start + SIDE_BY_SIDE])
        done += 1
    return sum(each.words for each in writings) - before


def _step(writings: list[Writing]) -> None:
    try:
        step(writings)
    except Exception as failure:  # told to those who wait for these scenes, not to all
        _fail(writings, failure)


def _fail(writings: list[Writing], failure: Exception) -> None:
    for each in writings:
        each.failure, each.done = failure, True
