"""The model card."""

import json


def test_model_card_has_scores_files_and_valid_front_matter(bundle):
    card = (bundle / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((bundle / "manifest.json").read_text())
    header = json.loads(card.split("---\n")[1])  # JSON is valid YAML
    metrics = header["model-index"][0]["results"][0]["metrics"]
    assert metrics[0]["value"] == round(manifest["scores"]["valid_loss"], 4)
    assert "## Licence" in card
    assert all(f"`{name}`" in card for name in manifest["files"])
