"""A lock on a folder, held by one process at a time, that tells the others who holds it."""

import contextlib
import datetime
import fcntl
import os
import pathlib
import socket
import time
from collections.abc import Iterator
from typing import IO

from data.command_line import UserError


class Locked(UserError):
    """Another process holds the lock: the same command succeeds later. Exit code 75."""

    exit_code = 75


@contextlib.contextmanager
def exclusive_lock(path: pathlib.Path, wait: float = 0.0) -> Iterator[None]:
    """Holds a lock on a file, which contains one line about its holder and is removed at the end.

    The kernel releases the lock (`flock`) when its holder ends in any way, so a file that a killed
    process left behind locks nothing. Containers on one machine see each other's locks; so do
    machines that share a folder over NFS.

    Args:
        path: the lock file, in an existing folder.
        wait: seconds to wait for another holder.

    Raises:
        Locked: if another process holds the lock.
        OSError: if the file cannot be created, or its file system has no locks.
    """
    deadline = time.monotonic() + wait
    while (file := _try_lock(path)) is None:
        if time.monotonic() >= deadline:
            raise Locked(f"{path.parent} is in use by {_holder(path)}")
        time.sleep(0.1)
    with file:
        try:
            since = datetime.datetime.now(datetime.UTC).isoformat(" ", "seconds")
            file.write(f"process {os.getpid()} on host {socket.gethostname()} since {since}\n")
            file.flush()
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()


def _try_lock(path: pathlib.Path) -> IO[str] | None:
    """The file, open, empty and locked; None if another process holds the lock."""
    while True:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(path.open("a", encoding="utf-8"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            # Otherwise the holder before has removed the file since it was opened here.
            if os.fstat(file.fileno()).st_nlink:
                file.truncate(0)
                stack.pop_all()
                return file


def _holder(path: pathlib.Path) -> str:
    """The line that the holder wrote."""
    with contextlib.suppress(OSError):
        if line := path.read_text(encoding="utf-8", errors="replace").strip():
            return line
    return "another process"
