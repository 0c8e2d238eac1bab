"""The half of the TorchScript file that reads: the network, and text into ids and back."""

from typing import Dict, List, Tuple

import torch
from torch import Tensor, nn

from data.command_line import UserError
from data.tokens import join_words, normalize, split_words
from data.vocab import Vocabulary
from export.torchscript.layers import GRULayer, LSTMLayer, Matrix, Matrix8
from job.model import RNN

Hidden = Tuple[Tensor, Tensor]


class ScriptReader(nn.Module):
    """A trained network with its vocabulary.

    Args:
        int8: whether the weights are kept in int8, for a CPU.

    The hidden state is always an explicit pair (n_layers, batch, hidden_dim), also for a GRU,
    whose second tensor is zeros. All methods are pure: nothing is kept between two calls, so that
    any number of threads may use one loaded file.

    Raises:
        UserError: if the network and the vocabulary have different sizes; names both.
    """

    __constants__ = ["tied", "projects"]

    def __init__(self, network: RNN, vocabulary: Vocabulary, int8: bool = False):
        super().__init__()
        outputs = network.fc.out_features
        if not network.vocab_size == outputs == len(vocabulary):
            raise UserError(
                f"the network knows {outputs} words and the vocabulary {len(vocabulary)}: they "
                "are of two different models"
            )
        network = network.cpu().eval()
        self.matrix = matrix = Matrix8 if int8 else Matrix
        self.n_layers: int = network.n_layers
        self.hidden_dim: int = network.hidden_dim
        kind = LSTMLayer if network.cell == "lstm" else GRULayer
        self.layers = nn.ModuleList(
            kind(layer, matrix, number > 0) for number, layer in enumerate(network.layers)
        )
        self.projects = isinstance(network.projection, nn.Linear)
        if self.projects:
            self.projection = matrix(network.projection.weight, network.projection.bias, True)
        self.output = matrix(network.fc.weight, network.fc.bias)
        self.tied = network.fc.weight is network.embedding.weight
        if not self.tied:
            self.embedding = matrix(network.embedding.weight, torch.zeros(outputs))
        self.features: int = network.fc.in_features
        for parameter in self.parameters():
            parameter.requires_grad_(False)

        self.words: List[str] = list(vocabulary.words)
        self.vocab_to_int: Dict[str, int] = {word: i for i, word in enumerate(vocabulary.words)}
        self.symbols: Dict[str, str] = dict(vocabulary.symbols)
        self.normalization: List[Tuple[str, str]] = list(vocabulary.normalization)
        self.primer: str = vocabulary.primer
        self.unknown_id: int = vocabulary.unknown_id
        names = {name: symbol for symbol, name in vocabulary.symbols.items()}
        self.names: Dict[str, str] = names
        self.characters: List[str] = [names.get(word, word) for word in vocabulary.words]  # typed
        # Punctuation and speakers, which must recur: penalties spare them.
        spared = [word in names or word.endswith((":", "]")) for word in vocabulary.words]
        self.register_buffer("spared", torch.tensor(spared))

    def forward(self, tokens: Tensor, hidden: Hidden) -> Tuple[Tensor, Hidden]:
        """tokens (batch, time) int64 -> (scores (batch, time, vocabulary), hidden)."""
        if tokens.dim() != 2 or tokens.numel() == 0:
            raise ValueError(
                f"tokens must be (batch, time), neither of them 0, not {list(tokens.size())}"
            )
        if int(tokens.min()) < 0 or int(tokens.max()) >= len(self.words):
            raise ValueError(f"tokens must be from 0 to {len(self.words) - 1}")
        state = [self.n_layers, tokens.size(0), self.hidden_dim]
        if list(hidden[0].size()) != state or list(hidden[1].size()) != state:
            raise ValueError(f"hidden must be two tensors of shape {state}; see init_hidden")
        x, hidden = self.read(tokens, hidden)
        return self.output(x), hidden

    def read(self, tokens: Tensor, hidden: Hidden) -> Tuple[Tensor, Hidden]:
        """The features (batch, time, features) that scores are made of, without their cost."""
        x = self.output.rows(tokens) if self.tied else self.embedding.rows(tokens)
        hs: List[Tensor] = []
        cs: List[Tensor] = []
        for number, layer in enumerate(self.layers):
            x, h, c = layer(x, hidden[0][number], hidden[1][number])
            hs.append(h)
            cs.append(c)
        if self.projects:
            x = self.projection(x)
        return x, (torch.stack(hs), torch.stack(cs))

    @torch.jit.export
    def init_hidden(self, batch_size: int) -> Tuple[Tensor, Tensor]:
        """The state before any word: two tensors of zeros (n_layers, batch, hidden_dim)."""
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or above, not {batch_size}")
        shape = [self.n_layers, batch_size, self.hidden_dim]
        device = self.spared.device
        return torch.zeros(shape, device=device), torch.zeros(shape, device=device)

    @torch.jit.export
    def encode(self, text: str) -> List[int]:
        """Text into ids; a word that the model has never seen becomes the unknown word's id."""
        ids: List[int] = []
        for word in split_words(normalize(text, self.normalization), self.symbols):
            ids.append(self.vocab_to_int.get(word, self.unknown_id))
        return ids

    @torch.jit.export
    def decode(self, ids: List[int]) -> str:
        """Ids into text as a person types it."""
        words: List[str] = []
        for number in ids:
            if number < 0 or number >= len(self.words):
                raise ValueError(f"ids must be from 0 to {len(self.words) - 1}, not {number}")
            words.append(self.words[number])
        return join_words(words, self.symbols)

    @torch.jit.export
    def unknown_words(self, text: str) -> List[str]:
        """The words of a text that the model has never seen, each once, in order."""
        found: List[str] = []
        for word in split_words(normalize(text, self.normalization), self.symbols):
            shown = self.names.get(word, word)
            number = self.vocab_to_int.get(word, self.unknown_id)
            if number == self.unknown_id and shown not in found:
                found.append(shown)
        return found

    @torch.jit.export
    def logprobs(self, text: str) -> List[Tuple[str, float]]:
        """Each word of a text with its log-probability (nats) after all before it.

        By the network alone, as `forward` scores it; a word that the model has never seen has the
        unknown word's.
        """
        words = split_words(normalize(text, self.normalization), self.symbols)
        before = self.encode(self.primer)
        ids: List[int] = before.copy()
        for word in words:
            ids.append(self.vocab_to_int.get(word, self.unknown_id))
        found: List[Tuple[str, float]] = []
        hidden = self.init_hidden(1)
        piece = 256  # words at a time: the scores of a long text would fill the memory
        tokens = torch.tensor([ids], dtype=torch.int64, device=self.spared.device)
        start = 0
        while start < len(ids) - 1:
            end = min(start + piece, len(ids) - 1)
            x, hidden = self.read(tokens[:, start:end], hidden)
            scores = torch.log_softmax(self.output(x)[0], 1)
            following = tokens[0, start + 1 : end + 1]
            values: List[float] = scores.gather(1, following[:, None])[:, 0].double().tolist()
            for number, value in enumerate(values):
                place = start + 1 + number - len(before)
                if place >= 0:
                    word = words[place]
                    found.append((self.names.get(word, word), value))
            start = end
        return found
