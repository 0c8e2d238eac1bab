"""Divergence: at once if the loss is not a number, else only if it stays high after the warm-up."""

import math

import pytest

from data.command_line import UserError
from job import state
from job.checkpoint import load_checkpoint, read_file
from job.engine.divergence import WINDOW, Diverged, DivergenceCheck
from job.engine.optimizer import MIN_WARMUP, learning_rate, warmup_steps
from job.options import parse
from job.train import Run
from tests.conftest import TINY

HIGH, LOW = 20.0, 5.0  # of a vocabulary of 1,000 words: log(1,000) + 3 is 9.9


def config_of(show, folder, *more):
    return parse(["--data", str(show), "--out", str(folder), *TINY, *more])[0]


def steps_until_diverged(losses, warmup=10, evaluations=()):
    """The number of steps after which the losses count as diverged; 0 if they never do."""
    check, loss_sum = DivergenceCheck(1000, warmup, "here"), 0.0
    for step, loss in enumerate(losses, 1):
        loss_sum += loss
        try:
            check.check(step, loss_sum)
        except Diverged:
            return step
        if step in evaluations:
            check.restart(loss_sum)
            loss_sum = 0.0
    return 0


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_loss_that_is_no_number_is_divergence_at_once(loss):
    assert steps_until_diverged([LOW, loss, LOW]) == 2


def test_high_loss_is_ridden_out_during_the_warmup_and_for_a_while_after_it():
    assert steps_until_diverged([HIGH] * 300 + [LOW] * 100, warmup=300) == 0
    assert steps_until_diverged([LOW] * 20 + [HIGH] * WINDOW + [LOW] * 300) == 0


def test_high_loss_that_stays_is_divergence():
    assert 2 * WINDOW <= steps_until_diverged([HIGH] * 1000) <= 3 * WINDOW
    assert 200 < steps_until_diverged([LOW] * 200 + [HIGH] * 1000) <= 200 + 3 * WINDOW


def test_losses_are_averaged_across_evaluations():
    steady = steps_until_diverged([HIGH] * 1000)
    assert steps_until_diverged([HIGH] * 1000, evaluations=range(7, 1000, 7)) == steady
    assert steps_until_diverged([LOW] * 1000, evaluations=range(7, 1000, 7)) == 0


def test_warmup_has_a_least_number_of_steps():
    config = parse(["--base", "none", "--warmup", "0.03", "--learning-rate", "0.001"])[0]
    assert warmup_steps(10_000, config) == pytest.approx(300)
    assert warmup_steps(100, config) == MIN_WARMUP
    assert warmup_steps(8, config) == 4
    rates = [learning_rate(step, 100, config) for step in range(100)]
    assert rates[: MIN_WARMUP + 1] == sorted(set(rates[: MIN_WARMUP + 1]))
    assert max(rates) == rates[MIN_WARMUP] == pytest.approx(0.001)
    assert warmup_steps(100, parse(["--base", "none", "--warmup", "0"])[0]) == 0


def test_divergence_stops_the_run_and_keeps_the_best_checkpoint(show, tmp_path, monkeypatch):
    run = Run(config_of(show, tmp_path, "--save-seconds", "0"))

    def damage_weights(step, total_steps, config):
        if step == run.total_steps // 3 + 3:  # in the third of six epochs
            run.network.fc.bias.data.fill_(math.nan)
        return learning_rate(step, total_steps, config)

    monkeypatch.setattr("job.train.learning_rate", damage_weights)
    with pytest.raises(Diverged, match=r"loss is nan at step .* lower --learning-rate") as caught:
        run.train()
    assert caught.value.exit_code == 3
    best = load_checkpoint(tmp_path / "checkpoint.pt")
    for model in (best.model, read_file(tmp_path / state.NAME, state.FORMAT)["model"]):
        assert all(tensor.isfinite().all() for tensor in model.values())
    assert best.scores["epoch"] == 2
    assert not best.finished


def test_finite_but_huge_loss_is_divergence(show, tmp_path):
    with pytest.raises(Diverged):
        Run(config_of(show, tmp_path, "--learning-rate", "1000", "--grad-clip", "0")).train()


def test_network_larger_than_the_memory_is_one_line(show, tmp_path, monkeypatch):
    def fail(*_values):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 B")

    monkeypatch.setattr("job.train.build_network", fail)
    with pytest.raises(UserError, match="does not fit into memory: give a smaller --hidden-dim"):
        Run(config_of(show, tmp_path))
