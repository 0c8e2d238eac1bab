"""Words outside the vocabulary, for TorchScript: `job.layers.speller`, letter by letter."""

from typing import Any, Dict, List, Tuple

import torch
from torch import Tensor, nn

from export.torchscript.layers import GRULayer, Matrix
from job.layers.sampling import Options, sample_token, uniform

LONGEST = 24  # letters of a word that is made up


class Spelling(nn.Module):
    """Writes a word, told by the network's features what kind of word is wanted.

    Args:
        packed: a speller as it lies in the checkpoint; empty for one that cannot spell.
        matrix: how weights are kept, `layers.Matrix` or `layers.Matrix8`.
    """

    def __init__(self, packed: Dict[str, Any], matrix: type[nn.Module] = Matrix):
        super().__init__()
        self.able: bool = bool(packed)
        self.longest: int = LONGEST
        self.letters: List[str] = list(packed.get("letters", [""]))  # never empty: it has a type
        weights = packed.get("weights") or _nothing()
        hidden, inputs = weights["gru.weight_ih_l0"].shape
        gru = nn.GRU(inputs, hidden // 3)
        gru.load_state_dict(_part(weights, "gru."))
        self.gru = GRULayer(gru, matrix)
        self.embedding = nn.Parameter(weights["embedding.weight"])
        self.context = matrix(weights["context.weight"], weights["context.bias"])
        self.fc = matrix(weights["fc.weight"], weights["fc.bias"])
        self.hidden_dim: int = hidden // 3

    def forward(
        self, features: Tensor, temperature: float, top_p: float, one: int, two: int
    ) -> Tuple[str, int, int]:
        """Features (1, features) and the random state -> (a word, the random state after it)."""
        context = torch.tanh(self.context(features))
        hidden = torch.zeros([1, self.hidden_dim], device=features.device)
        letter = 0  # END is also the beginning
        options = Options(temperature, 0, top_p, 0.0, 1.0, 0)
        word: List[str] = []
        for place in range(self.longest):
            x = torch.cat([self.embedding[letter][None], context], dim=1)[:, None]
            x, hidden, _ = self.gru(x, hidden, hidden)
            scores = self.fc(x[0])[0]
            if place == 0:
                scores[0] = -float("inf")  # a word has a letter
            u, one, two = uniform(one, two)
            scores[1] = -float("inf")  # the letter that stands for all rare ones
            letter = sample_token(scores, options, u)
            if letter == 0:
                break
            word.append(self.letters[letter - 2])
        return "".join(word), one, two


def _part(weights: Dict[str, Tensor], name: str) -> Dict[str, Tensor]:
    return {key[len(name) :]: value for key, value in weights.items() if key.startswith(name)}


def _nothing() -> Dict[str, Tensor]:
    """The smallest weights: TorchScript compiles the module also where it is never called."""
    gru, context, fc = nn.GRU(2, 1), nn.Linear(1, 1), nn.Linear(1, 2)
    found = {"embedding.weight": torch.zeros(2, 1)}
    for name, module in (("gru.", gru), ("context.", context), ("fc.", fc)):
        found.update({name + key: torch.zeros_like(t) for key, t in module.state_dict().items()})
    return found
