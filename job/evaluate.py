"""How well a network knows a text it has not been trained on."""

import collections
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from job.model import RNN

STREAMS = 16  # the text is read in so many parts at once; each starts without context
CHUNK = 256  # words between two hand-overs of the hidden state


@torch.inference_mode()
def held_out_loss(
    network: RNN, ids: Tensor, primer: Sequence[int], streams: int = STREAMS
) -> float:
    """Mean loss in nats per token, every token of `ids` counted once.

    Args:
        ids: (words,) int64 on the network's device.
        primer: ids read before the first word of each part, for a context that is not empty.
        streams: parts the text is cut into. More is faster and a little pessimistic.
    """
    streams = max(1, min(streams, len(ids) // CHUNK))
    length = -(-len(ids) // streams)
    padded = F.pad(ids, (0, streams * length - len(ids)), value=-100)
    targets = padded.view(streams, length)
    # Each part's first word is predicted from the end of the part before it.
    first = torch.cat([ids.new_tensor([primer[-1]]), padded[length - 1 : -1 : length]])
    inputs = torch.cat([first[:, None], targets[:, :-1]], dim=1).clamp_min(0)
    was_training = network.training
    network.eval()
    hidden = network.init_hidden(streams)
    total = torch.zeros((), dtype=torch.float64, device=ids.device)
    for start in range(0, length, CHUNK):
        scores, hidden = network.all_scores(inputs[:, start : start + CHUNK], hidden)
        part = targets[:, start : start + CHUNK]
        total += F.cross_entropy(
            scores.flatten(0, 1).float(), part.flatten(), ignore_index=-100, reduction="sum"
        )
    network.train(was_training)
    return total.item() / len(ids)


def unigram_loss(train_ids: Sequence[int], valid_ids: Sequence[int], vocab_size: int) -> float:
    """The loss of the model that knows only how frequent each word is (add-one smoothing)."""
    counts = collections.Counter(train_ids)
    total = len(train_ids) + vocab_size
    return -sum(math.log((counts[word] + 1) / total) for word in valid_ids) / len(valid_ids)
