"""The speller: a character-level model of out-of-vocabulary (OOV) words.

Where the network predicts the unknown token, a small GRU spells a word, conditioned on the
network's features at that position: a speaker's name, a number, an exclamation. It is trained on
the rare words of the training text by `job.finalize.fit_speller`; the network is not changed.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

END, OTHER = 0, 1  # end of the word; any character that no training word has
UNICODE = 0x110000  # code points: an OTHER character is one of them with equal probability


class Speller(nn.Module):
    """Scores of the next letter of a word.

    Args:
        letters: the characters that it can write. Their ids start at 2, after END and OTHER.
        features_dim: size of the network's projected features.
        hidden_dim: units of the GRU.
        dropout: dropout probability on features and outputs; half of it on letters.
    """

    def __init__(
        self, letters: Sequence[str], features_dim: int, hidden_dim: int = 320, dropout: float = 0.4
    ):
        super().__init__()
        self.letters = list(letters)
        self.letter_ids = {letter: number + 2 for number, letter in enumerate(self.letters)}
        self.dropout = dropout
        self.context = nn.Linear(features_dim, 96)
        self.embedding = nn.Embedding(len(self.letters) + 2, 64)
        self.gru = nn.GRU(64 + 96, hidden_dim, batch_first=True)
        self.fc = nn.Linear(hidden_dim, len(self.letters) + 2)

    def forward(self, letters: Tensor, features: Tensor) -> Tensor:
        """Scores of the next letter after each prefix of some words.

        Args:
            letters: ids of the letters before (words, time), END first.
            features: projected features at each word's position (words, features).

        Returns:
            (words, time, letters + 2).
        """
        p, training = self.dropout, self.training
        context = torch.tanh(self.context(F.dropout(features, p, training)))
        x = F.dropout(self.embedding(letters), p / 2, training)
        x = torch.cat([x, context[:, None].expand(-1, letters.shape[1], -1)], dim=2)
        x, _ = self.gru(x)
        return self.fc(F.dropout(x, p, training))

    def losses(self, words: Tensor, features: Tensor) -> Tensor:
        """Negative log-probability in nats of each word's letters and its end.

        Args:
            words: letter ids (words, time), by `encode`.
            features: (words, features).

        Returns:
            (words,).
        """
        before = F.pad(words[:, :-1].clamp_min(0), (1, 0), value=END)
        scores = self(before, features)
        nats = F.cross_entropy(
            scores.flatten(0, 1), words.flatten(), ignore_index=-100, reduction="none"
        )
        return nats.view(words.shape).sum(1) + (words == OTHER).sum(1) * math.log(UNICODE)

    def encode(self, words: Sequence[str], max_length: int | None = None) -> Tensor:
        """Words as letter ids, each followed by END and padded with -100: (words, time) int64."""
        rows = [
            [self.letter_ids.get(letter, OTHER) for letter in word[:max_length]] + [END]
            for word in words
        ]
        time = max(map(len, rows), default=1)
        return torch.tensor([row + [-100] * (time - len(row)) for row in rows])


def pack_speller(speller: Speller | None) -> dict[str, Any]:
    """A speller as a checkpoint stores it: letters and weights; empty for None."""
    if speller is None:
        return {}
    weights = {name: weight.cpu() for name, weight in speller.state_dict().items()}
    return {"letters": speller.letters, "weights": weights}


def unpack_speller(packed: dict[str, Any]) -> Speller | None:
    """The speller of `pack_speller`'s dict, in evaluation mode."""
    if not packed:
        return None
    weights = packed["weights"]
    features, hidden = weights["context.weight"].shape[1], weights["gru.weight_hh_l0"].shape[1]
    speller = Speller(packed["letters"], features, hidden)
    speller.load_state_dict(weights)
    return speller.eval()
