"""python -m tests.export.golden: writes golden_scenes.json, scenes of a network of fixed weights.

Work on speed must not change them: do not write the file again for that. If the rules of
generation change in docs/specification.md, write it again; the commit says which scenes differ.
"""

import io
import json
import pathlib
import warnings
from typing import Any

import numpy
import torch

from data.vocab import Vocabulary
from export.torchscript.writer import ScriptWriter, script
from job.layers.speller import Speller, pack_speller
from job.model import RNN

PATH = pathlib.Path(__file__).parent / "golden_scenes.json"
PROMPTS = ["", "ann: où est zorblax? ", "bob: w1 w2 (w3\n\n", "[setting: w5 zorblax] zorblax"]
CACHE = {"size": 40, "theta": 2.0, "weight": 0.3, "max_ratio": 10.0}
WORDS = 300
BATCH = 32


def writer(int8: bool) -> Any:
    """The compiled writer of a network whose weights depend on no version of PyTorch."""
    words = [f"w{number}" for number in range(WORDS)]
    lines = [f"{('ann', 'bob', 'cat')[n % 3]}: {words[n]}, {words[-n]}." for n in range(WORDS)]
    text = "\n".join([*lines, "(w1) [setting: w2]"] * 2)
    vocabulary = Vocabulary.build(text, "golden")
    size = len(vocabulary)
    random = numpy.random.RandomState(5)
    network = RNN(size, size, 32, 48, 2, tie_weights=True).eval()
    speller = Speller("abcdefg", 32, hidden_dim=16).eval()
    with torch.no_grad():
        for module, scale in ((network, 0.5), (speller, 0.3)):
            for parameter in module.parameters():
                values = random.standard_normal(tuple(parameter.shape)) * scale
                parameter.copy_(torch.from_numpy(values))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = script(ScriptWriter(network, vocabulary, pack_speller(speller), CACHE, int8))
        saved = io.BytesIO()
        torch.jit.save(compiled, saved)
        saved.seek(0)
        return torch.jit.load(saved)


def scenes(model: Any) -> dict[str, Any]:
    """Scenes by name: every option, the cache beyond its size, one stream and a batch of 32."""
    a, b, c, d = PROMPTS
    found = {
        "default": [model.generate(prompt, 80, seed=1) for prompt in PROMPTS],
        "all words": model.generate(a, 300, temperature=1.0, top_p=1.0, seed=2),
        "greedy": model.generate(a, 60, temperature=0.0),
        "top_k": model.generate(b, 80, temperature=1.3, top_k=20, top_p=0.9, min_p=0.02, seed=3),
        "min_p": model.generate(c, 80, temperature=1.5, top_p=1.0, min_p=0.1, seed=4),
        "penalties": model.generate(d, 80, repetition_penalty=1.3, no_repeat_ngram_size=3, seed=5),
        "spelled": model.generate(b, 80, temperature=1.5, invent_words=True, seed=6),
        "batch": model.generate_batch(PROMPTS * (BATCH // 4), 50, temperature=1.0, seed=7),
        "stop": model.generate_batch(PROMPTS, 60, seed=8, stop=["\n"]),
        "long prompt": model.generate(d * 90, 30, temperature=1.0, seed=9),
    }
    states = [model.stream_start(prompt, row) for row, prompt in enumerate(PROMPTS)]
    texts = [""] * len(PROMPTS)
    allowed: list[list[int]] = [[], [12, 17, 40, 41, 90], list(range(200)), []]
    options = [0.8, 1.2, 0.0, 2.0], [0, 3, 0, 50], [0.95, 1.0, 0.9, 1.0], [0.0, 0.0, 0.0, 0.05]
    for _ in range(60):
        rest = [1.0, 1.0, 1.2, 1.5], [0, 0, 2, 3], [False, False, False, True], allowed
        steps = model.stream_next_batch(states, *options, *rest)
        texts = [text + more for text, (more, _) in zip(texts, steps, strict=True)]
        states = [state for _, state in steps]
    return {**found, "allowed tokens": texts}


if __name__ == "__main__":
    golden = {name: scenes(writer(name == "int8")) for name in ("fp32", "int8")}
    PATH.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
