"""Crash safety: commands survive kill -9; `python -m tests.bench.kill` makes more kills."""

import random

import pytest
import torch

from tests.bench.kill import CASES, assert_equal, soak


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kills"), [("job", 2), ("prepare", 1), ("export", 1)])
def test_command_killed_at_random_moments_resumes_to_the_same_result(name, kills, tmp_path):
    assert soak(CASES[name](tmp_path), kills, random.Random(7)) >= 1


def test_comparison_of_checkpoints_ignores_times_and_finds_other_weights():
    one = {"model": {"w": torch.ones(2)}, "scores": {"seconds": 1.0, "loss": 2.0}}
    assert_equal(one, {"model": {"w": torch.ones(2)}, "scores": {"seconds": 9.0, "loss": 2.0}})
    with pytest.raises(AssertionError, match=r"model\.w differs"):
        assert_equal(one, {"model": {"w": torch.zeros(2)}, "scores": one["scores"]})
