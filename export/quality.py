"""Perplexity on held-out text, by which an int8 file is accepted or rejected."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from data.command_line import UserError
from data.texts import held_out_text
from data.vocab import Vocabulary
from export.runtimes import StepFunction
from job.config import Config

MAX_PERPLEXITY_INCREASE = 0.01  # relative to the network; an int8 file above it is not exported
MAX_TOKENS = 10_000  # from the beginning of the held-out text
MAX_STREAMS = 10  # parts of the text that form a batch
CHUNK = 50  # words per step


def held_out_streams(config: Config, vocabulary: Vocabulary) -> Tensor | None:
    """The ids (streams, time) of a run's held-out text; None if the text cannot be read."""
    try:
        text = held_out_text(config)
    except UserError:
        return None
    ids = vocabulary.encode(text[: 20 * MAX_TOKENS])[:MAX_TOKENS]
    streams = min(MAX_STREAMS, max(1, len(ids) // 500))
    time = len(ids) // streams
    return torch.tensor(ids[: streams * time]).view(streams, time) if time > 1 else None


@torch.inference_mode()
def perplexity(step: StepFunction, ids: Tensor, n_layers: int, hidden_dim: int) -> float:
    """The perplexity per token of ids (streams, time), by the network alone, without the cache.

    Each stream begins with a zero state.
    """
    h = c = torch.zeros(n_layers, len(ids), hidden_dim)
    total, count = 0.0, 0
    for start in range(0, ids.shape[1] - 1, CHUNK):
        tokens = ids[:, start : start + CHUNK + 1]
        scores, h, c = step(tokens[:, :-1], h, c)
        target = tokens[:, 1:].reshape(-1)
        total += F.cross_entropy(scores.flatten(0, 1), target, reduction="sum").item()
        count += len(target)
    return math.exp(total / count)
