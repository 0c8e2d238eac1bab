"""The continuous neural cache: recently seen words become more likely.

Grave et al., "Improving Neural Language Models with a Continuous Cache" (2017). Each word is stored
with its key: the projected features that it was predicted from. A word's probability is a mixture
of the network's and of the cache's, in which every stored word has the weight
exp(theta * features . key). The cache has no trained weights.

Two callers: `job.evaluate` scores many positions of a text at once, by `attention` and
`mixed_log_probs`. Writing needs one position at a time, and keeps the keys in a ring buffer: `ring`
and `mix_cache`, which TorchScript compiles. Both apply the same bound.
"""

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor

HISTORY = 1000  # words that a writer keeps: for the repetition rules, and at most for the cache

# Bound on a word's probability in the cache, as a multiple of the network's own. Without it,
# held-out text is predicted better, but words sampled from the cache by chance break sentences and
# brackets.
MAX_RATIO = 10.0


@dataclasses.dataclass(frozen=True)
class CacheConfig:
    """Size and strength of the cache; size 0 or weight 0 means no cache.

    Args:
        size: number of words stored, at most `HISTORY`.
        theta: inverse temperature of the similarity: how sharply words with similar keys are
            preferred.
        weight: share of the cache in the mixture, in [0, 1).
        max_ratio: bound on a word's probability in the cache, as a multiple of the network's own.
    """

    size: int = 1000
    theta: float = 0.2
    weight: float = 0.07
    max_ratio: float = MAX_RATIO

    def __bool__(self) -> bool:
        return self.size > 0 and self.weight > 0


NO_CACHE = CacheConfig(size=0, theta=0.0, weight=0.0)


def cache_settings(cache: dict[str, Any] | None) -> dict[str, Any]:
    """The four settings of a cache as a checkpoint stores them; those of `NO_CACHE` for none."""
    config = CacheConfig(**cache) if cache else NO_CACHE
    if not config:
        config = NO_CACHE
    return {**dataclasses.asdict(config), "size": min(HISTORY, config.size)}


def attention(features: Tensor, earlier: Tensor, cache: CacheConfig) -> Tensor:
    """The cache's weight of each earlier word, at every position of a chunk of text.

    Args:
        features: projected features that the chunk's words are predicted from
            (batch, time, features).
        earlier: the same of the words before the chunk (batch, earlier words, features).

    Returns:
        (batch, time, earlier words + time) float32. Each row is a distribution over the
        `cache.size` words before its position, or all zeros if there is none.
    """
    time, before = features.shape[1], earlier.shape[1]
    keys = torch.cat([earlier, features], dim=1)
    similarity = cache.theta * (features @ keys.mT).float()
    position = torch.arange(before, before + time, device=features.device)[:, None]
    distance = position - torch.arange(before + time, device=features.device)  # 1: the word before
    similarity = similarity.masked_fill((distance < 1) | (distance > cache.size), float("-inf"))
    return torch.softmax(similarity, dim=-1).nan_to_num(0.0)


def ring(keys: Tensor, size: int) -> Tensor:
    """A ring buffer of the newest keys: the key of word n is at index n modulo the buffer's length.

    The buffer has one entry more than the cache, so that writing a word overwrites nothing that the
    state before it reads.

    Args:
        keys: keys of all words so far (words, features).
        size: words that the cache stores.

    Returns:
        (size + 1, features), undefined where no key is stored; (0, features) for size 0.
    """
    count = keys.size(0)
    if size == 0:
        return keys[:0]
    places = size + 1
    if count >= places:
        return torch.roll(keys[count - places :], count % places, 0)
    # Zeros would cost 2 MB of memory traffic and page faults at the start of each scene.
    found = torch.empty([places, keys.size(1)], device=keys.device)
    found[:count] = keys
    return found


