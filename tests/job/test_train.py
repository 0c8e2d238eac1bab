"""Whole runs on a small show: they learn, resume, refuse, and stop when they are told to."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from data.command_line import UserError
from job import checkpoint
from job.config import parse
from job.train import Run
from tests.conftest import ROOT, TINY


def config_of(show, folder, *more):
    return parse(["--data", str(show), "--out", str(folder), *TINY, *more])[0]


def command(show, folder, *more):
    return [sys.executable, "-m", "job", "--data", str(show), "--out", str(folder), *TINY, *more]


def test_a_run_learns_and_tells(trained):
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    # Golden: nothing is random here but who speaks and which of two speeches (2 bits of 10 words).
    assert min(row["valid_loss"] for row in rows) < 0.35 * rows[-1]["unigram_loss"]
    assert (trained / "curves.png").read_bytes().startswith(b"\x89PNG")
    best = checkpoint.load(trained / "checkpoint.pt")
    assert best["scores"]["valid_loss"] == min(row["valid_loss"] for row in rows)


def test_a_resumed_run_equals_an_unbroken_one(show, trained, tmp_path):
    run = Run(config_of(show, tmp_path, "--save-seconds", "0"))
    steps = 0
    set_rate = run.stepper.set_learning_rate

    def count(rate):
        nonlocal steps
        steps += 1
        if steps == run.steps_per_epoch + 3:
            run.stop_signal = signal.SIGTERM
        set_rate(rate)

    run.stepper.set_learning_rate = count
    with pytest.raises(Exception, match="stopped"):
        run.train()
    again = Run(config_of(show, tmp_path))
    assert again.step == run.step
    again.train()
    unbroken = checkpoint.load(trained / "checkpoint.pt")["model"]
    resumed = checkpoint.load(tmp_path / "checkpoint.pt")["model"]
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)


def test_sigterm_saves_and_exits(show, tmp_path):
    more = ["--epochs", "100000", "--save-seconds", "1000"]
    process = subprocess.Popen(
        command(show, tmp_path, *more), cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "resume.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 143, errors
    assert "the same command goes on" in errors.splitlines()[-1]
    assert checkpoint.load(tmp_path / "resume.pt")["step"] > 0


def test_other_settings_do_not_overwrite_a_run(show, trained, tmp_path):
    before = (trained / "checkpoint.pt").read_bytes()
    with pytest.raises(UserError, match=r"hidden_dim = 24, not 25.*--fresh"):
        Run(config_of(show, trained, "--hidden-dim", "25"))
    assert (trained / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--dropout", "1.5"], "--dropout must be in [0, 1), not 1.5"),
        (["--n-layers", "4"], "--n-layers must be 1, 2 or 3, not 4"),
        (["--hiden-dim", "5"], "unrecognized arguments: --hiden-dim"),
        (["--device", "cpu", "--precision", "bf16"], "needs a GPU"),
        (["--data", "no_such.txt"], "no_such.txt: there is no such file"),
        (["--n-layers", "1", "--dropout-between", "0.2"], "acts between layers"),
    ],
)
def test_bad_flags_are_refused_in_one_line(flags, says, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "job", "--out", str(tmp_path / "run"), *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_the_courses_way_of_training_works_too(show, tmp_path):
    config, _ = parse(
        [
            *("--preset", "course", "--data", str(show), "--out", str(tmp_path), "--epochs", "2"),
            *("--learning-rate", "0.01"),
            *("--hidden-dim", "16", "--embedding-dim", "16", "--batch-size", "64"),
            *("--device", "cpu"),
        ]
    )
    best = Run(config).train()
    assert best["valid_loss"] < best["unigram_loss"]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_gets_one_line(trained, tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    whole = (trained / "checkpoint.pt").read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        checkpoint.load_network(path)


def test_weights_and_vocabulary_of_two_models_are_refused(trained, tmp_path):
    content = checkpoint.load(trained / "checkpoint.pt")
    rows = len(content["model"]["embedding.weight"])
    vocabulary = json.loads(content["vocabulary"])
    vocabulary["words"].append("extra")
    content["vocabulary"] = json.dumps(vocabulary)
    checkpoint.save(tmp_path / "checkpoint.pt", content)
    with pytest.raises(UserError, match=f"{rows} words and the vocabulary {rows + 1}"):
        checkpoint.load_network(tmp_path / "checkpoint.pt")


def test_a_finished_run_started_again_tells_the_same(show, trained):
    config = config_of(show, trained)
    before = (trained / "checkpoint.pt").read_bytes()
    assert Run(config).train() == checkpoint.load(trained / "checkpoint.pt")["scores"]
    assert (trained / "checkpoint.pt").read_bytes() == before
