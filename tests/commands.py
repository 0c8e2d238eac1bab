"""Calls a command's `main` in this process: a new one would spend seconds on imports."""

import contextlib
import dataclasses
import io
import signal
import sys
from collections.abc import Callable
from unittest import mock

import pytest

from data.command_line import run


@dataclasses.dataclass
class Completed:
    """The exit code and the output of a command."""

    returncode: int
    stdout: str
    stderr: str


def call(main: Callable[[], int | None], *arguments: str) -> Completed:
    """The result of a command with these arguments, as `subprocess.run` gives it.

    Args:
        main: the function that the module's `__main__` passes to `run`.
    """
    handler = signal.getsignal(signal.SIGTERM)
    out, err = io.StringIO(), io.StringIO()
    try:
        with (
            mock.patch.object(sys, "argv", ["command", *map(str, arguments)]),
            mock.patch.dict("os.environ", {"COLUMNS": "200"}),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            run(main)
    finally:
        signal.signal(signal.SIGTERM, handler)
    return Completed(ended.value.code, out.getvalue(), err.getvalue())
