"""Stop requests: signals and the time limit, while training and at the end of a run."""

import contextlib
import itertools
import os
import signal
import time

import pytest
import torch

from job.__main__ import main
from job.checkpoint import load_checkpoint
from job.engine.optimizer import learning_rate
from job.engine.stop import Stopped, StopRequests
from job.options import parse
from job.train import Run
from tests.conftest import TINY, write_show

QUICK = [*TINY, "--no-spell", "--cache-size", "0", "--epochs", "2"]


def run_of(show, folder, *more):
    return Run(parse(["--data", str(show), "--out", str(folder), *QUICK, *more])[0])


def at_step(monkeypatch, number, action):
    """Calls `action` once, during a step of the run."""
    actions = [action]

    def hook(step, total_steps, config):
        if step == number and actions:
            actions.pop()()
        return learning_rate(step, total_steps, config)

    monkeypatch.setattr("job.train.learning_rate", hook)


def send(number):
    os.kill(os.getpid(), number)


def work_until_stopped():
    """Work that only an exception ends."""
    for _ in itertools.count():
        time.sleep(0.01)


@pytest.fixture(scope="module")
def show(tmp_path_factory):
    """A script of about ten steps per epoch."""
    return write_show(tmp_path_factory.mktemp("show") / "the_cafe.txt", 100)


@pytest.fixture(scope="module")
def uninterrupted(show, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    run_of(show, folder).train()
    return load_checkpoint(folder / "checkpoint.pt")


def assert_same_result(folder, uninterrupted):
    resumed = load_checkpoint(folder / "checkpoint.pt")
    assert resumed.finished
    assert resumed.step == uninterrupted.step
    for name, weight in uninterrupted.model.items():
        assert torch.equal(resumed.model[name], weight)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "work",
    ["job.finalize.fit_speller", "job.finalize.fit_cache", "job.train.held_out_loss"],
)
def test_signal_ends_the_evaluation_and_the_end_of_a_run_at_once(
    show, tmp_path, monkeypatch, uninterrupted, work, number
):
    def work_and_signal(*_values, **_named):
        send(number)
        work_until_stopped()

    config = ["--spell", "--cache-size", "10"] if "finalize" in work else []
    with monkeypatch.context() as patch:
        patch.setattr(work, work_and_signal)
        with pytest.raises(Stopped, match="stopped") as caught:
            run_of(show, tmp_path, *config).train()
    assert caught.value.exit_code == 128 + number
    again = run_of(show, tmp_path, *config)
    assert again.step == (again.total_steps if "finalize" in work else again.total_steps / 2)
    monkeypatch.setattr("job.finalize.fit_speller", lambda *_values: None)
    again.train()
    assert_same_result(tmp_path, uninterrupted)


def test_second_sigterm_changes_nothing(show, tmp_path, monkeypatch):
    run = run_of(show, tmp_path)
    at_step(monkeypatch, 3, lambda: [send(signal.SIGTERM) for _ in range(2)])
    with pytest.raises(Stopped) as caught:
        run.train()
    assert caught.value.exit_code == 143
    assert run_of(show, tmp_path).step == 4


def test_second_ctrl_c_ends_the_program_at_once(show, tmp_path, monkeypatch):
    run = run_of(show, tmp_path)
    at_step(monkeypatch, 3, lambda: [send(signal.SIGINT) for _ in range(2)])
    with pytest.raises(KeyboardInterrupt):
        run.train()
    assert run_of(show, tmp_path).step == 0


def test_signal_handlers_are_restored():
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    requests = StopRequests(0.0)
    with requests.handlers(twice=True):
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before
    assert requests.time_left() == float("inf")


def test_signal_before_interruptible_work_ends_it():
    requests = StopRequests(0.0)
    with requests.handlers(twice=True):
        send(signal.SIGTERM)
        with pytest.raises(Stopped), requests.interruptible(timed=True):
            work_until_stopped()


def test_time_limit_ends_interruptible_work_that_is_timed():
    requests = StopRequests(1e-6)
    with requests.handlers(twice=True), requests.interruptible(timed=False):
        time.sleep(0.01)
    limit = pytest.raises(Stopped, match="time limit of 1e-06 minutes")
    with requests.handlers(twice=True), limit as caught, requests.interruptible(timed=True):
        work_until_stopped()
    assert caught.value.exit_code == 75
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_time_limit_leaves_time_for_a_finished_checkpoint(
    show, tmp_path, monkeypatch, uninterrupted
):
    run = run_of(show, tmp_path, "--spell", "--max-minutes", "1000")

    def half_of_the_time_later():
        monkeypatch.setattr("job.train.CHARACTERS_PER_WORD", 1e-9)  # much to do at the end
        run.requests.deadline -= 60 * 501

    at_step(monkeypatch, 3, half_of_the_time_later)
    monkeypatch.setattr("job.finalize.fit_speller", lambda *_values: None)
    with pytest.raises(Stopped, match="time limit of 1000 minutes") as caught:
        run.train()
    assert caught.value.exit_code == 75
    best = load_checkpoint(tmp_path / "checkpoint.pt")
    assert best.finished
    assert best.step == 4
    monkeypatch.undo()
    monkeypatch.setattr("job.finalize.fit_speller", lambda *_values: None)
    run_of(show, tmp_path, "--spell").train()
    assert_same_result(tmp_path, uninterrupted)


def test_time_limit_counts_imports_and_reading(show, tmp_path):
    flags = ["--data", str(show), "--out", str(tmp_path), *QUICK, "--max-minutes", "1000"]
    config = parse(flags)[0]
    run = Run(config, started=time.monotonic() - 60 * 999)
    assert 0 < run.requests.time_left() <= 60
    late = Run(config, started=time.monotonic() - 60 * 1001)
    with pytest.raises(Stopped, match="time limit of 1000 minutes"):
        late.train()
    assert run_of(show, tmp_path).step == 1


def test_command_gives_the_start_of_its_process_to_the_time_limit(show, tmp_path, monkeypatch):
    flags = ["--data", str(show), "--out", str(tmp_path), *QUICK, "--max-minutes", "1000"]
    monkeypatch.setattr("sys.argv", ["job", *flags])
    assert main(time.monotonic() - 60 * 1001) == 75
    assert run_of(show, tmp_path).step == 1


def test_time_limit_ends_the_last_evaluation(show, tmp_path, monkeypatch, uninterrupted):
    run = run_of(show, tmp_path, "--max-minutes", "1000")

    def time_is_up():
        run.requests.deadline = time.monotonic()

    at_step(monkeypatch, 3, time_is_up)
    monkeypatch.setattr("job.train.held_out_loss", lambda *_values: work_until_stopped())
    with pytest.raises(Stopped) as caught:
        run.train()
    assert caught.value.exit_code == 75
    monkeypatch.undo()
    assert run_of(show, tmp_path).step == 4
    run_of(show, tmp_path).train()
    assert_same_result(tmp_path, uninterrupted)


def test_run_with_a_time_limit_shorter_than_an_evaluation_reaches_its_end(show, tmp_path):
    flags = ["--max-minutes", "1e-6", "--sequence-length", "90", "--cache-size", "10"]
    for _ in range(20):
        run = run_of(show, tmp_path, *flags)
        with contextlib.suppress(Stopped):
            run.train()
            break
    assert run.step == run.total_steps == 4
    assert load_checkpoint(tmp_path / "checkpoint.pt").finished
