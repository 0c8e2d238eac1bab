"""model.pt2, the step by torch.export."""

import torch

from export.torch_export import save_pt2
from job.checkpoint import load_network


def test_torch_export_file_matches_the_network_and_contains_the_vocabulary(bundle, tmp_path):
    network, _, _ = load_network(bundle / "checkpoint.pt")
    text = (bundle / "vocab.json").read_text(encoding="utf-8")
    assert save_pt2(tmp_path / "model.pt2", network, text) < 1e-4
    extra = {"vocab.json": ""}
    torch.export.load(tmp_path / "model.pt2", extra_files=extra)
    assert extra["vocab.json"] == text
