"""Whether a file of eight bits still knows what the network knows: perplexity on held-out text."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from data.command_line import UserError
from data.texts import held_out_text
from data.vocab import Vocabulary
from job.config import Config

LARGEST_RISE = 0.01  # of perplexity, as a share of the network's: a file above it is not kept
TOKENS = 10_000  # of the held-out text's beginning
STREAMS = 10  # pieces of it that are read side by side
PIECE = 50  # words at a time

Step = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def held_out_streams(config: Config, vocabulary: Vocabulary) -> Tensor | None:
    """The ids (streams, time) that a run was judged by; None where its texts are not at hand."""
    try:
        text = held_out_text(config)
    except UserError:
        return None
    ids = vocabulary.encode(text[: 20 * TOKENS])[:TOKENS]
    streams = min(STREAMS, max(1, len(ids) // 500))
    time = len(ids) // streams
    return torch.tensor(ids[: streams * time]).view(streams, time) if time > 1 else None


@torch.inference_mode()
def perplexity(step: Step, ids: Tensor, n_layers: int, hidden_dim: int) -> float:
    """Of ids (streams, time), each stream from an empty state.

    Args:
        step: tokens (batch, time), h, c -> scores (batch, time, vocabulary), h, c.
    """
    h = c = torch.zeros(n_layers, len(ids), hidden_dim)
    total, count = 0.0, 0
    for start in range(0, ids.shape[1] - 1, PIECE):
        tokens = ids[:, start : start + PIECE + 1]
        scores, h, c = step(tokens[:, :-1], h, c)
        target = tokens[:, 1:].reshape(-1)
        total += F.cross_entropy(scores.flatten(0, 1), target, reduction="sum").item()
        count += len(target)
    return math.exp(total / count)
