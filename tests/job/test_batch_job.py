"""A run that nobody watches: full disks, full memory, too little time, losses that go wild."""

import json
import math
import resource
import shutil
import subprocess
import sys

import pytest
import torch
from job.engine.graphed import Stepper, out_of_memory

from data.command_line import UserError
from job import checkpoint
from job.config import parse
from job.engine import monitor
from job.model import RNN
from job.train import Diverged, Run, Stopped
from tests.conftest import ROOT, TINY


def config_of(show, folder, *more):
    return parse(["--data", str(show), "--out", str(folder), *TINY, *more])[0]


def weights(folder):
    return checkpoint.load(folder / "checkpoint.pt")["model"]


def test_a_loss_that_is_no_number_stops_the_run_and_harms_nothing(show, tmp_path):
    run = Run(config_of(show, tmp_path, "--save-seconds", "0"))
    set_rate = run.stepper.set_learning_rate

    def spoil(rate):
        set_rate(rate)
        if run.step == 2 * run.steps_per_epoch + 3:
            run.network.fc.bias.data.fill_(math.nan)

    run.stepper.set_learning_rate = spoil
    with pytest.raises(Diverged, match=r"loss is nan at step .* lower --learning-rate") as caught:
        run.train()
    assert caught.value.exit_code == 3
    for name in ("checkpoint.pt", "resume.pt"):
        kept = checkpoint.load(tmp_path / name)
        assert all(tensor.isfinite().all() for tensor in kept["model"].values())
    assert checkpoint.load(tmp_path / "checkpoint.pt")["scores"]["epoch"] == 2


def test_a_wild_loss_stops_the_run_too(show, tmp_path):
    with pytest.raises(Diverged):
        Run(config_of(show, tmp_path, "--learning-rate", "1000", "--grad-clip", "0")).train()


def test_a_full_disk_is_one_line_and_the_files_before_stand(show, trained, tmp_path):
    shutil.copy(trained / "checkpoint.pt", tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "job",
            "--data",
            str(show),
            "--out",
            str(tmp_path),
            *TINY,
            "--fresh",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)),
    )
    assert done.returncode == 4, done.stderr
    assert "could not be written (File too large)" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["previous.checkpoint.pt"]
    assert (tmp_path / "previous.checkpoint.pt").read_bytes() == before


def test_time_is_up_and_the_same_command_goes_on(show, trained, tmp_path):
    config = config_of(show, tmp_path, "--max-minutes", "0.0005")
    with pytest.raises(Stopped, match="minutes are up") as caught:
        Run(config).train()
    assert caught.value.exit_code == 75
    assert "cache" in checkpoint.load(tmp_path / "checkpoint.pt")["scores"]  # whole, if not good
    Run(config_of(show, tmp_path)).train()
    whole, pieces = weights(trained), weights(tmp_path)
    assert all(torch.equal(whole[name], pieces[name]) for name in whole)


def test_patience_ends_a_run_that_gets_no_better(show, tmp_path, monkeypatch):
    losses = iter([3.0, 2.5] + [2.6] * 20)
    run = Run(config_of(show, tmp_path, "--patience", "2", "--cache-size", "0"))
    monkeypatch.setattr(
        "job.train.held_out_loss",
        lambda _network, ids, _primer: next(losses) if ids is run.valid_ids else 1.0,
    )
    best = run.train()
    assert (best["epoch"], run.history[-1]["epoch"]) == (2, 4)


class Crowded(RNN):
    """Has room for so many rows only."""

    rows = 2

    def sequence_loss(self, nn_input, targets, hidden):
        if len(nn_input) > self.rows:
            raise torch.OutOfMemoryError("no room")
        return super().sequence_loss(nn_input, targets, hidden)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_out_of_memory_halves_the_batch_and_changes_no_update(show, tmp_path, capsys, cell):
    config = config_of(show, tmp_path, "--device", "cpu")
    after = []
    for kind in (RNN, Crowded):
        torch.manual_seed(1)
        network = kind(30, 30, 8, 8, 2, 0.0, cell=cell, tie_weights=True)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
        stepper = Stepper(network, optimizer, config, autocast=False)
        ids = torch.randint(30, (7, 6), generator=torch.Generator().manual_seed(2))
        hidden = network.init_hidden(7)
        for _ in range(3):
            loss, hidden = stepper(ids[:, :-1], ids[:, 1:], hidden)
        after.append((loss, hidden, network.state_dict()))
    assert stepper.parts == 4
    assert "goes on in 2 parts of 4" in capsys.readouterr().err
    assert after[0][0] == pytest.approx(after[1][0], rel=1e-5)
    torch.testing.assert_close(after[0][1], after[1][1])
    torch.testing.assert_close(after[0][2], after[1][2])


def test_no_room_for_a_single_row_is_told(show, tmp_path):
    network = Crowded(30, 30, 8, 8, 1, 0.0)
    network.rows = 0
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    stepper = Stepper(network, optimizer, config_of(show, tmp_path), autocast=False)
    ids = torch.zeros(2, 5, dtype=torch.int64)
    with pytest.raises(UserError, match=r"not even one row .* smaller --hidden-dim"):
        stepper(ids, ids, network.init_hidden(2))


def test_only_full_memory_counts_as_full_memory():
    assert out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried"))
    assert not out_of_memory(RuntimeError("shapes do not match"))


def test_tensorboard(show, tmp_path):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(UserError, match="needs TensorBoard"):
            monitor.open_events(tmp_path)
    else:
        Run(config_of(show, tmp_path, "--tensorboard", "--epochs", "1")).train()
        assert list((tmp_path / "tensorboard").iterdir())


def test_every_look_is_told(trained):
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert all(row["train_loss_without_dropout"] < row["unigram_loss"] + 1 for row in rows)
    assert all(row["tokens_per_second"] > 0 for row in rows)
