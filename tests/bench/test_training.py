"""The training benches: seeds, peers and ablations, on texts small enough for a test."""

import json

import pytest
import torch

from data.show.read import LOW_TIDE, read_show
from data.vocab import Vocabulary
from job.evaluate import unigram_loss
from tests.bench import ablation, charts, tables, training, tried
from tests.bench.ideas import IDEAS
from tests.bench.runs import Texts
from tests.conftest import TINY

BEST = {"valid_loss": 3.0, "valid_loss_with_cache": 2.9, "train_loss_without_dropout": 2.5}
RUN = {
    **dict.fromkeys(("valid_loss", "valid_loss_with_cache", "bits_per_character"), 2.0),
    **dict.fromkeys(("seconds", "whole_process", "tokens_per_second"), 9.0),
    "seconds_to_target": None,
    "seconds_to_training_loss": 4.0,
}


def fake_job(calls):
    """`train_job` that records its flags and trains nothing."""

    def train(settings, folder):
        calls.append(settings)
        row = {"epoch": 1, "seconds": 2.0, "tokens_per_second": 10.0, **BEST}
        return {"rows": [row], "scores": BEST, "whole_process": 3.0}

    return train


@pytest.fixture(scope="module")
def job_run(show, tmp_path_factory):
    """A process of `python -m job` as the training bench measures it."""
    flags = [*TINY, "--epochs", "1", "--no-spell", "--cache-size", "0"]
    folder = tmp_path_factory.mktemp("bench") / "run"
    return training.measure(Texts(str(show), str(show)), folder, flags, 99.0)


@pytest.mark.slow
def test_training_bench_measures_a_run_of_the_job(job_run):
    assert job_run["seconds_to_target"] == job_run["rows"][0]["seconds"]
    assert job_run["valid_loss"] == min(row["valid_loss"] for row in job_run["rows"])
    assert job_run["whole_process"] > job_run["seconds"] > 0
    json.dumps(job_run)


@pytest.mark.slow
def test_recipe_without_an_idea_equals_the_job(job_run, show, monkeypatch, capsys):
    texts = ["--data", str(show), "--valid", str(show)]
    command = ["tried", *texts, "--only", "the preset", "--", *TINY, "--epochs", "1"]
    monkeypatch.setattr("sys.argv", command)
    tried.main()
    loss = float(capsys.readouterr().out.splitlines()[-1].split("|")[2])
    assert loss == pytest.approx(job_run["valid_loss"], abs=2e-3)


def test_training_bench_reports_seeds_and_peers_as_json(tmp_path, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(training, "train_job", fake_job(calls))
    path = tmp_path / "figures.json"
    command = ["training", "--seeds", "2", "--json", str(path)]
    monkeypatch.setattr("sys.argv", [*command, "--without", "awd-lstm", "char-gpt"])
    training.main()
    report = json.loads(path.read_text())
    assert len(report["runs"]) == 2
    assert list(report["peers"]) == ["kneser-ney", "course"]
    assert [flags[flags.index("--preset") + 1] for flags in calls] == ["seinfeld"] * 2 + ["course"]
    assert "| modified Kneser-Ney, 4-grams |" in capsys.readouterr().out


def test_training_bench_times_the_first_row_at_the_target():
    rows = [{"valid_loss": loss, "seconds": n} for n, loss in enumerate((3.0, 2.0, 1.9, 2.5))]
    assert training.seconds_to(rows, "valid_loss", 2.0) == 1
    assert training.seconds_to(rows, "valid_loss", 1.0) is None


def test_training_table_gives_mean_worst_and_missed_targets():
    runs = [{**RUN, "test_loss": 2.5}, {**RUN, "seconds": 11.0, "test_loss": 2.7}]
    lines = tables.preset_table(runs, 1.5, 3.5)
    assert "| seconds to held-out loss 1.5 | not reached by 2 of 2 | |" in lines
    assert "| seconds of training | 10.0 | 11.0 |" in lines
    assert "| test loss | 2.600 | 2.700 |" in lines


def test_training_table_compares_perplexity_and_speed_with_peers():
    peers = {
        "kneser-ney": {"valid_loss": 3.0, "seconds": 1.0},
        "char-gpt": {"bits_per_character": 1.5, "seconds": 200.0},
        "course": {"valid_loss": 2.0, "tokens_per_second": 3.0, "seconds": 9.0},
    }
    rows = tables.peers_table([RUN], peers)[2:]
    assert rows[0].endswith("| 1.0 | 0.37 |  |")
    assert rows[1].endswith("| 1.500 |  | 200.0 |  |  |")
    assert rows[2].endswith("| 9.0 | 1.00 | 3.0 |")


def test_texts_without_a_held_out_file_are_split_once_for_all(tmp_path):
    texts = Texts.prepare(LOW_TIDE, "", "", tmp_path)
    parts = texts.contents()
    assert parts["train"] + parts["valid"] == read_show(LOW_TIDE)
    assert set(texts.normalized(texts.vocabulary())) == {"train", "valid"}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(IDEAS))
def test_idea_learns_more_than_unigrams(name, show, monkeypatch, capsys):
    flags = [*TINY, "--epochs", "4", "--batch-size", "8"]
    command = ["tried", "--data", str(show), "--valid", str(show), "--only", name, "--", *flags]
    monkeypatch.setattr("sys.argv", command)
    tried.main()
    loss = float(capsys.readouterr().out.splitlines()[-1].split("|")[2])
    text = show.read_text(encoding="utf-8")
    vocabulary = Vocabulary.build(text, "Test", 2)
    ids = vocabulary.encode(text)
    # The moving average of the weights begins at the first ones and lags far behind here.
    if name != "average of the weights, 0.998":
        assert loss < unigram_loss([ids.count(word) for word in range(len(vocabulary))], ids)


def test_ablation_resumes_from_its_file_and_takes_its_shard(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(ablation, "train_job", fake_job(calls))
    monkeypatch.setattr(ablation, "read_checkpoint", lambda folder: {"model": {"w": torch.ones(5)}})
    path = tmp_path / "rows.json"
    command = ["ablation", "--only", "units", "--json", str(path)]
    monkeypatch.setattr("sys.argv", [*command, "--shard", "1/2"])
    ablation.main()
    monkeypatch.setattr("sys.argv", command)
    ablation.main()
    names = [row["name"] for row in json.loads(path.read_text())["rows"]]
    assert names == ["half the units", "1.5 times the units"]
    assert len(calls) == 2


def test_scaling_measures_network_and_text_sizes_and_draws_them(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(ablation, "train_job", fake_job(calls))
    monkeypatch.setattr(ablation, "read_checkpoint", lambda folder: {"model": {"w": torch.ones(5)}})
    path = tmp_path / "scaling.json"
    command = ["ablation", "--preset", "laptop", "--scaling"]
    monkeypatch.setattr("sys.argv", [*command, "--json", str(path)])
    ablation.main()
    rows = json.loads(path.read_text())["rows"]
    assert [row["kind"] for row in rows] == ["size"] * 4 + ["text"] * 4
    assert rows[4]["tokens"] < rows[7]["tokens"]
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_scaling_chart_is_a_png(tmp_path):
    best = {"valid_loss": 3.6, "valid_loss_with_cache": 3.5, "bits_per_character": 1.5}
    rows = [
        {"kind": kind, "parameters": n, "tokens": n, "seconds": n, "best": best}
        for kind in ("size", "text")
        for n in (10, 100)
    ]
    charts.draw_scaling(rows, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")
