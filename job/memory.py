"""What was just said is likely to be said again: a memory of the words read, beside the network.

The continuous cache of Grave et al., "Improving Neural Language Models with a Continuous Cache"
(2017): each word read is kept with the projected features that it was predicted from. A word's
probability is (1 - share) of the network's plus `share` of the memory's, where every remembered
word weighs exp(sharpness * features now · features then). A guest's name, which the training text
hardly knows, is soon among the likely words. Nothing in it is trained.
"""

import dataclasses

import torch
from torch import Tensor

# Drawing a word, the memory gives it at most so many times the network's own probability. Without
# that bound it is right more often, as held-out text shows, but what is drawn from it by chance
# breaks sentences and brackets.
MOST = 10.0


@dataclasses.dataclass(frozen=True)
class Memory:
    """How much is remembered, and how much it counts; size or share 0 is no memory."""

    size: int = 1000  # words back
    sharpness: float = 0.2
    share: float = 0.07

    def __bool__(self) -> bool:
        return self.size > 0 and self.share > 0


NO_MEMORY = Memory(size=0)


def weights(features: Tensor, earlier: Tensor, memory: Memory) -> Tensor:
    """How much each remembered word weighs at each place of a piece of text.

    Args:
        features: projected features (batch, time, features) that the piece's words are predicted
            from.
        earlier: the same of the words before the piece (batch, earlier words, features).

    Returns:
        (batch, time, earlier words + time), each row a distribution over the `memory.size` words
        before its place, or all zero where there is none.
    """
    time, before = features.shape[1], earlier.shape[1]
    keys = torch.cat([earlier, features], dim=1)
    similar = memory.sharpness * (features @ keys.mT).float()
    place = torch.arange(before, before + time, device=features.device)[:, None]
    age = place - torch.arange(before + time, device=features.device)  # 1: the word just read
    similar = similar.masked_fill((age < 1) | (age > memory.size), float("-inf"))
    return torch.softmax(similar, dim=-1).nan_to_num(0.0)
