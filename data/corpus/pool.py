"""Work in several processes, which end when the one that started them ends."""

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


def run_all(
    function: Callable[..., Any], tasks: Sequence[tuple], processes: int, label: str
) -> list[Any]:
    """Calls `function` with each task's arguments and returns the results in order.

    Raises:
        UserError: if a process was killed. What a call raises is raised here; calls that have not
            begun are left out.
    """
    from tqdm import tqdm  # not before: whoever only trains does without

    progress = {"total": len(tasks), "desc": label, "disable": None if tasks else True}
    if processes == 1 or len(tasks) < 2:
        return [function(*task) for task in tqdm(tasks, **progress)]
    pool = concurrent.futures.ProcessPoolExecutor(
        min(processes, len(tasks)), multiprocessing.get_context("spawn"), initializer=_begin
    )
    try:
        waiting = [pool.submit(function, *task) for task in tasks]
        return [future.result() for future in tqdm(waiting, **progress)]
    except BrokenProcessPool:
        raise UserError(
            "a process was killed, perhaps for lack of memory: give fewer --processes; the same "
            "command goes on from here"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In a new process: Ctrl-C is its parent's business, and so is its life."""
    gc.disable()  # lists of words hold no cycles, and are long to look through
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end_with_parent() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
