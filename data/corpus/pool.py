"""A pool of worker processes that end when their parent process ends."""

import concurrent.futures
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from data.command_line import UserError


class Workers:
    """Worker processes that are started once, at the first call that needs them.

    A context manager: at its end, the workers end and calls that have not started are cancelled.

    Args:
        processes: the number of worker processes; 1 to call in this process.
    """

    def __init__(self, processes: int):
        self.processes = processes
        self.pool: concurrent.futures.ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ends the workers, and with them the memory that they hold; a later call starts others."""
        if self.pool:
            self.pool.shutdown(cancel_futures=True)
            self.pool = None

    def run_all(
        self, function: Callable[..., Any], tasks: Sequence[tuple], label: str
    ) -> list[Any]:
        """Calls `function` with the arguments of each task; returns the results in order.

        Args:
            function: a function of a module, so that workers can import it.
            tasks: one tuple of arguments per call.
            label: the description of the progress bar.

        Raises:
            UserError: if a worker was killed. An exception in a call is raised here.
        """
        from tqdm import tqdm  # imported here because training on a corpus needs no progress bar

        progress = {"total": len(tasks), "desc": label, "disable": None if tasks else True}
        if self.processes == 1 or len(tasks) < 2:
            return [function(*task) for task in tqdm(tasks, **progress)]
        if not self.pool:
            self.pool = concurrent.futures.ProcessPoolExecutor(
                self.processes,
                multiprocessing.get_context("spawn"),
                initializer=_initialize_worker,
            )
        try:
            futures = [self.pool.submit(function, *task) for task in tasks]
            return [future.result() for future in tqdm(futures, **progress)]
        except BrokenProcessPool:
            raise UserError(
                "a worker process was killed, perhaps for lack of memory: use fewer --processes; "
                "the same command resumes from here"
            ) from None


def _initialize_worker() -> None:
    """In a new worker: leaves Ctrl-C to the parent, and ends the worker with the parent."""
    gc.disable()  # lists of words hold no reference cycles, and collections are slow on them
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end_with_parent() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
