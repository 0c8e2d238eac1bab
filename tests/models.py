"""Models with an untrained speller and a neural cache, made from a small training run.

The run's training text is too regular for it to have its own.
"""

import dataclasses
import pathlib

import torch

from data.vocab import Vocabulary
from job.checkpoint import Checkpoint, load_network
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
    speller = pack_speller(Speller("abdeno:é", network.fc.in_features, hidden_dim=16).eval())
    with torch.no_grad():
        network.fc.bias[vocabulary.unknown_id] = network.fc.bias.mean() + unknown_bias
    cache = {"size": cache_size, "theta": 0.1, "weight": 0.3}
    return network, vocabulary, dataclasses.replace(checkpoint, speller=speller, cache=cache)
