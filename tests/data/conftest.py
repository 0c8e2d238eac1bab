"""Fixtures of the tests of prepared corpora."""

import pathlib
import random

import pytest

from tests.data.corpora import write_shows


@pytest.fixture
def shows(tmp_path) -> pathlib.Path:
    source = random.Random(3)
    words = ["hello", "Ann", "café", "no", "why?", "(waves)", "sea"] + [f"w{n}" for n in range(99)]
    lines = [f"{source.choice(words)}: {' '.join(source.choices(words, k=6))}" for _ in range(360)]
    texts = ["\n\n".join(lines[start : start + 90]) + "\n\n" for start in range(0, 360, 90)]
    return write_shows(tmp_path / "shows", texts)
