"""Many scenes at once on few cores: each gets its turn, and the server stays awake."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from data.command_line import UserError
from serve.metrics import Metrics
from serve.writing import Writing

ROUND = 0.12  # seconds in which every scene gets a turn
LONGEST_TURN = 0.04  # seconds of one turn, however few write
SHORTEST_TURN = 0.002


class Engine:
    """Runs the network in threads of its own, so that the server stays awake.

    Args:
        workers: threads that compute; a network at batch 1 gains nothing from a second one.
        max_seconds: the longest that one scene is written on.
        metrics: where to count.
    """

    def __init__(self, workers: int, max_seconds: float, metrics: Metrics):
        self.workers, self.max_seconds, self.metrics = workers, max_seconds, metrics
        self.threads = ThreadPoolExecutor(workers, thread_name_prefix="writer")
        self.writing = 0
        self.draining = False

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a short computation in one of the threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, function, *arguments)

    async def write(self, writing: Writing) -> AsyncIterator[Writing]:
        """Writes a scene; yields each time there is more of it to show.

        Raises:
            UserError: if the server is about to stop.
        """
        if self.draining:
            raise UserError("this server is about to restart: try again in a minute")
        self.writing += 1
        self.metrics.writing.set(self.writing)
        began = time.monotonic()
        try:
            await self.run(writing.start)
            while not writing.done:
                turned = time.monotonic()
                before = writing.words
                turn = min(LONGEST_TURN, max(SHORTEST_TURN, ROUND * self.workers / self.writing))
                await self.run(writing.go_on, turn)
                self.metrics.words.inc(writing.words - before)
                writing.out_of_time = time.monotonic() - began > self.max_seconds
                yield writing
                if writing.out_of_time:
                    return
                # One who writes alone is not held up; of many, each gets its turn a round.
                crowd = min(1.0, self.writing / (4 * self.workers))
                await asyncio.sleep(max(0.0, ROUND * crowd - (time.monotonic() - turned)))
            if writing.words == 0:
                yield writing
        finally:
            self.writing -= 1
            self.metrics.writing.set(self.writing)

    async def drain(self, seconds: float) -> int:
        """Refuses new scenes and waits for those under way; returns how many are left."""
        self.draining = True
        end = time.monotonic() + seconds
        while self.writing and time.monotonic() < end:
            await asyncio.sleep(0.05)
        return self.writing


def default_workers() -> int:
    """Threads that leave a core to the web server."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (cores or 2) - 1)
