"""Atomic writes: a file appears complete or not at all."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

from data.command_line import DiskFull


@contextlib.contextmanager
def atomic_write(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a temporary file beside `path` for writing and renames it to `path` at the end.

    The content is flushed to the disk before the rename. An interrupted write leaves the previous
    file unchanged.

    Raises:
        DiskFull: if the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise DiskFull(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text file as UTF-8; see `atomic_write`."""
    with atomic_write(path) as file:
        file.write(text.encode())
