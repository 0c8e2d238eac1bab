"""What all commands share: argument parser, user errors, exit codes, the SIGTERM handler.

A user's mistake is one line on stderr and exit code 2. The module needs no third-party package but
ConfigArgParse, so that `serve` can import it.
"""

import argparse
import difflib
import errno
import os
import pathlib
import signal
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

import configargparse

ENVIRONMENT = "COLD_OPEN_"  # --max-minutes can also be set as COLD_OPEN_MAX_MINUTES


# Variables that no flag has: `job.engine.launch` sets them.
INTERNAL = {"COLD_OPEN_EXIT_CODE_FILE", "COLD_OPEN_LAUNCHER"}
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SIMILAR = 0.8  # ratio of `difflib` above which a name is a misspelled one


class UserError(ValueError):
    """A mistake that the user can correct; the message says what is wrong and what to do."""

    exit_code = 2


class DiskFull(UserError):
    """A file could not be written, usually because the disk is full. Exit code 4."""

    exit_code = 4

    def __init__(self, path: pathlib.Path, error: OSError):
        self.path, self.error = path, error
        super().__init__(
            f"{path} could not be written ({error.strerror}): what was there is intact; free some "
            "disk space and run the same command again"
        )

    def __reduce__(self):
        return type(self), (
            self.path,
            self.error,
        )  # for pickle: worker processes raise it too


def folder_error(folder: pathlib.Path, error: OSError) -> UserError:
    """The error that says why files could not be written to a folder."""
    if error.errno in DISK_FULL:
        return DiskFull(folder, error)
    return UserError(f"{folder} cannot be written to: {error.strerror}")


class Parser(configargparse.ArgumentParser):
    """An argument parser with one-line errors, without abbreviated flags.

    Every flag can also be set by an environment variable (`ENVIRONMENT` + its name), as in a
    container. The command line takes precedence.
    """

    def __init__(self, **options):
        options.setdefault("formatter_class", argparse.ArgumentDefaultsHelpFormatter)
        options.setdefault("add_env_var_help", True)
        super().__init__(allow_abbrev=False, auto_env_var_prefix=ENVIRONMENT, **options)

    def parse_args(self, args=None, namespace=None):
        """As argparse; also checks the names of the environment variables."""
        found = super().parse_args(args, namespace)
        self._check_environment()
        return found

    def _check_environment(self) -> None:
        """Refuses a variable whose name is almost that of a flag, and warns of other unknown ones.

        Other programs of this project have flags, and thus variables, that this one does not know.
        """
        known = variables(self)
        for name in sorted(os.environ):
            if not name.startswith(ENVIRONMENT) or name in known | INTERNAL:
                continue
            if similar := similar_variable(name, known):
                self.error(f"there is no setting {name}: did you mean {similar}?")
            self._print_message(f"{self.prog} has no setting {name}: ignored\n", sys.stderr)

    def error(self, message: str) -> NoReturn:
        """Prints the error as one line and exits with code 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def variables(parser: argparse.ArgumentParser) -> set[str]:
    """The environment variables of a parser's flags, those of its subcommands included."""
    found = set()
    for action in parser._actions:
        flags = [flag for flag in action.option_strings if flag.startswith("--")]
        found |= {ENVIRONMENT + flag[2:].replace("-", "_").upper() for flag in flags[:1]}
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*map(variables, action.choices.values()))
    return found


def similar_variable(name: str, known: Iterable[str]) -> str:
    """The known variable that a misspelled one stands for; "" if none is similar."""
    own = name.removeprefix(ENVIRONMENT).removeprefix("NO_")  # --no-spell has none of its own
    ratios = {
        each: difflib.SequenceMatcher(None, own, each.removeprefix(ENVIRONMENT)).ratio()
        for each in sorted(known)
    }
    best = max(ratios, key=ratios.__getitem__, default="")
    return best if best and ratios[best] > SIMILAR else ""


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
        signal.signal(signal.SIGTERM, lambda _number, _frame: _exit_once(sigterm_code))
    try:
        code = main() or 0
        if code > 128:  # stopped by a signal: without PyTorch's teardown, which takes a second
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        sys.exit(code)
    except UserError as mistake:
        line = " ".join(str(mistake).split())
        sys.exit(_report(line, mistake.exit_code))
    except KeyboardInterrupt:
        sys.exit(_report("stopped", 130))


def ignore_sigterm() -> None:
    """Ignores SIGTERM from here on, so that a second one does not change the exit code."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _exit_once(code: int) -> NoReturn:
    ignore_sigterm()
    sys.exit(code)


def _report(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code
