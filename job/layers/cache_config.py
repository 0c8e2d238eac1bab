"""The continuous neural cache: what was just said is likely to be said again.

Grave et al., "Improving Neural Language Models with a Continuous Cache" (2017): each word read is
kept with the projected features that it was predicted from. A word's probability mixes that of the
network with that of the cache, in which every word weighs exp(theta * features now . features
then). A guest's name, which the training text hardly knows, is soon among the likely words. The
cache has no trained weights.
"""

import dataclasses

import torch
from torch import Tensor

# The cache's weight of a word is at most this many times the network's own probability. Without the
# bound held-out text is predicted better, but words sampled from the cache by chance break
# sentences and brackets.
MAX_RATIO = 10.0


@dataclasses.dataclass(frozen=True)
class CacheConfig:
    """Size and strength of the cache; size or weight 0 is no cache.

    Args:
        size: words that it holds.
        theta: how sharply it prefers words predicted from similar features.
        weight: its share of the mixture, in [0, 1).
        max_ratio: bound on a word's probability in the cache, in units of the network's own.
    """

    size: int = 1000
    theta: float = 0.2
    weight: float = 0.07
    max_ratio: float = MAX_RATIO

    def __bool__(self) -> bool:
        return self.size > 0 and self.weight > 0


NO_CACHE = CacheConfig(size=0)


def attention(features: Tensor, earlier: Tensor, cache: CacheConfig) -> Tensor:
    """The cache's weight of each earlier word, at each place of a chunk of text.

    Args:
        features: projected features (batch, time, features) that the chunk's words are predicted
            from.
        earlier: the same of the words before the chunk (batch, earlier words, features).

    Returns:
        (batch, time, earlier words + time), each row a distribution over the `cache.size` words
        before its place, or all zero where there is none.
    """
    time, before = features.shape[1], earlier.shape[1]
    keys = torch.cat([earlier, features], dim=1)
    similar = cache.theta * (features @ keys.mT).float()
    place = torch.arange(before, before + time, device=features.device)[:, None]
    age = place - torch.arange(before + time, device=features.device)  # 1: the word just read
    similar = similar.masked_fill((age < 1) | (age > cache.size), float("-inf"))
    return torch.softmax(similar, dim=-1).nan_to_num(0.0)
