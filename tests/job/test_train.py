"""Whole runs on a small show: learning, resuming, graceful stop, refused settings."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from data import versions
from data.command_line import UserError
from job import state
from job.__main__ import main
from job.checkpoint import load_checkpoint, read_file
from job.config import MAX_CACHE_SIZE
from job.engine.optimizer import learning_rate
from job.evaluate import held_out_loss
from job.layers.cache import HISTORY, CacheConfig
from job.options import parse
from job.train import Run, Stopped
from tests.commands import call
from tests.conftest import ROOT, TINY


def config_of(show, folder, *more):
    return parse(["--data", str(show), "--out", str(folder), *TINY, *more])[0]


def command(show, folder, *more):
    return [sys.executable, "-m", "job", "--data", str(show), "--out", str(folder), *TINY, *more]


def test_training_learns_and_writes_all_files(trained):
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    # The script is random only in who speaks and which of two speeches: 2 bits in 10 words.
    assert min(row["valid_loss"] for row in rows) < 0.35 * rows[-1]["unigram_loss"]
    assert (trained / "curves.png").read_bytes().startswith(b"\x89PNG")
    best = load_checkpoint(trained / "checkpoint.pt")
    assert best.finished
    assert best.scores["valid_loss"] == min(row["valid_loss"] for row in rows)


def test_resumed_run_equals_an_uninterrupted_one(show, trained, tmp_path, monkeypatch):
    run = Run(config_of(show, tmp_path, "--save-seconds", "0"))

    def send_signal(step, total_steps, config):
        if step == run.total_steps // 6 + 3:  # in the second of six epochs
            os.kill(os.getpid(), signal.SIGTERM)
        return learning_rate(step, total_steps, config)

    monkeypatch.setattr("job.train.learning_rate", send_signal)
    with pytest.raises(Stopped, match="stopped") as stopped:
        run.train()
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    monkeypatch.undo()
    again = Run(config_of(show, tmp_path))
    assert again.step == run.step == run.total_steps // 6 + 4
    again.train()
    unbroken, resumed = (load_checkpoint(f / "checkpoint.pt").model for f in (trained, tmp_path))
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)


def test_graceful_stop_on_sigterm_saves_the_state(show, tmp_path):
    more = ["--epochs", "100000", "--save-seconds", "1000"]
    process = subprocess.Popen(
        command(show, tmp_path, *more), cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / state.NAME).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "run the same command to resume" in errors.splitlines()[-1]
    assert read_file(tmp_path / state.NAME, state.FORMAT)["step"] > 0


def test_resume_with_other_settings_is_refused(show, trained):
    before = (trained / "checkpoint.pt").read_bytes()
    with pytest.raises(UserError, match=r"hidden_dim = 24, not 25.*--fresh"):
        Run(config_of(show, trained, "--hidden-dim", "25"))
    assert (trained / "checkpoint.pt").read_bytes() == before


def test_resume_from_another_format_version_is_refused(show, tmp_path):
    old = {"format": state.FORMAT, "version": versions.CHECKPOINT - 1}
    torch.save(old, tmp_path / state.NAME)
    with pytest.raises(UserError, match="train again"):
        Run(config_of(show, tmp_path))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--dropout", "1.5"], "--dropout must be in [0, 1), not 1.5"),
        (["--base", "none", "--n-layers", "4"], "--n-layers must be 1, 2 or 3, not 4"),
        (["--hiden-dim", "5"], "unrecognized arguments: --hiden-dim"),
        (["--device", "cpu", "--precision", "bf16"], "needs a GPU"),
        (["--data", "no_such.txt"], "no_such.txt"),
        (["--base", "none", "--n-layers", "1", "--dropout-between", "0.2"], "acts between layers"),
        (["--base", "no_such"], "--base no_such: there is no no_such"),
    ],
)
def test_command_line_errors_are_one_line(flags, says, tmp_path):
    done = call(main, "--out", tmp_path / "run", *flags)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--cache-size", str(HISTORY + 1)], "--cache-size must be from 0 to 1000"),
        (["--valid-fraction", "0.3", "--test-fraction", "0.3"], "add up to at most 0.5"),
        (["--test", "a.txt", "--test-fraction", "0.1"], "exclude each other"),
        (["--test-fraction", "-0.1"], "--test-fraction must be from 0 to 0.5"),
        (["--valid", "a.txt", "--valid-fraction", "0.1"], "exclude each other"),
    ],
)
def test_config_refuses_invalid_values(flags, says):
    with pytest.raises(UserError, match=says):
        parse(flags)


@pytest.mark.parametrize(
    "name",
    [
        *("min_count", "vocab_size", "embedding_dim", "hidden_dim", "n_layers", "subwords"),
        *("batch_size", "sequence_length", "epochs", "eval_epochs", "patience", "cache_size"),
    ],
)
def test_config_refuses_numbers_that_fit_into_no_memory(name):
    flag = "--" + name.replace("_", "-")
    with pytest.raises(UserError, match=rf"{flag} must be .*, not 100000000000000000000"):
        parse(["--base", "none", flag, str(10**20)])


@pytest.mark.parametrize("objective", ["stream", "window"])
def test_sequence_longer_than_the_text_is_refused(show, tmp_path, objective):
    flags = ["--objective", objective, "--sequence-length", "100000"]
    with pytest.raises(UserError, match=r"too few for sequences of 100000: .* --sequence-length"):
        Run(config_of(show, tmp_path, *flags))


def test_vocabulary_without_words_is_refused(show, tmp_path):
    with pytest.raises(UserError, match=r"no word .* occurs 1000000 times: .* --min-count"):
        Run(config_of(show, tmp_path, "--min-count", "1000000"))


def test_cache_size_may_be_what_writers_keep():
    assert parse([])[0].cache_size == MAX_CACHE_SIZE == HISTORY


def test_course_preset_trains_on_windows(show, tmp_path):
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


def test_finished_run_started_again_changes_nothing(show, trained):
    before = (trained / "checkpoint.pt").read_bytes()
    best = Run(config_of(show, trained)).train()
    assert best == load_checkpoint(trained / "checkpoint.pt").scores
    assert (trained / "checkpoint.pt").read_bytes() == before


# Without dropout, whose masks depend on the build of PyTorch.
GOLDEN_FLAGS = ["--epochs", "2", "--dropout", "0", "--dropout-between", "0", "--no-spell"]


def test_golden_losses_of_a_seeded_run(show, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = Run(config_of(show, tmp_path, *GOLDEN_FLAGS))
        run.train()
    finally:
        torch.set_num_threads(threads)
    losses = [(row["train_loss"], row["valid_loss"]) for row in run.history]
    assert losses == [
        (pytest.approx(train, abs=1e-4), pytest.approx(valid, abs=1e-4)) for train, valid in GOLDEN
    ]
    text, cache = run.dataset.valid, CacheConfig(100, 0.1, 0.1)
    network = run.network.merged(run.config.temperature)
    with_cache = held_out_loss(network, text.ids, run.dataset.primer, 1, cache, text.labels)
    assert with_cache == pytest.approx(GOLDEN_WITH_CACHE, abs=1e-4)


GOLDEN = [(2.645535, 2.522534), (2.502528, 2.418607)]
GOLDEN_WITH_CACHE = 2.438566
