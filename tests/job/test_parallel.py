"""Several processes as one: same losses, same endings, and a restart when one is killed."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import torch

from data.command_line import UserError
from job import checkpoint
from job.config import parse
from job.engine.distributed import Group, join, joined, own_part
from job.train import Run
from tests.bench import parallel
from tests.conftest import ROOT, TINY

LONG = ["--epochs", "100000", "--save-seconds", "0.2"]


def launch(processes, show, folder, *more, restarts=0):
    start = [sys.executable, "-m", "job.engine.launch", "--nproc-per-node", str(processes)]
    start += ["--max-restarts", str(restarts), "-m", "job", "--data", str(show)]
    return subprocess.Popen(
        [*start, "--out", str(folder), *TINY, *more],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_step(folder, step):
    """Until so many steps are saved."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (folder / "resume.pt").exists():
            state = checkpoint.load(folder / "resume.pt")
            if state["step"] >= step:
                return state
        time.sleep(0.1)
    raise AssertionError(f"step {step} was never saved")


def workers_of(launcher):
    """The process numbers of a launcher's children."""
    children = pathlib.Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text()
    return [int(number) for number in children.split()]


def test_losses_are_those_of_one_process(show):
    settings = ["--data", str(show), *TINY, *parallel.WITHOUT_DROPOUT]
    one = parallel.measure(1, 50, settings)
    assert one["losses"][-1] < one["losses"][0]
    for processes in (2, 4):
        many = parallel.measure(processes, 50, settings)
        assert parallel.difference(one, many) < 1e-5


def test_stopped_together_and_taken_up_alone(show, tmp_path):
    process = launch(2, show, tmp_path, *LONG, restarts=1)
    wait_for_step(tmp_path, 10)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert errors.count("the same command goes on from here") == 1
    state = checkpoint.load(tmp_path / "resume.pt")
    assert len(state["random"]) == 2
    assert not torch.equal(*(own["cpu"] for own in state["random"]))  # masks of their own
    # All streams, in order: the first half was the first process's.
    alone = Run(parse(["--data", str(show), "--out", str(tmp_path), *TINY, *LONG])[0])
    assert alone.step == state["step"] > 0
    assert [h.shape[1] for h in alone.hidden] == [4, 4]
    torch.testing.assert_close(alone.hidden, tuple(state["hidden"]))


def test_a_killed_worker_is_replaced_and_the_run_ends_well(show, tmp_path):
    process = launch(2, show, tmp_path, "--epochs", "20", "--save-seconds", "0.2", restarts=2)
    wait_for_step(tmp_path, 5)
    os.kill(workers_of(process)[-1], signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "goes on at step" in errors
    best = checkpoint.load(tmp_path / "checkpoint.pt")
    assert best["scores"]["valid_loss"] < 0.35 * best["scores"]["unigram_loss"]
    assert "cache" in best["scores"]
    assert not list(tmp_path.glob(".*"))


def test_an_ending_on_purpose_is_not_tried_again(show, tmp_path):
    process = launch(2, show, tmp_path, "--batch-size", "5", restarts=1)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert 0 < errors.count("--batch-size 5 cannot be split evenly between 2 processes") <= 2
    assert "give 4 or 6" in errors
    assert not list(tmp_path.iterdir())


def test_rows_are_split_without_overlap(monkeypatch):
    monkeypatch.setattr("torch.distributed.new_group", lambda **_: None)
    rows = [list(range(12))[Group(rank, 3).rows(12)] for rank in range(3)]
    assert rows == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(UserError, match=r"give 3$"):
        Group(0, 3).rows(2)


def test_the_hidden_state_is_that_of_all_rows_in_order():
    for hidden in (torch.randn(2, 6, 3), (torch.randn(2, 6, 3), torch.randn(2, 6, 3))):
        parts = [own_part(hidden, slice(start, start + 2)) for start in (0, 2, 4)]
        torch.testing.assert_close(joined(parts), hidden)


def test_alone_there_is_nothing_to_agree_on():
    group = join("cpu")
    network, loss = torch.nn.Linear(2, 2), torch.ones(())
    assert group.first
    assert not group.together
    assert group.unpack(network, group.pack(network, loss)) is loss
    assert group.most([3, 0]) == [3, 0]
    assert group.gather("a") == ["a"]
