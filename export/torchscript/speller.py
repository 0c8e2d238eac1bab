"""The speller for TorchScript: writes an out-of-vocabulary word letter by letter."""

from typing import Any, Dict, List, Tuple

import torch
from torch import Tensor, nn

from data.tokens import has_bracket
from export.torchscript.layers import GRULayer, Linear
from job.layers.sampling import Options, sample_token, uniform

MAX_LETTERS = 24  # of a spelled word


class ScriptSpeller(nn.Module):
    """The character-level GRU of `job.layers.speller`, conditioned on the network's features.

    Args:
        packed: the speller of a checkpoint; empty: no speller.
        linear: `layers.Linear` or `layers.Int8Linear`.
    """

    def __init__(self, packed: Dict[str, Any], linear: type[nn.Module] = Linear):
        super().__init__()
        self.enabled: bool = bool(packed)
        self.max_letters: int = MAX_LETTERS
        # Not empty: TorchScript infers the type of the elements from the first one.
        self.letters: List[str] = list(packed.get("letters", [""]))
        weights = packed.get("weights") or _placeholder_weights()
        hidden, inputs = weights["gru.weight_ih_l0"].shape
        gru = nn.GRU(inputs, hidden // 3)
        # OTHER, which cannot be written, and brackets, which words of the vocabulary alone balance.
        excluded = [n + 2 for n, letter in enumerate(self.letters) if has_bracket(letter)]
        self.register_buffer("excluded_letters", torch.tensor([1, *excluded]))
        gru.load_state_dict(_with_prefix(weights, "gru."))
        self.gru = GRULayer(gru, linear)
        self.embedding = nn.Parameter(weights["embedding.weight"])
        self.context = linear(weights["context.weight"], weights["context.bias"])
        self.fc = linear(weights["fc.weight"], weights["fc.bias"])
        self.hidden_dim: int = hidden // 3

    def forward(
        self, features: Tensor, temperature: float, top_p: float, one: int, two: int
    ) -> Tuple[str, int, int]:
        """Samples a word.

        Args:
            features: (1, features) of the network at the word's position.
            one, two: state of the random number generator (`job.layers.sampling.uniform`).

        Returns:
            (the word, the generator's state afterwards).
        """
        context = torch.tanh(self.context(features))
        hidden = torch.zeros([1, self.hidden_dim], device=features.device)
        letter = 0  # END is also the start symbol
        options = Options(temperature, 0, top_p, 0.0, 1.0, 0)
        word: List[str] = []
        for place in range(self.max_letters):
            x = torch.cat([self.embedding[letter][None], context], dim=1)
            hidden, _ = self.gru.step(x, hidden, hidden)
            scores = self.fc(hidden)[0]
            if place == 0:
                scores[0] = -float("inf")  # a word has at least one letter
            u, one, two = uniform(one, two)
            scores.index_fill_(0, self.excluded_letters, -float("inf"))
            letter = sample_token(scores, options, u)
            if letter == 0:
                break
            word.append(self.letters[letter - 2])
        return "".join(word), one, two


def _with_prefix(weights: Dict[str, Tensor], prefix: str) -> Dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)}


def _placeholder_weights() -> Dict[str, Tensor]:
    """The smallest weights: TorchScript compiles the module even if it is never called."""
    gru, context, fc = nn.GRU(2, 1), nn.Linear(1, 1), nn.Linear(1, 2)
    weights = {"embedding.weight": torch.zeros(2, 1)}
    for prefix, module in (("gru.", gru), ("context.", context), ("fc.", fc)):
        weights.update(
            {prefix + key: torch.zeros_like(t) for key, t in module.state_dict().items()}
        )
    return weights
