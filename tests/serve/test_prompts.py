"""Prompts are read once for all scenes that begin with them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from serve.models.prompts import PromptStates


def test_threads_that_ask_for_a_prompt_at_the_same_time_share_one_reading():
    begun, go_on, read = threading.Event(), threading.Event(), []

    def slow(prompt):
        read.append(prompt)
        begun.set()
        assert go_on.wait(30)
        return [prompt]

    states = PromptStates(slow, 4)
    with ThreadPoolExecutor(3) as threads:
        futures = [threads.submit(states, "Ann: hello")]
        assert begun.wait(30)
        futures += [threads.submit(states, "Ann: hello") for _ in range(2)]
        go_on.set()
        results = [future.result(30) for future in futures]
    assert read == ["Ann: hello"]
    assert results[0] is results[1] is results[2]


def test_newest_prompts_are_kept():
    read = []
    states = PromptStates(lambda prompt: read.append(prompt) or prompt, 2)
    for prompt in "abacb":
        assert states(prompt) == prompt
    assert read == ["a", "b", "c", "b"]


def test_failure_is_raised_and_the_prompt_is_read_again():
    answers = iter([RuntimeError("out of memory"), "state"])

    def fail_once(_prompt):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    states = PromptStates(fail_once, 2)
    with pytest.raises(RuntimeError, match="out of memory"):
        states("a")
    assert states("a") == "state"
