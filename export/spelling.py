"""Words outside the vocabulary, for TorchScript: `job.speller` and `job.memory` at one place."""

from typing import Any, Dict, List, Tuple

import torch
from torch import Tensor, nn

from export.layers import GRULayer
from export.sampling import choose, uniform

LONGEST = 24  # letters of a word that is made up


class Spelling(nn.Module):
    """Writes a word, told by the network's features what kind of word is wanted.

    Args:
        packed: a speller as it lies in the checkpoint; empty for one that cannot spell.
    """

    def __init__(self, packed: Dict[str, Any]):
        super().__init__()
        self.able: bool = bool(packed)
        self.longest: int = LONGEST
        self.letters: List[str] = list(packed.get("letters", [""]))  # never empty: it has a type
        weights = packed.get("weights") or _nothing()
        hidden, inputs = weights["gru.weight_ih_l0"].shape
        gru = nn.GRU(inputs, hidden // 3)
        gru.load_state_dict(_part(weights, "gru."))
        self.gru = GRULayer(gru)
        self.embedding = nn.Parameter(weights["embedding.weight"])
        self.context = nn.Linear(*weights["context.weight"].shape[::-1])
        self.context.load_state_dict(_part(weights, "context."))
        self.fc = nn.Linear(*weights["fc.weight"].shape[::-1])
        self.fc.load_state_dict(_part(weights, "fc."))
        self.hidden_dim: int = hidden // 3

    def forward(
        self, features: Tensor, temperature: float, top_p: float, one: int, two: int
    ) -> Tuple[str, int, int]:
        """Features (1, features) and the random state -> (a word, the random state after it)."""
        context = torch.tanh(self.context(features))
        hidden = torch.zeros([1, self.hidden_dim], device=features.device)
        letter = 0  # END is also the beginning
        word: List[str] = []
        for place in range(self.longest):
            x = torch.cat([self.embedding[letter][None], context], dim=1)[:, None]
            x, hidden, _ = self.gru(x, hidden, hidden)
            scores = self.fc(x[0, 0])
            if place == 0:
                scores[0] = -float("inf")  # a word has a letter
            u, one, two = uniform(one, two)
            letter = choose(scores, 1, [], temperature, 0, top_p, 0.0, 1.0, u)
            if letter == 0:
                break
            word.append(self.letters[letter - 2])
        return "".join(word), one, two


def recall(
    scores: Tensor,
    features: Tensor,
    keys: Tensor,
    ids: List[int],
    sharpness: float,
    share: float,
    unknown_id: int,
    met: int,
    most: float,
) -> Tensor:
    """Scores with the memory of the words just written mixed in: `job.memory` for one place.

    No word gets more than `most` times the network's own probability from it. Without that bound
    the memory is right more often, as held-out text shows, but what is drawn from it by chance
    breaks sentences and brackets.

    Args:
        scores: (vocabulary,); features: (features,).
        keys: features that the remembered words were predicted from (words, features).
        ids: the remembered words' ids (words,), those outside the vocabulary numbered after it.
        met: words outside the vocabulary met so far; each as likely as the unknown word.

    Returns:
        (vocabulary + met,) of the same sum of exponentials as `scores`.
    """
    weights = torch.softmax(sharpness * torch.mv(keys, features), 0)
    remembered = torch.zeros([scores.size(0) + met], device=scores.device)
    remembered.index_add_(0, torch.tensor(ids, device=scores.device), weights)
    total = torch.logsumexp(scores, 0)
    probabilities = torch.exp(scores - total)
    bound = torch.cat([probabilities, probabilities[unknown_id].expand([met])])
    mixed = share * torch.minimum(remembered, most * bound)
    mixed[: scores.size(0)] += (1.0 - mixed.sum()) * probabilities
    return torch.log(mixed) + total


def _part(weights: Dict[str, Tensor], name: str) -> Dict[str, Tensor]:
    return {key[len(name) :]: value for key, value in weights.items() if key.startswith(name)}


def _nothing() -> Dict[str, Tensor]:
    """The smallest weights: TorchScript compiles the module also where it is never called."""
    gru, context, fc = nn.GRU(2, 1), nn.Linear(1, 1), nn.Linear(1, 2)
    found = {"embedding.weight": torch.zeros(2, 1)}
    for name, module in (("gru.", gru), ("context.", context), ("fc.", fc)):
        found.update({name + key: torch.zeros_like(t) for key, t in module.state_dict().items()})
    return found
