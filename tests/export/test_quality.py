"""Int8 files are kept only where they hold what the network knows."""

import json
import math
import shutil

import pytest
import torch
from torch.nn import functional as F

from export import bundle as module
from export.bundle import export
from export.parity import step_of_network
from export.quality import LARGEST_RISE, held_out_streams, perplexity
from export.torch_export import save_pt2
from job.checkpoint import load_network
from job.config import Config


def test_the_manifest_tells_what_was_measured(bundle):
    held_out = json.loads((bundle / "manifest.json").read_text())["held_out"]
    found = held_out["perplexity"]
    assert held_out["tokens"] > 100
    assert held_out["left_out"] == {}
    for name in ("model.int8.torchscript.pt", "model.int8.onnx"):
        assert 0 < abs(found[name] / found["network"] - 1) < LARGEST_RISE


def test_perplexity_is_that_of_the_whole_text_at_once(bundle):
    network, vocabulary, content = load_network(bundle / "checkpoint.pt")
    ids = held_out_streams(Config(**content.config), vocabulary)
    found = perplexity(step_of_network(network), ids, network.n_layers, network.hidden_dim)
    with torch.no_grad():
        scores, _ = network.all_scores(ids[:, :-1], network.init_hidden(len(ids)))
    loss = F.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten())
    assert found == pytest.approx(math.exp(loss), rel=1e-4)


def test_an_int8_file_that_lost_too_much_is_left_out_and_the_old_one_removed(
    bundle, tmp_path, monkeypatch
):
    shutil.copy(bundle / "checkpoint.pt", tmp_path)
    (tmp_path / "model.int8.onnx").write_text("of an earlier export")
    monkeypatch.setattr(module, "LARGEST_RISE", -1.0)
    manifest = export(tmp_path / "checkpoint.pt")
    assert set(manifest["held_out"]["left_out"]) == set(module.EIGHT_BITS)
    assert "higher" in manifest["held_out"]["left_out"]["model.int8.onnx"]
    assert not list(tmp_path.glob("*int8*"))
    assert (tmp_path / "model.onnx").exists()


def test_without_a_text_to_judge_by_int8_is_left_out(bundle, tmp_path):
    content = torch.load(bundle / "checkpoint.pt", weights_only=True)
    content["config"]["data"] = str(tmp_path / "gone.txt")
    torch.save(content, tmp_path / "checkpoint.pt")
    manifest = export(tmp_path / "checkpoint.pt")
    assert "no held-out text" in manifest["held_out"]["left_out"]["model.int8.torchscript.pt"]
    assert not list(tmp_path.glob("*int8*"))


def test_the_successor_gives_the_same_scores(bundle, tmp_path):
    network, _, _ = load_network(bundle / "checkpoint.pt")
    text = (bundle / "vocab.json").read_text(encoding="utf-8")
    assert save_pt2(tmp_path / "model.pt2", network, text) < 1e-4
    extra = {"vocab.json": ""}
    torch.export.load(tmp_path / "model.pt2", extra_files=extra)
    assert extra["vocab.json"] == text


def test_the_model_card_has_the_scores_and_its_header_is_yaml(bundle):
    card = (bundle / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((bundle / "manifest.json").read_text())
    header = json.loads(card.split("---\n")[1])  # JSON is YAML
    metrics = header["model-index"][0]["results"][0]["metrics"]
    assert metrics[0]["value"] == round(manifest["scores"]["valid_loss"], 4)
    assert "## Licence" in card
    assert all(f"`{name}`" in card for name in manifest["files"])
