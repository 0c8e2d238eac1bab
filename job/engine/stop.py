"""Requests to end a run early: SIGTERM, Ctrl-C, and the time limit."""

import contextlib
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

RESUMABLE = 75  # exit code of a run that has reached its time limit


class Stopped(Exception):
    """The run ends early, by a signal or its time limit."""

    def __init__(self, reason: str, exit_code: int):
        super().__init__(reason)
        self.exit_code = exit_code


class Requests(NamedTuple):
    """What is requested of the run after the current step."""

    stop: int  # the signal's number, or 0
    time_is_up: int
    save: int


class StopRequests:
    """Signals and the time limit of this process.

    A signal is noted in `signal`, and the training loop reacts after the current step. Inside of
    `interruptible` it raises `Stopped` at once.

    Args:
        minutes: the time limit; 0 for none.
        started: `time.monotonic()` at which it begins; now, if None.
    """

    def __init__(self, minutes: float, started: float | None = None):
        self.minutes = minutes
        self.deadline = (time.monotonic() if started is None else started) + 60 * minutes
        self.signal = 0  # the number of the first signal
        self._interruptible = False

    def time_left(self) -> float:
        """Seconds until the time limit."""
        return self.deadline - time.monotonic() if self.minutes else float("inf")

    def stopped_by_signal(self) -> Stopped:
        """The exception that ends the run because of `signal`."""
        return Stopped("stopped", 128 + self.signal)

    def stopped_by_time(self) -> Stopped:
        """The exception that ends the run because of the time limit."""
        return Stopped(f"the time limit of {self.minutes:g} minutes is reached", RESUMABLE)

    @contextlib.contextmanager
    def handlers(self, twice: bool) -> Iterator[None]:
        """Handles SIGTERM, SIGINT and SIGALRM inside; restores the handlers before.

        Args:
            twice: whether a second Ctrl-C ends the program at once, without saving. Not with
                torchrun, which passes on the signal that the terminal has sent already. A second
                SIGTERM never does: its sender has SIGKILL for that.
        """

        def note(number: int, _frame: object) -> None:
            if self.signal and number == signal.SIGINT and twice:
                raise KeyboardInterrupt
            self.signal = self.signal or number
            if self._interruptible:
                self._interruptible = False  # once
                raise self.stopped_by_signal()

        def time_is_up(_number: int, _frame: object) -> None:
            if self._interruptible:
                self._interruptible = False
                raise self.stopped_by_time()

        handlers = {signal.SIGTERM: note, signal.SIGINT: note, signal.SIGALRM: time_is_up}
        before = {number: signal.signal(number, handlers[number]) for number in handlers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def interruptible(self, timed: bool) -> Iterator[None]:
        """Work inside is ended at once by a signal, and by the time limit if it is `timed`.

        Only for work that changes nothing that is saved. Needs `handlers` around it.

        Raises:
            Stopped: if the work is ended.
        """
        if self.signal:
            raise self.stopped_by_signal()
        seconds = min(self.time_left(), 1e6) if timed else 1e6
        self._interruptible = True
        try:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
            yield
        finally:
            self._interruptible = False
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self.signal:  # the exception was lost, in a destructor for example
            raise self.stopped_by_signal()
