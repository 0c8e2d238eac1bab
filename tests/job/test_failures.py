"""Unattended runs: full disk, early stopping, out of memory."""

import json
import resource
import shutil
import subprocess
import sys

import pytest
import torch

from data.command_line import UserError
from job.engine import monitor
from job.engine.stepper import Stepper, out_of_memory
from job.model import RNN
from job.options import parse
from job.train import Run
from tests.conftest import ROOT, TINY


def config_of(show, folder, *more):
    return parse(["--data", str(show), "--out", str(folder), *TINY, *more])[0]


def test_full_disk_is_one_line_and_keeps_earlier_files(show, trained, tmp_path):
    shutil.copy(trained / "checkpoint.pt", tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    flags = ["--data", str(show), "--out", str(tmp_path), *TINY, "--fresh"]
    done = subprocess.run(
        [sys.executable, "-m", "job", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)),
    )
    assert done.returncode == 4, done.stderr
    assert "could not be written (File too large)" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["previous-1"]
    assert (tmp_path / "previous-1" / "checkpoint.pt").read_bytes() == before


def test_early_stopping_ends_a_run_without_improvement(show, tmp_path, monkeypatch):
    losses = iter([3.0, 2.5] + [2.6] * 20)
    run = Run(config_of(show, tmp_path, "--patience", "2", "--cache-size", "0"))
    monkeypatch.setattr(
        "job.train.held_out_loss",
        lambda _network, ids, _primer: next(losses) if ids is run.dataset.valid.ids else 1.0,
    )
    best = run.train()
    assert (best["epoch"], run.history[-1]["epoch"]) == (2, 4)


class LimitedMemory(RNN):
    """Runs out of memory with more than `rows` rows."""

    rows = 2

    def sequence_loss(self, nn_input, targets, hidden):
        if len(nn_input) > self.rows:
            raise torch.OutOfMemoryError("out of memory")
        return super().sequence_loss(nn_input, targets, hidden)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gradient_accumulation_after_out_of_memory_gives_equal_updates(
    show, tmp_path, capsys, cell
):
    config = config_of(show, tmp_path, "--device", "cpu")
    after = []
    for kind in (RNN, LimitedMemory):
        torch.manual_seed(1)
        network = kind(30, 30, 8, 8, 2, 0.0, cell=cell, tie_weights=True)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
        stepper = Stepper(network, optimizer, config, autocast=False)
        ids = torch.randint(30, (7, 6), generator=torch.Generator().manual_seed(2))
        hidden = network.init_hidden(7)
        for _ in range(3):
            loss, hidden = stepper(ids[:, :-1], ids[:, 1:], hidden)
        after.append((loss, hidden, network.state_dict()))
    assert stepper.accumulation_steps == 4
    assert "gradient accumulation over 2 micro-batches of 4" in capsys.readouterr().err
    assert after[0][0] == pytest.approx(after[1][0], rel=1e-5)
    torch.testing.assert_close(after[0][1], after[1][1])
    torch.testing.assert_close(after[0][2], after[1][2])


def test_gradient_accumulation_is_restored_from_the_saved_state(show, tmp_path):
    run = Run(config_of(show, tmp_path))
    found = run.state_dict()
    run.load_state_dict({**found, "stepper": {"accumulation_steps": 2}})
    assert run.stepper.accumulation_steps == 2
    assert run.state_dict()["stepper"] == {"accumulation_steps": 2}


def test_out_of_memory_with_a_single_row_is_one_line(show, tmp_path):
    network = LimitedMemory(30, 30, 8, 8, 1, 0.0)
    network.rows = 0
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    stepper = Stepper(network, optimizer, config_of(show, tmp_path), autocast=False)
    ids = torch.zeros(2, 5, dtype=torch.int64)
    with pytest.raises(UserError, match=r"out of memory with a single row .* smaller --hidden-dim"):
        stepper(ids, ids, network.init_hidden(2))


def test_out_of_memory_is_recognized_by_its_message():
    assert out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried"))
    assert not out_of_memory(RuntimeError("shapes do not match"))


def test_tensorboard_events_or_one_line_without_tensorboard(show, tmp_path):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(UserError, match="needs TensorBoard"):
            monitor.open_events(tmp_path)
    else:
        Run(config_of(show, tmp_path, "--tensorboard", "--epochs", "1")).train()
        assert list((tmp_path / "tensorboard").iterdir())


def test_metrics_file_has_the_scores_of_every_evaluation(trained):
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert all(row["train_loss_without_dropout"] < row["unigram_loss"] + 1 for row in rows)
    assert all(row["tokens_per_second"] > 0 for row in rows)
