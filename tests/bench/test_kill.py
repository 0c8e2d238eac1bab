"""Commands survive a few kills at random moments; `python -m tests.bench.kill` makes more."""

import random

import pytest

from tests.bench.kill import CASES, soak


@pytest.mark.parametrize(("name", "kills"), [("job", 2), ("export", 1)])
def test_killed_at_random_moments(name, kills, tmp_path):
    assert soak(CASES[name](tmp_path), kills, random.Random(7)) >= 1
