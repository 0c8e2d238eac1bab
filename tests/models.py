"""Models with an untrained speller and a neural cache, made from a small training run.

The run's training text is too regular for it to have its own.
"""

import dataclasses
import pathlib

import torch

from data import strict_json
from data.vocab import Vocabulary
from export.bundle import write_files
from export.files import Model, weights_sha256
from export.manifest import build_manifest
from job.checkpoint import Checkpoint, load_network
from job.layers.cache import cache_settings
from job.layers.speller import Speller, pack_speller
from job.model import RNN


def with_speller_and_cache(
    path: pathlib.Path, cache_size: int, unknown_bias: float
) -> tuple[RNN, Vocabulary, Checkpoint]:
    """What `load_network` returns, with a speller, a cache and likely out-of-vocabulary words.

    Args:
        path: the run's checkpoint.
        cache_size: words in the cache.
        unknown_bias: the unknown word's bias above the mean of all words.
    """
    network, vocabulary, checkpoint = load_network(path)
    torch.manual_seed(8)
    speller = pack_speller(Speller("abdeno:é[]", network.fc.in_features, hidden_dim=16).eval())
    with torch.no_grad():
        network.fc.bias[vocabulary.unknown_id] = network.fc.bias.mean() + unknown_bias
    cache = {"size": cache_size, "theta": 0.1, "weight": 0.3}
    return network, vocabulary, dataclasses.replace(checkpoint, speller=speller, cache=cache)


def export_with_speller_and_cache(
    path: pathlib.Path, folder: pathlib.Path, cache_size: int, unknown_bias: float
) -> tuple[RNN, Vocabulary, Checkpoint]:
    """Writes the bundle of `with_speller_and_cache`, both int8 files included; returns the model.

    Args:
        path: see `with_speller_and_cache`; so are `cache_size` and `unknown_bias`.
        folder: of the bundle.
    """
    network, vocabulary, content = with_speller_and_cache(path, cache_size, unknown_bias)
    vocabulary = dataclasses.replace(vocabulary, weights_sha256=weights_sha256(network))
    model = Model(network, vocabulary, cache_settings(content.cache), content.speller)
    differences = write_files(folder, model, pt2=False)
    checks = {"differences": differences, "held_out": {"tokens": 0, "left_out": {}}}
    manifest = build_manifest(folder, model, content, checks)
    (folder / "manifest.json").write_text(strict_json.dumps(manifest), encoding="utf-8")
    return network, vocabulary, content
