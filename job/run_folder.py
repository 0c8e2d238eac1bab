"""The folder of a run: created, checked and locked before anything is read; earlier runs in it."""

import contextlib
import errno
import pathlib
from collections.abc import Iterator

from data.command_line import DISK_FULL, DiskFull, UserError
from data.lock import Locked, exclusive_lock
from job import checkpoint
from job.config import DEFAULT_BASE, NO_BASE, Config
from job.engine.monitor import say

STATE = "resume.pt"
# The files of a run; other files in its folder are never touched.
RUN_FILES = (STATE, checkpoint.NAME, "metrics.jsonl", "curves.png", "tensorboard")
LOCK = ".lock"


@contextlib.contextmanager
def open_run_folder(config: Config, wait: float = 0.0) -> Iterator[pathlib.Path]:
    """Creates and locks the folder of a run; removes it at the end if it is still empty.

    Args:
        config: the settings of the run.
        wait: seconds to wait for another run in the folder to end.

    Raises:
        UserError: if the folder cannot be used: a file, not writable, or that of the base.
        Locked: if another run uses the folder.
        DiskFull: if the disk is full.
    """
    folder = pathlib.Path(config.folder)
    for base in map(pathlib.Path, {DEFAULT_BASE, config.base} - {NO_BASE}):
        if folder.resolve() == (base.parent if base.is_file() else base).resolve():
            raise UserError(f"{folder} holds the base network: give another --out")
    created = [path for path in (folder, *folder.parents) if not _exists(path)]
    try:
        with contextlib.ExitStack() as lock:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock.enter_context(exclusive_lock(folder / LOCK, wait))
            except Locked as locked:
                advice = "wait until that run ends, stop it, or give another --out"
                raise Locked(f"{locked}: {advice}") from None
            except OSError as error:
                _refuse(folder, error)
            yield folder
    finally:
        for path in created:
            with contextlib.suppress(OSError):  # not empty, or never created
                path.rmdir()


def set_aside(folder: pathlib.Path) -> pathlib.Path | None:
    """Moves the files of an earlier run to a new folder in its folder: previous-1, previous-2 ...

    Returns:
        The new folder; None if there is no earlier run.

    Raises:
        DiskFull: if the files cannot be moved.
    """
    names = [name for name in RUN_FILES if (folder / name).exists()]
    if not names:
        return None
    numbers = [path.name.removeprefix("previous-") for path in folder.glob("previous-*")]
    number = 1 + max((int(each) for each in numbers if each.isdecimal()), default=0)
    target = folder / f"previous-{number}"
    try:
        target.mkdir()
        for name in names:
            (folder / name).rename(target / name)
    except OSError as error:
        raise DiskFull(target, error) from None
    return target


def _refuse(folder: pathlib.Path, error: OSError) -> None:
    """Raises the error that says why a folder cannot be used, unless only locks are missing."""
    if error.errno in DISK_FULL:
        raise DiskFull(folder / LOCK, error) from None
    if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
        say(f"{folder}: this file system has no locks: start no second run in this folder")
        return
    raise UserError(
        f"{folder} cannot be used as the folder of the run ({error.strerror}): give --out a "
        "folder that this user can write to; in a container, a volume that belongs to the user"
    ) from None


def _exists(path: pathlib.Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long
        return False
