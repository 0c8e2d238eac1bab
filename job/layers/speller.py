"""Words outside the vocabulary, letter by letter: no name is out of reach, no character unpaid.

Where the network expects the unknown word, a small GRU spells it, told by the network's features
what kind of word is wanted there: a speaker, a number, a cry. It learns from the rare words of the
training text, in their places. The network itself is not changed.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from job.evaluate import layout, read_text
from job.model import RNN

END, OTHER = 0, 1  # the word's end; a character that no training word has
UNICODE = 0x110000  # code points; such a character costs as much as any other of them
RARE = 4  # words seen up to so often are what unknown words are like
MIN_WORDS = 100  # fewer rare words teach no spelling
LONGEST = 40  # letters of a word to learn from


class Speller(nn.Module):
    """Scores the next letter of a word.

    Args:
        letters: the characters it may write; numbered from 2, after END and OTHER.
        features_dim: features of the network, projected, that a word is predicted from.
    """

    def __init__(
        self, letters: Sequence[str], features_dim: int, hidden_dim: int = 320, dropout: float = 0.4
    ):
        super().__init__()
        self.letters = list(letters)
        self.number = {letter: number + 2 for number, letter in enumerate(self.letters)}
        self.dropout = dropout
        self.context = nn.Linear(features_dim, 96)
        self.embedding = nn.Embedding(len(self.letters) + 2, 64)
        self.gru = nn.GRU(64 + 96, hidden_dim, batch_first=True)
        self.fc = nn.Linear(hidden_dim, len(self.letters) + 2)

    def forward(self, letters: Tensor, features: Tensor) -> Tensor:
        """Letters before (words, time), features (words, features) -> scores of the next."""
        p, training = self.dropout, self.training
        context = torch.tanh(self.context(F.dropout(features, p, training)))
        x = F.dropout(self.embedding(letters), p / 2, training)
        x = torch.cat([x, context[:, None].expand(-1, letters.shape[1], -1)], dim=2)
        x, _ = self.gru(x)
        return self.fc(F.dropout(x, p, training))

    def losses(self, words: Tensor, features: Tensor) -> Tensor:
        """Nats that each word's letters and its end cost: (words,); see `numbered`."""
        before = F.pad(words[:, :-1].clamp_min(0), (1, 0), value=END)
        scores = self(before, features)
        nats = F.cross_entropy(
            scores.flatten(0, 1), words.flatten(), ignore_index=-100, reduction="none"
        )
        return nats.view(words.shape).sum(1) + (words == OTHER).sum(1) * math.log(UNICODE)

    def numbered(self, words: Sequence[str], longest: int | None = None) -> Tensor:
        """Words as letters' numbers, each with its END, then -100: (words, time) int64."""
        rows = [
            [self.number.get(letter, OTHER) for letter in word[:longest]] + [END] for word in words
        ]
        time = max(map(len, rows), default=1)
        return torch.tensor([row + [-100] * (time - len(row)) for row in rows])


def fit_speller(
    network: RNN,
    ids: Tensor,
    words: Sequence[str],
    counts: Mapping[str, int],
    primer: Sequence[int],
    seed: int = 1,
    epochs: int = 10,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
) -> Speller | None:
    """Teaches a speller the rare words of the training text; None if there are too few.

    Args:
        network: trained, and left as it is.
        ids: the training text, or a sample of it, (words,) on the network's device.
        words: the same text as words, the unknown ones as they stand there.
        counts: how often the words of the vocabulary stand in all of the training text.
    """
    places = [place for place, word in enumerate(words) if counts.get(word, 0) <= RARE]
    if len(places) < MIN_WORDS:
        return None
    device = ids.device
    features = features_at(network, ids, primer, torch.tensor(places, device=device))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        letters = sorted({letter for place in places for letter in words[place]})
        speller = Speller(letters, features.shape[1]).to(device)
        targets = speller.numbered([words[place] for place in places], LONGEST).to(device)
        optimizer = torch.optim.AdamW(speller.parameters(), lr=learning_rate, weight_decay=0.05)
        steps = epochs * (len(places) // batch_size + 1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(epochs):
            for batch in torch.randperm(len(places), device=device).tensor_split(steps // epochs):
                optimizer.zero_grad()
                loss = speller.losses(targets[batch], features[batch]).mean()
                loss.backward()
                nn.utils.clip_grad_norm_(speller.parameters(), 5.0)
                optimizer.step()
                schedule.step()
    return speller.eval()


@torch.no_grad()
def features_at(network: RNN, ids: Tensor, primer: Sequence[int], places: Tensor) -> Tensor:
    """The projected features that the words at some places of a text are predicted from.

    Returns:
        (places, features) float32.
    """
    _, length = layout(len(ids), 16)
    found: Tensor | None = None
    part, offset = places // length, places % length
    for start, scores, features, _ in read_text(network, ids, primer):
        if found is None:
            found = features.new_zeros(len(places), features.shape[2])
        here = ((offset >= start) & (offset < start + scores.shape[1])).nonzero()[:, 0]
        found[here] = features[part[here], offset[here] - start]
    return found