def mix_cache(
    scores: Tensor,
    features: Tensor,
    keys: Tensor,
    recent: Tensor,
    count: int,
    theta: float,
    weight: float,
    unknown_id: int,
    oov: int,
    max_ratio: float,
) -> Tensor:
    """Mixes the cache into the scores of one position.

    With p the network's probabilities and r the cache's, a word's probability is
    weight * min(r, max_ratio * p) from the cache, and the rest of the probability goes to p. A
    score is changed by the logarithm of the factor, so that a very small p does not underflow.

    Args:
        scores: the network's scores (vocabulary,).
        features: what they were computed from (features,).
        keys: ring buffer of the newest words' keys (size + 1, features); see `ring`.
        recent: ids of the newest words in order; out-of-vocabulary (OOV) words have the ids from
            `vocabulary` on.
        count: words read and written so far, 1 or more.
        theta: see `CacheConfig`.
        weight: see `CacheConfig`.
        unknown_id: id of the unknown token, whose probability bounds that of each OOV word.
        oov: number of distinct OOV words so far.
        max_ratio: see `CacheConfig`.

    Returns:
        Scores (vocabulary + oov,) whose logsumexp equals that of `scores`.
    """
    places, vocabulary = keys.size(0), scores.size(0)
    if count < places:
        words = recent[recent.size(0) - count :]
        similarity = torch.mv(keys[:count], features)
    else:
        next_place = count % places  # the entry that is overwritten next
        words = recent[recent.size(0) - places + 1 :]
        wrapped = words.size(0) - next_place  # the words from here on are at the ring's start
        words = torch.cat([words[wrapped:], words[:1], words[:wrapped]])
        similarity = torch.mv(keys, features)
        similarity[next_place] = -float("inf")
    share = torch.softmax(similarity.mul_(theta), 0)
    # Not zeros: the ratio below must not be 0 / 0.
    cached = torch.full([vocabulary + oov], 1e-37, device=scores.device).index_add_(0, words, share)
    p = torch.softmax(scores, 0)
    logits = scores
    if oov > 0:
        p = torch.cat([p, p[unknown_id].expand([oov])])
        logits = torch.cat([scores, scores[unknown_id].expand([oov])])
    # At the place of each cached word: r / p, which is infinite where p is too small for float32,
    # and min(r, max_ratio * p) / p.
    ratio = cached.index_select(0, words).div_(p.index_select(0, words))
    bounded = ratio.clamp(max=max_ratio)
    rest = 1.0 - weight * float(torch.dot(share, bounded / ratio).item())
    factor = bounded.mul_(weight)
    if oov > 0:
        factor += rest * (words < vocabulary)
    else:
        factor += rest
    mixed = logits + math.log(rest)
    if oov > 0:
        mixed[vocabulary:] = -float("inf")
    return mixed.scatter_(0, words, factor.log_().add_(logits.index_select(0, words)))


def mixed_log_probs(
    log_p: Tensor,
    weights: Tensor,
    recent: Tensor,
    targets: tuple[Tensor, Tensor],
    unknown: tuple[int, int],
    spelling: Tensor | None,
    cache: CacheConfig,
) -> Tensor:
    """Log-probabilities of target words with the cache mixed in: `mix_cache` for many positions.

    In log space: a word of any probability, however small, has a finite log-probability.

    Args:
        log_p: the network's log-probabilities (streams, time, vocabulary).
        weights: the cache's weight of each earlier word (streams, time, earlier words).
        recent: labels of the earlier words (streams, earlier words).
        targets: ids and labels of the target words, each (streams, time).
        unknown: id of the unknown token, and the number of distinct OOV labels.
        spelling: nats that an OOV word's letters cost (streams, time), with which the word itself
            is scored; None: an OOV word is the event that any OOV word occurs.
        cache: weight and bound of the mixture.

    Returns:
        (streams, time).
    """
    (ids, labels), (unknown_id, oov) = targets, unknown
    vocabulary = log_p.shape[2]
    cached = log_p.new_zeros(*ids.shape, vocabulary + oov)
    cached.scatter_add_(2, recent[:, None].expand_as(weights), weights)
    in_vocabulary, outside = cached[..., :vocabulary], cached[..., vocabulary:]
    log_unknown = log_p[..., unknown_id, None]
    from_cache = torch.minimum(in_vocabulary, cache.max_ratio * log_p.exp()).sum(2)
    from_cache += torch.minimum(outside, cache.max_ratio * log_unknown.exp()).sum(2)
    log_target = log_p.gather(2, ids[..., None])[..., 0]
    log_bound = math.log(cache.max_ratio) + log_target  # of OOV words, the unknown token's
    log_cached = cached.gather(2, labels[..., None])[..., 0].log()  # -inf if not in the cache
    log_cached = torch.minimum(log_cached, log_bound)
    if spelling is None:  # any OOV word
        is_oov = labels >= vocabulary
        each = torch.minimum(outside[is_oov].log(), log_bound[is_oov][:, None])
        log_cached[is_oov] = torch.logsumexp(each, 1)
    else:
        log_target = log_target - spelling
    rest = torch.log1p(-cache.weight * from_cache)
    return torch.logaddexp(math.log(cache.weight) + log_cached, rest + log_target)
