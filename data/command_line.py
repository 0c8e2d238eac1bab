"""What all commands share: argument parser, user errors, exit codes, the SIGTERM handler.

A user's mistake is one line on stderr and exit code 2. The module needs no third-party package but
ConfigArgParse, so that `serve` can import it.
"""

import argparse
import pathlib
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import configargparse

ENVIRONMENT = "COLD_OPEN_"  # --max-minutes can also be set as COLD_OPEN_MAX_MINUTES


class UserError(ValueError):
    """A mistake that the user can correct; the message says what is wrong and what to do."""

    exit_code = 2


class DiskFull(UserError):
    """A file could not be written, usually because the disk is full. Exit code 4."""

    exit_code = 4

    def __init__(self, path: pathlib.Path, error: OSError):
        self.path, self.error = path, error
        super().__init__(
            f"{path} could not be written ({error.strerror}): the previous file is intact; free "
            "some disk space and run the same command again to resume"
        )

    def __reduce__(self):
        return type(self), (
            self.path,
            self.error,
        )  # for pickle: worker processes raise it too


class Parser(configargparse.ArgumentParser):
    """An argument parser with one-line errors, without abbreviated flags.

    Every flag can also be set by an environment variable (`ENVIRONMENT` + its name), as in a
    container. The command line takes precedence.
    """

    def __init__(self, **options):
        options.setdefault("formatter_class", argparse.ArgumentDefaultsHelpFormatter)
        options.setdefault("add_env_var_help", True)
        super().__init__(allow_abbrev=False, auto_env_var_prefix=ENVIRONMENT, **options)

    def error(self, message: str) -> NoReturn:
        """Prints the error as one line and exits with code 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def run(main: Callable[[], int | None], sigterm_code: int = 128 + signal.SIGTERM) -> NoReturn:
    """Calls `main` and exits with the code that it returns, 0 for None.

    Other exit codes: a `UserError`'s own, after one line on stderr; 130 for Ctrl-C.

    Args:
        main: the command.
        sigterm_code: the exit code on SIGTERM, wherever `main` installs no handler of its own.
    """
    # Not if the parent process ignores SIGTERM on purpose. Needed in a container: a process with
    # id 1 ignores SIGTERM unless it installs a handler.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(sigterm_code))
    try:
        sys.exit(main() or 0)
    except UserError as mistake:
        line = " ".join(str(mistake).split())
        sys.exit(_report(line, mistake.exit_code))
    except KeyboardInterrupt:
        sys.exit(_report("stopped", 130))


def _report(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code
