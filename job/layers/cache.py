"""`job.layers.cache_config` for one place at a time: the newest words are kept in a ring."""

from typing import Any

import torch
from torch import Tensor

HISTORY = 1000  # words back that anything is remembered: repetitions, and at most the cache


def cache_settings(cache: dict[str, Any] | None) -> dict[str, Any]:
    """The cache's numbers from a checkpoint, or none; size 0 is no cache."""
    if not cache or cache["weight"] <= 0:
        return {"size": 0, "theta": 0.0, "weight": 0.0}
    return {**cache, "size": min(HISTORY, cache["size"])}


def ring(keys: Tensor, size: int) -> Tensor:
    """A ring (size + 1, features) of what came last; the key of word n lies at n modulo its length.

    One place more than is remembered, so that a step overwrites nothing that the state before it
    looks at. Size 0 has no place.
    """
    count = keys.size(0)
    if size == 0:
        return keys[:0]
    places = size + 1
    if count >= places:
        return torch.roll(keys[count - places :], count % places, 0)
    empty = torch.zeros([places - count, keys.size(1)], device=keys.device)
    return torch.cat([keys, empty])


def mix_cache(
    scores: Tensor,
    features: Tensor,
    keys: Tensor,
    recent: Tensor,
    count: int,
    theta: float,
    share: float,
    unknown_id: int,
    oov: int,
    most: float,
) -> Tensor:
    """Scores with the cache of the words just written mixed in.

    No word gets more than `most` times the network's own probability from it. Without that bound
    the cache is right more often, as held-out text shows, but what is drawn from it by chance
    breaks sentences and brackets.

    Args:
        scores: (vocabulary,); features: (features,).
        keys: the ring of features that the newest words were predicted from (size, features).
        recent: the newest words' ids in order, those outside the vocabulary numbered after it.
        count: words read and written so far, one or more.
        oov: words outside the vocabulary oov so far; each as likely as the unknown word.

    Returns:
        (vocabulary + oov,) of the same sum of exponentials as `scores`.
    """
    places = keys.size(0)
    if count < places:
        words = recent[recent.size(0) - count :]
        alike = torch.mv(keys[:count], features)
    else:
        words = recent[recent.size(0) - places + 1 :]
        words = torch.roll(torch.cat([words[:1], words]), count % places, 0)
        alike = torch.mv(keys, features)
        alike[count % places] = -float("inf")  # the place that is written next
    weights = torch.softmax(theta * alike, 0)
    remembered = torch.zeros([scores.size(0) + oov], device=scores.device)
    remembered.index_add_(0, words, weights)
    total = torch.logsumexp(scores, 0)
    probabilities = torch.exp(scores - total)
    bound = probabilities
    if oov > 0:
        bound = torch.cat([probabilities, probabilities[unknown_id].expand([oov])])
    mixed = share * torch.minimum(remembered, most * bound)
    mixed[: scores.size(0)] += (1.0 - mixed.sum()) * probabilities
    return torch.log(mixed) + total
