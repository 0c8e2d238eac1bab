"""The model card, README.md of the bundle: Markdown with the metadata of Hugging Face model cards.

Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

import math
from typing import Any

from data import strict_json


def model_card(manifest: dict[str, Any]) -> str:
    """The text of the model card of a bundle, from its manifest."""
    scores, config, show = manifest["scores"], manifest["config"], manifest["show"]
    loss = scores["valid_loss"]
    with_cache = scores.get("valid_loss_with_cache")
    bits = scores.get("bits_per_character")
    measured = [("Loss", "loss", loss), ("Perplexity", "perplexity", math.exp(loss))]
    measured += [("Loss with cache", "loss_with_cache", with_cache)] * (with_cache is not None)
    measured += [("Bits per character", "bits_per_character", bits)] * (bits is not None)
    front = {  # written as JSON, which is valid YAML
        "library_name": "pytorch",
        "pipeline_tag": "text-generation",
        "license": "other",
        "tags": ["rnn", config["cell"], "torchscript", "onnx", "screenplay"],
        "model-index": [
            {
                "name": f"Cold Open: {show}",
                "results": [
                    {
                        "task": {"type": "text-generation"},
                        "dataset": {"type": "text", "name": f"{show}, held-out part"},
                        "metrics": [
                            {"type": kind, "name": name, "value": round(value, 4)}
                            for name, kind, value in measured
                        ],
                    }
                ],
            }
        ],
    }
    rows = "\n".join(f"| {name} | {value:.3f} |" for name, _, value in measured)
    files = "\n".join(
        f"| `{name}` | {file['format']} | {file['bytes'] / 1e6:.1f} MB |"
        for name, file in manifest["files"].items()
    )
    start = "from the Cold Open base network" if manifest["base_sha256"] else "from scratch"
    english = (
        " Its English is older than the show: it comes from a base network trained on free text."
        if manifest["base_sha256"]
        else " It has no other style, and hardly any language other than that of its scripts."
    )
    return f"""---
{strict_json.dumps(front, indent=2, ensure_ascii=False)}
---

# Cold Open: {show}

A word-level {config["cell"].upper()} language model, trained on the scripts of *{show}*. It
generates scenes in the form of a script.

```python
import torch

writer = torch.jit.load("model.torchscript.pt", map_location="cpu")
print(writer.generate("", 200, temperature=0.8, seed=7))
```

Loading a TorchScript file runs the program in it: load it only from a source that you trust. The
ONNX files are data.

| file | format | size |
| --- | --- | --- |
{files}

Methods of the TorchScript files: `generate` returns a text, `generate_batch` several,
`stream_start` and `stream_next` generate word by word; `top_next` returns the most likely next
words, `logprobs` the log-probability of each word of a text, `unknown_words` its
out-of-vocabulary words. The options have the names of Hugging Face's `generate`. Generated words
are those of the scripts and of the prompt; with `invent_words=True` the model also spells new
ones. The int8 files are for CPUs and several times as fast. The ONNX files, and `model.pt2` if
present, contain one step of the network; `manifest.json` has their signature. The project's
docs/specification.md describes sampling, neural cache and speller, and docs/consumer.py implements
them with ONNX Runtime and NumPy.

## Data and training

Trained {start} on the scripts of *{show}*: {manifest["parameters"]:,} parameters in
{config["n_layers"]} layers of {config["hidden_dim"]} units, at most {config["epochs"]} epochs, of
which the one with the lowest loss on held-out text was kept. `manifest.json` has all settings.

## Scores

On held-out text. Losses are in nats per token; a token is a word or one of ten punctuation marks.

| | |
| --- | --- |
{rows}

## Use

For entertainment, teaching, and the study of small language models. The text resembles the show
from line to line. The model has no plot and no knowledge of facts, and it reproduces the language
of its scripts, including rude language. Do not attribute its lines to the writers, actors or
characters of the show, and do not publish them as theirs.{english}

## Licence

{manifest["licence"]}
"""
