"""Around every action: counted, timed, logged without its texts, mistakes told in a sentence."""

import inspect
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from data.command_line import UserError
from serve.metrics import Metrics

log = logging.getLogger("cold_open")


class Calls:
    """What one server does for each of its calls.

    Args:
        log_prompts: whether logs may hold what people typed.
    """

    def __init__(self, metrics: Metrics, log_prompts: bool):
        self.metrics, self.log_prompts = metrics, log_prompts

    async def stream(
        self, endpoint: str, action: Callable[[], AsyncIterator[Any]], prompt: str = ""
    ) -> AsyncIterator[Any]:
        """Passes on what an action yields. `action` is a function, so that its checks count too."""
        began = time.monotonic()
        ending, first = "stopped", 0.0  # unless it comes to its end, its client has left
        try:
            async for result in action():
                if not first:
                    first = time.monotonic() - began
                    self.metrics.first.observe(first)
                yield result
            ending = "ok"
        except UserError as mistake:
            ending = "mistake"
            raise gr.Error(sentence(mistake), print_exception=False) from None
        except Exception:
            ending = "error"
            log.exception("failed", extra={"endpoint": endpoint})
            raise gr.Error(APOLOGY, print_exception=False) from None
        finally:
            self._tell(endpoint, ending, time.monotonic() - began, prompt, first)

    async def single(self, endpoint: str, action: Callable[[], Any], prompt: str = "") -> Any:
        """The result of an action, awaited if it is to be."""

        async def once() -> AsyncIterator[Any]:
            result = action()
            yield await result if inspect.isawaitable(result) else result

        async for result in self.stream(endpoint, once, prompt):
            found = result
        return found

    def _tell(self, endpoint: str, ending: str, seconds: float, prompt: str, first: float) -> None:
        self.metrics.requests.labels(endpoint, ending).inc()
        self.metrics.seconds.labels(endpoint).observe(seconds)
        facts = {"endpoint": endpoint, "ending": ending, "seconds": round(seconds, 3)}
        facts["first_seconds"] = round(first, 3)
        if self.log_prompts and prompt:
            facts["prompt"] = prompt
        log.info("call", extra=facts)


APOLOGY = "Something went wrong on this server. It has been noted; try again."


def sentence(mistake: Exception) -> str:
    """A mistake's text as a sentence; people see it."""
    text = str(mistake).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
