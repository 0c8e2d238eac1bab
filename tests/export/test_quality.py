"""The int8 check: files are exported only if their perplexity on held-out text is close."""

import json
import math
import shutil

import pytest
import torch
from torch.nn import functional as F

from export import bundle as module
from export.bundle import export
from export.quality import MAX_PERPLEXITY_INCREASE, held_out_streams, perplexity
from export.runtimes import step_of_network
from job.checkpoint import load_network
from job.config import Config


def test_manifest_has_the_perplexity_of_int8_files(bundle):
    held_out = json.loads((bundle / "manifest.json").read_text())["held_out"]
    found = held_out["perplexity"]
    assert held_out["tokens"] > 100
    assert held_out["left_out"] == {}
    for name in ("model.int8.torchscript.pt", "model.int8.onnx"):
        assert 0 < abs(found[name] / found["network"] - 1) < MAX_PERPLEXITY_INCREASE


def test_perplexity_in_chunks_equals_that_of_the_whole_text(bundle):
    network, vocabulary, content = load_network(bundle / "checkpoint.pt")
    ids = held_out_streams(Config(**content.config), vocabulary)
    found = perplexity(step_of_network(network), ids, network.n_layers, network.hidden_dim)
    with torch.no_grad():
        scores, _ = network.all_scores(ids[:, :-1], network.init_hidden(len(ids)))
    loss = F.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten())
    assert found == pytest.approx(math.exp(loss), rel=1e-4)


def test_int8_file_with_a_high_perplexity_is_not_exported_and_an_old_one_removed(
    bundle, tmp_path, monkeypatch
):
    shutil.copy(bundle / "checkpoint.pt", tmp_path)
    (tmp_path / "model.int8.onnx").write_text("from an earlier export")
    monkeypatch.setattr(module, "MAX_PERPLEXITY_INCREASE", -1.0)
    manifest = export(tmp_path / "checkpoint.pt")
    assert set(manifest["held_out"]["left_out"]) == set(module.INT8_FILES)
    assert "higher" in manifest["held_out"]["left_out"]["model.int8.onnx"]
    assert not list(tmp_path.glob("*int8*"))
    assert (tmp_path / "model.onnx").exists()


def test_int8_files_are_not_exported_without_held_out_text(bundle, tmp_path):
    content = torch.load(bundle / "checkpoint.pt", weights_only=True)
    content["config"]["data"] = str(tmp_path / "missing.txt")
    torch.save(content, tmp_path / "checkpoint.pt")
    manifest = export(tmp_path / "checkpoint.pt")
    assert "no held-out text" in manifest["held_out"]["left_out"]["model.int8.torchscript.pt"]
    assert not list(tmp_path.glob("*int8*"))
