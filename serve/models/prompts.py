"""States of prompts that were read lately: the takes of a scene begin with the same prompt."""

import collections
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class PromptStates:
    """Calls `read` once for each prompt, also if several threads ask for it at the same time.

    The newest `size` results are kept. They are shared: callers must not change them.

    Args:
        read: the state after a prompt.
        size: how many states are kept; one has a few megabytes.
    """

    def __init__(self, read: Callable[[str], Any], size: int):
        self.read, self.size = read, size
        self.lock = threading.Lock()
        self.states: collections.OrderedDict[str, Future] = collections.OrderedDict()

    def __call__(self, prompt: str) -> Any:
        """The state after a prompt; raises what `read` raises."""
        with self.lock:
            state = self.states.get(prompt)
            if known := state is not None:
                self.states.move_to_end(prompt)
            else:
                state = self.states[prompt] = Future()
                if len(self.states) > self.size:
                    self.states.popitem(last=False)
        if not known:
            try:
                state.set_result(self.read(prompt))
            except Exception as error:
                with self.lock:
                    self.states.pop(prompt, None)
                state.set_exception(error)
        return state.result()
