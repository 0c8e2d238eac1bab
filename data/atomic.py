"""Atomic writes: a file appears complete or not at all."""

import contextlib
import io
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

from data.command_line import DiskFull


class _RecordingFile(io.FileIO):
    """A file that remembers why a write failed.

    Libraries replace the error: of a full disk, `torch.save` only says "unexpected pos".
    """

    failure: OSError | None = None

    def write(self, data) -> int | None:
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            raise


@contextlib.contextmanager
def atomic_write(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Opens a temporary file beside `path` for writing and renames it to `path` at the end.

    The content is flushed to the disk before the rename. An interrupted write leaves the previous
    file unchanged.

    Raises:
        DiskFull: if the file cannot be written, whatever error the caller makes of it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    raw = None
    try:
        raw = _RecordingFile(temporary, "w")
        with contextlib.closing(raw), io.BufferedWriter(raw) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except Exception as error:
        reason = error if isinstance(error, OSError) else raw and raw.failure
        if reason is None:
            raise
        raise DiskFull(path, reason) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text file as UTF-8; see `atomic_write`."""
    with atomic_write(path) as file:
        file.write(text.encode())
