"""How well a network knows a text it has not been trained on."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from job.layers.cache_config import NO_CACHE, CacheConfig, attention
from job.model import RNN

STREAMS = 16  # the text is read in so many parts at once; each starts without context
CHUNK = 256  # words between two hand-overs of the hidden state, at most
SCORES = 1 << 25  # numbers at once, at most: a large vocabulary takes shorter chunks


def held_out_loss(
    network: RNN,
    ids: Tensor,
    primer: Sequence[int],
    streams: int = STREAMS,
    cache: CacheConfig = NO_CACHE,
) -> float:
    """Mean loss in nats per token, every token of `ids` counted once; see `token_losses`."""
    return token_losses(network, ids, primer, streams, cache).double().mean().item()


@torch.inference_mode()
def token_losses(
    network: RNN,
    ids: Tensor,
    primer: Sequence[int],
    streams: int = STREAMS,
    cache: CacheConfig = NO_CACHE,
    labels: Tensor | None = None,
    spelling: Tensor | None = None,
) -> Tensor:
    """The loss in nats of each token of a text.

    Args:
        ids: (words,) int64 on the network's device.
        primer: ids read before the first word, for a context that is not empty.
        streams: parts the text is cut into. More is faster and a little pessimistic.
        cache: of the words just read, beside the network.
        labels: (words,) what the cache compares, `ids` where None; with a number of its own for
            each unknown word, the cache knows them apart.
        spelling: (words,) nats that a word's letters cost where the network alone predicts it; a
            remembered word need not be spelled.

    Returns:
        (words,) float32.
    """
    losses = []
    labels = ids if labels is None else labels
    extra = torch.zeros(len(ids), device=ids.device) if spelling is None else spelling
    streams, length = layout(len(ids), streams)
    labels, extra = (_in_parts(tensor, streams, length) for tensor in (labels, extra))
    keys = None
    for start, scores, features, targets in read_text(network, ids, primer, streams):
        log_p = -F.cross_entropy(scores.flatten(0, 1).float(), targets.flatten(), reduction="none")
        end = start + targets.shape[1]
        log_p = log_p.view(targets.shape) - extra[:, start:end]
        if cache:
            keys = features[:, :0] if keys is None else keys[:, -cache.size :]
            weight = attention(features, keys, cache)
            recent = labels[:, start - keys.shape[1] : end]
            same = recent[:, None] == labels[:, start:end, None]
            # Where nothing has been read yet, all is the network's.
            share = cache.weight * weight.sum(2)
            log_p = torch.log((1 - share) * log_p.exp() + cache.weight * (weight * same).sum(2))
            keys = torch.cat([keys, features], dim=1)
        losses.append(-log_p)
    return torch.cat(losses, dim=1).flatten()[: len(ids)]


def read_text(
    network: RNN, ids: Tensor, primer: Sequence[int], streams: int = STREAMS
) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Reads a text in parts side by side, as `layout` says, and yields it a piece at a time.

    Yields:
        (the piece's place in its part, scores (streams, time, vocabulary), projected features
        (streams, time, features), targets (streams, time)). The last part's targets beyond the
        text's end are 0.
    """
    streams, length = layout(len(ids), streams)
    targets = _in_parts(ids, streams, length)
    # Each part's first word is predicted from the end of the part before it.
    first = torch.cat([ids.new_tensor([primer[-1]]), targets[:-1, -1]])
    inputs = torch.cat([first[:, None], targets[:, :-1]], dim=1)
    was_training = network.training
    network.eval()
    hidden = network.init_hidden(streams)
    chunk = max(1, min(CHUNK, SCORES // (streams * network.embedding.num_embeddings)))
    for start in range(0, length, chunk):
        part = slice(start, start + chunk)
        scores, features, hidden = network.read(inputs[:, part], hidden)
        yield start, scores, features, targets[:, part]
    network.train(was_training)


def layout(words: int, streams: int) -> tuple[int, int]:
    """In how many parts so many words are read, and how long each is: fewer if they are few."""
    streams = max(1, min(streams, words // CHUNK))
    return streams, -(-words // streams)


def _in_parts(tensor: Tensor, streams: int, length: int) -> Tensor:
    return F.pad(tensor, (0, streams * length - len(tensor))).view(streams, length)


def unigram_loss(counts: Sequence[int], valid_ids: Sequence[int]) -> float:
    """The loss of the model that knows only how frequent each word is (add-one smoothing).

    Args:
        counts: how often each word of the vocabulary stands in the training text, by id.
    """
    total = sum(counts) + len(counts)
    return -sum(math.log((counts[word] + 1) / total) for word in valid_ids) / len(valid_ids)
