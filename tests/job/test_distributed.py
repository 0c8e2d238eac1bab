"""Training by several processes: equal losses, graceful stop, restart of a killed process."""

import datetime
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import torch

from data.command_line import UserError
from job import state
from job.checkpoint import load_checkpoint, read_file
from job.config import Config
from job.engine.distributed import Group, concat_hidden, init_distributed, slice_hidden
from job.options import parse
from job.run_folder import open_run_folder
from job.train import Run
from tests.bench import parallel
from tests.conftest import ROOT, TINY, write_show
from tests.serving import free_port

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
    """Waits until a state after `step` steps is saved, and returns it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (folder / state.NAME).exists():
            saved = read_file(folder / state.NAME, state.FORMAT)
            if saved["step"] >= step:
                return saved
        time.sleep(0.1)
    raise AssertionError(f"step {step} was never saved")


def workers_of(launcher):
    """The process ids of a launcher's children."""
    children = pathlib.Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text()
    return [int(number) for number in children.split()]


def test_two_processes_have_the_losses_and_weights_of_one(tmp_path, monkeypatch):
    """This process is rank 0, which saves the time of torchrun and of one start."""
    show = write_show(tmp_path / "show.txt", 80)
    settings = ["--data", str(show), *TINY, *parallel.WITHOUT_DROPOUT, *parallel.ONLY_TRAINING]
    settings += ["--epochs", "2"]

    def train(name):
        run = Run(parse(["--out", str(tmp_path / name), *settings])[0])
        run.train()
        run.group.shutdown()
        return run

    one = train("one")
    variables = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    monkeypatch.setattr("job.engine.distributed.COLLECTIVE_TIMEOUT", datetime.timedelta(minutes=1))
    for name, value in {**variables, "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "job", "--out", str(tmp_path / "two"), *settings]
    other = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "RANK": "1"})
    try:
        two = train("two")
        assert other.wait(60) == 0
    finally:
        other.kill()
    assert two.group.is_distributed
    assert parallel.difference(one.history, two.history) < 1e-5
    weights, other_weights = one.network.state_dict(), two.network.state_dict()
    torch.testing.assert_close(weights, other_weights, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_distributed_losses_equal_those_of_one_process(show):
    without_dropout = [*TINY, *parallel.WITHOUT_DROPOUT, *parallel.ONLY_TRAINING]
    settings = ["--data", str(show), *without_dropout]
    one = parallel.measure(1, settings)
    assert one[-1]["train_loss"] < one[0]["train_loss"]
    for processes in (2, 4):
        assert parallel.difference(one, parallel.measure(processes, settings)) < 1e-5


@pytest.mark.slow
def test_distributed_run_stops_gracefully_and_resumes_in_one_process(show, tmp_path):
    process = launch(2, show, tmp_path, *LONG, restarts=1)
    wait_for_step(tmp_path, 10)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert errors.count("run the same command to resume") == 1
    saved = read_file(tmp_path / state.NAME, state.FORMAT)
    assert len(saved["random"]) == 2
    assert not torch.equal(*(own["cpu"] for own in saved["random"]))  # own dropout masks
    # The hidden states of all streams, in order: the first half is rank 0's.
    alone = Run(parse(["--data", str(show), "--out", str(tmp_path), *TINY, *LONG])[0])
    assert alone.step == saved["step"] > 0
    assert [h.shape[1] for h in alone.hidden] == [4, 4]
    torch.testing.assert_close(alone.hidden, tuple(saved["hidden"]))


@pytest.mark.slow
def test_distributed_run_restarts_after_a_killed_process(show, tmp_path):
    process = launch(2, show, tmp_path, "--epochs", "20", "--save-seconds", "0.2", restarts=2)
    wait_for_step(tmp_path, 5)
    os.kill(workers_of(process)[-1], signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "resumes at step" in errors
    best = load_checkpoint(tmp_path / "checkpoint.pt")
    assert best.scores["valid_loss"] < 0.35 * best.scores["unigram_loss"]
    assert best.finished
    assert not list(tmp_path.glob(".*"))


def is_running(process):
    """Whether a process exists and is no zombie."""
    try:
        status = pathlib.Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_distributed_run_ends_with_its_killed_launcher(show, tmp_path):
    process = launch(2, show, tmp_path, *LONG, "--save-seconds", "1000")
    wait_for_step(tmp_path, 0)
    workers = workers_of(process)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(workers) == 2
    assert not any(map(is_running, workers))
    assert read_file(tmp_path / state.NAME, state.FORMAT)["step"] > 0
    with open_run_folder(Config(out=str(tmp_path))):
        pass  # no orphan holds the lock


@pytest.mark.slow
def test_distributed_run_is_not_restarted_after_a_user_error(show, tmp_path):
    process = launch(2, show, tmp_path, "--batch-size", "5", restarts=1)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert 0 < errors.count("--batch-size 5 is not divisible by the number of processes, 2") <= 2
    assert "give 4 or 6" in errors
    assert not list(tmp_path.iterdir())


def test_group_rows_of_processes_do_not_overlap(monkeypatch):
    monkeypatch.setattr("torch.distributed.new_group", lambda **_: None)
    rows = [list(range(12))[Group(rank, 3).local_rows(12)] for rank in range(3)]
    assert rows == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(UserError, match=r"give 3$"):
        Group(0, 3).local_rows(2)


def test_hidden_state_is_sliced_and_concatenated_by_rows():
    for hidden in (torch.randn(2, 6, 3), (torch.randn(2, 6, 3), torch.randn(2, 6, 3))):
        parts = [slice_hidden(hidden, slice(start, start + 2)) for start in (0, 2, 4)]
        torch.testing.assert_close(concat_hidden(parts), hidden)


def test_group_of_one_process_needs_no_communication():
    group = init_distributed("cpu")
    network, loss = torch.nn.Linear(2, 2), torch.ones(())
    assert group.is_rank0
    assert not group.is_distributed
    assert group.unpack_gradients(network, group.pack_gradients(network, loss)) is loss
    assert group.all_reduce_max([3, 0]) == [3, 0]
    assert group.gather_to_rank0("a") == ["a"]
