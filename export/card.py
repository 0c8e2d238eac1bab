"""The model card, README.md in the bundle: Markdown with the fields of Hugging Face's model cards.

Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

import json
import math
from typing import Any


def model_card(manifest: dict[str, Any]) -> str:
    """The card of a bundle, from its manifest."""
    scores, config, show = manifest["scores"], manifest["config"], manifest["show"]
    loss = scores["valid_loss"]
    remembered = scores.get("valid_loss_with_cache")
    bits = scores.get("bits_per_character")
    measured = [("Loss", "loss", loss), ("Perplexity", "perplexity", math.exp(loss))]
    measured += [("Loss with memory", "loss_with_cache", remembered)] * (remembered is not None)
    measured += [("Bits per character", "bits_per_character", bits)] * (bits is not None)
    front = {  # written as JSON, which is YAML too
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
    return f"""---
{json.dumps(front, indent=2, ensure_ascii=False)}
---

# Cold Open: {show}

A word-level {config["cell"].upper()} that has read the scripts of *{show}* and writes new scenes.

```python
import torch

writer = torch.jit.load("model.torchscript.pt", map_location="cpu")
print(writer.generate("", 200, temperature=0.8, seed=7))
```

| file | format | size |
| --- | --- | --- |
{files}

The TorchScript files write by `generate`, side by side by `generate_batch`, word by word by
`stream_start` and `stream_next`; `top_next` gives the likeliest next words, `logprobs` scores a
text, `unknown_words` tells what it has never seen. Options bear Hugging Face's names. The int8
files are for CPUs, several times as fast. The ONNX files are one step of the network, `model.pt2`,
where there is one, the step of one word: the manifest has their signature. What they need beside
them is in the project's docs/specification.md, and in docs/consumer.py as a program.

## Data and training

Trained on the scripts of *{show}*, from the first weight, with {manifest["parameters"]:,}
parameters in {config["n_layers"]} layers of {config["hidden_dim"]}: at most {config["epochs"]}
epochs, the best one kept by the loss on text that was held out. All settings stand in
`manifest.json`.

## Scores

On held-out text; losses in nats per token, a token being a word or one of ten punctuation marks.

| | |
| --- | --- |
{rows}

## Use

For play, for teaching, and for measuring small language models. It writes what sounds like the
show from line to line. It has no plot, knows no facts, and says whatever its scripts' people say,
rude things too: do not take its lines for the words of the show's writers, actors or characters,
and do not publish them as such. It knows no other style and hardly any language but that of its
scripts.

## Licence

{manifest["licence"]}
"""
