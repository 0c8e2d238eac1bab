"""The measuring commands work, on a show small enough for a test."""

import json

import torch

from data.vocab import Vocabulary
from tests.bench import ablation, awd_lstm, training, tried
from tests.conftest import TINY


def test_awd_lstm_learns(show):
    text = show.read_text(encoding="utf-8")
    vocabulary = Vocabulary.build(text, "Test", 2)
    ids = torch.tensor(vocabulary.encode(text))
    found = awd_lstm.train(
        ids, ids[:500], [0], len(vocabulary), 4.0, batch_size=4, hidden_dim=16, embedding_dim=8
    )
    assert found["epochs"] >= 1
    assert found["held_out_loss"] < torch.log(torch.tensor(float(len(vocabulary)))).item()


def test_a_target_is_reached_when_it_is_first_seen():
    rows = [{"valid_loss": loss, "seconds": n} for n, loss in enumerate((3.0, 2.0, 1.9, 2.5))]
    assert training.first(rows, "valid_loss", 2.0) == 1
    assert training.first(rows, "valid_loss", 1.0) is None


def test_the_summary_tells_mean_worst_and_what_was_not_reached():
    run = {
        **dict.fromkeys(("held_out_loss", "with_cache", "bits_per_character"), 2.0),
        **dict.fromkeys(("seconds", "whole_process", "tokens_per_second"), 9.0),
        "seconds_to_target": None,
        "seconds_to_training_loss": 4.0,
    }
    report = {"runs": [run, {**run, "seconds": 11.0}], "baselines": {"x": {"held_out_loss": 3.0}}}
    lines = "\n".join(training.summary(report, 1.5))
    assert "seconds to held-out 1.5: not reached by 2 of 2" in lines
    assert "seconds of training: mean 10, worst 11 of 2" in lines
    assert "against x: perplexity x 0.368" in lines


def test_an_idea_is_tried(show, monkeypatch, capsys):
    more = ["--", *TINY, "--epochs", "1"]
    arguments = ["tried", "--data", str(show), "--valid", str(show), "--only", "Muon", *more]
    monkeypatch.setattr("sys.argv", arguments)
    tried.main()
    assert "| Muon | " in capsys.readouterr().out


def test_scaling_is_measured_and_drawn(show, tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "SIZES", (0.05, 0.1))
    monkeypatch.setattr(ablation, "SHARES", (0.5, 1.0))
    found = tmp_path / "scaling.json"
    arguments = ["--data", str(show), "--valid", str(show), "--preset", "laptop", "--epochs", "1"]
    arguments += ["--scaling", "--json", str(found)]
    monkeypatch.setattr("sys.argv", ["ablation", *arguments])
    # This show has no rare words to learn to spell from, hence no bits per character to draw.
    monkeypatch.setattr(ablation, "draw", lambda rows, path: path.touch())
    ablation.main()
    rows = json.loads(found.read_text())["rows"]
    assert [row["kind"] for row in rows] == ["size", "size", "text", "text"]
    assert rows[0]["parameters"] < rows[1]["parameters"]


def test_the_picture(tmp_path):
    best = {"valid_loss": 3.6, "valid_loss_with_cache": 3.5, "bits_per_character": 1.5}
    rows = [
        {"kind": kind, "parameters": n, "words": n, "seconds": n, "best": best}
        for kind in ("size", "text")
        for n in (10, 100)
    ]
    ablation.draw(rows, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")
