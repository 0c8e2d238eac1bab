"""What every command of ours shares: a user's mistake is one line on stderr and exit code 2.

Light, so that the serving room may use it too.
"""

import argparse
import pathlib
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import configargparse

ENVIRONMENT = "COLD_OPEN_"  # --max-minutes may be given as COLD_OPEN_MAX_MINUTES too


class UserError(ValueError):
    """A mistake that the person at the keyboard can mend; its text says what and how."""

    exit_code = 2


class DiskFull(UserError):
    """A file could not be written, most likely because the disk is full."""

    exit_code = 4

    def __init__(self, path: pathlib.Path, error: OSError):
        self.path, self.error = path, error
        super().__init__(
            f"{path} could not be written ({error.strerror}): the file before it is unharmed; "
            "make room and start again to go on"
        )

    def __reduce__(self):
        return type(self), (self.path, self.error)  # worker processes raise it too


class Parser(configargparse.ArgumentParser):
    """An argument parser that refuses in one line and never guesses at a shortened flag.

    Every flag may come from the environment too, as a container's settings do; the command line
    wins.
    """

    def __init__(self, **options):
        options.setdefault("formatter_class", argparse.ArgumentDefaultsHelpFormatter)
        options.setdefault("add_env_var_help", True)
        super().__init__(allow_abbrev=False, auto_env_var_prefix=ENVIRONMENT, **options)

    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line and exits with 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def run(main: Callable[[], int | None]) -> NoReturn:
    """Calls `main`, exits with its code; a `UserError`'s own, 130 for Ctrl-C, 143 for SIGTERM."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        # A container's first process does not hear SIGTERM unless it says what it does on it.
        signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        sys.exit(main() or 0)
    except UserError as mistake:
        line = " ".join(str(mistake).split())
        sys.exit(_complain(line, mistake.exit_code))
    except KeyboardInterrupt:
        sys.exit(_complain("stopped", 130))


def _complain(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code
