"""What surrounds every action: metrics, logs without texts, and errors as one sentence."""

import inspect
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from data.command_line import UserError
from serve.arguments import ArgumentError
from serve.metrics import Metrics

log = logging.getLogger("cold_open")
INTERNAL_ERROR = "Internal server error. The server has logged it; please try again."


class Instrumentation:
    """Measures and logs the calls of one server.

    Args:
        log_prompts: whether the log holds prompts and other texts of users.
    """

    def __init__(self, metrics: Metrics, log_prompts: bool):
        self.metrics, self.log_prompts = metrics, log_prompts

    async def stream(
        self, endpoint: str, action: Callable[[], AsyncIterator[Any]], prompt: str = ""
    ) -> AsyncIterator[Any]:
        """Yields what an action yields, and records how it ends.

        Args:
            action: called without arguments inside the measurement, so that errors in building the
                action's arguments are recorded too.

        Raises:
            gr.Error: in place of any other exception; a `UserError`'s text is passed on.
        """
        start = time.monotonic()
        outcome, first = "cancelled", 0.0  # a client that leaves closes the generator
        try:
            async for result in action():
                if not first:
                    first = time.monotonic() - start
                    self.metrics.first_word.observe(first)
                yield result
            outcome = "ok"
        except UserError as error:
            outcome = "user_error"
            raise gr.Error(as_sentence(error), print_exception=False) from None
        except Exception:
            outcome = "error"
            log.exception("request failed", extra={"endpoint": endpoint})
            raise gr.Error(INTERNAL_ERROR, print_exception=False) from None
        finally:
            self._record(endpoint, outcome, time.monotonic() - start, prompt, first)

    async def call(self, endpoint: str, action: Callable[[], Any], prompt: str = "") -> Any:
        """The result of an action that returns a value or an awaitable."""

        async def as_stream() -> AsyncIterator[Any]:
            result = action()
            yield await result if inspect.isawaitable(result) else result

        async for result in self.stream(endpoint, as_stream, prompt):
            last = result
        return last

    def _record(
        self, endpoint: str, outcome: str, seconds: float, prompt: str, first: float
    ) -> None:
        self.metrics.requests.labels(endpoint, outcome).inc()
        self.metrics.seconds.labels(endpoint).observe(seconds)
        fields = {"endpoint": endpoint, "outcome": outcome, "seconds": round(seconds, 3)}
        fields["first_word_seconds"] = round(first, 3)
        if self.log_prompts and prompt:
            fields["prompt"] = prompt
        log.info("request", extra=fields)


def as_sentence(error: Exception) -> str:
    """An error's text as a sentence; an argument's name keeps its letters."""
    text = str(error).strip()
    if not isinstance(error, ArgumentError):
        text = text[:1].upper() + text[1:]
    return text + ("" if text.endswith((".", "!", "?")) else ".")
