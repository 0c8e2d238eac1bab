"""The base class of the TorchScript module: the network, and conversion of text to ids and back."""

from typing import Dict, List, Tuple

import torch
from torch import Tensor, nn

from data.command_line import UserError
from data.tokens import join_words, normalize, split_words
from data.vocab import Vocabulary
from export.torchscript.layers import GRULayer, Int8Linear, Linear, LSTMLayer
from job.layers.sampling import excluded_words, exempt_words, word_roles
from job.model import RNN

Hidden = Tuple[Tensor, Tensor]


class ScriptReader(nn.Module):
    """A trained network with its vocabulary.

    The hidden state is an explicit pair (n_layers, batch, hidden_dim) in every call, also for a
    GRU, whose second tensor is zeros. All methods are pure: no state is kept between calls, so that
    any number of threads can use one loaded file.

    Args:
        int8: whether the weights are stored in int8, for a CPU.

    Raises:
        UserError: if the network and the vocabulary differ in size; the message has both sizes.
    """

    __constants__ = ["tied", "has_projection"]

    def __init__(self, network: RNN, vocabulary: Vocabulary, int8: bool = False):
        super().__init__()
        outputs = network.fc.out_features
        if not network.vocab_size == outputs == len(vocabulary):
            raise UserError(
                f"the network has {outputs} words and the vocabulary {len(vocabulary)}: they "
                "belong to two different models"
            )
        network = network.cpu().eval()
        self.linear = linear = Int8Linear if int8 else Linear
        self.n_layers: int = network.n_layers
        self.hidden_dim: int = network.hidden_dim
        layer_type = LSTMLayer if network.cell == "lstm" else GRULayer
        self.layers = nn.ModuleList(
            layer_type(layer, linear, bounded_input=number > 0)
            for number, layer in enumerate(network.layers)
        )
        self.has_projection = isinstance(network.projection, nn.Linear)
        if self.has_projection:
            self.projection = linear(network.projection.weight, network.projection.bias, True)
        self.output = linear(network.fc.weight, network.fc.bias)
        self.tied = network.fc.weight is network.embedding.weight
        if not self.tied:
            self.embedding = linear(network.embedding.weight, torch.zeros(outputs))
        self.features: int = network.fc.in_features
        for parameter in self.parameters():
            parameter.requires_grad_(False)

        self.words: List[str] = list(vocabulary.words)
        self.vocab_to_int: Dict[str, int] = {word: i for i, word in enumerate(vocabulary.words)}
        self.symbols: Dict[str, str] = dict(vocabulary.symbols)
        self.normalization: List[Tuple[str, str]] = list(vocabulary.normalization)
        self.primer: str = vocabulary.primer
        self.unknown_id: int = vocabulary.unknown_id
        characters = {name: symbol for symbol, name in vocabulary.symbols.items()}
        self.characters: Dict[str, str] = characters  # a symbol's name -> its character
        self.typed_words: List[str] = [characters.get(word, word) for word in vocabulary.words]
        # Punctuation and speakers recur in every script, so the penalties do not apply to them.
        exempt = exempt_words(vocabulary.words, vocabulary.symbols)
        self.register_buffer("penalty_exempt", exempt)
        self.roles: List[int] = word_roles(vocabulary.words, vocabulary.symbols)
        heading = vocabulary.numbers(vocabulary.heading_words)
        self.excluded: List[Tensor] = excluded_words(self.roles, heading)
        self.speaker_repeat: float = vocabulary.speaker_repeat

    def forward(self, tokens: Tensor, hidden: Hidden) -> Tuple[Tensor, Hidden]:
        """tokens (batch, time) int64 -> (scores (batch, time, vocabulary), hidden).

        The scores are logits of the word after each token.
        """
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
        """tokens (batch, time) -> (features (batch, time, features), hidden).

        The features are the input of the output layer, whose cost is saved here.
        """
        x = self.embed(tokens.flatten()).view(tokens.size(0), tokens.size(1), -1)
        hs: List[Tensor] = []
        cs: List[Tensor] = []
        for number, layer in enumerate(self.layers):
            x, h, c = layer(x, hidden[0][number], hidden[1][number])
            hs.append(h)
            cs.append(c)
        if self.has_projection:
            x = self.projection(x)
        return x, (torch.stack(hs), torch.stack(cs))

    def read_one(self, tokens: Tensor, hidden: Hidden) -> Tuple[Tensor, Hidden]:
        """`read` of one token a row: tokens (batch,) -> (features (batch, features), hidden).

        At batch size 1 each operation costs more than its arithmetic, so there is no time axis.
        """
        x = self.embed(tokens)
        h, c = hidden[0].unbind(0), hidden[1].unbind(0)
        hs: List[Tensor] = []
        cs: List[Tensor] = []
        for number, layer in enumerate(self.layers):
            x, memory = layer.step(x, h[number], c[number])
            hs.append(x)
            cs.append(memory)
        if self.has_projection:
            x = self.projection(x)
        return x, (torch.stack(hs), torch.stack(cs))

    def embed(self, tokens: Tensor) -> Tensor:
        """The embeddings of tokens: (count,) int64 -> (count, inputs)."""
        return self.output.rows(tokens) if self.tied else self.embedding.rows(tokens)

    @torch.jit.export
    def init_hidden(self, batch_size: int) -> Tuple[Tensor, Tensor]:
        """The initial hidden state: two tensors of zeros (n_layers, batch, hidden_dim)."""
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or above, not {batch_size}")
        shape = [self.n_layers, batch_size, self.hidden_dim]
        device = self.penalty_exempt.device
        return torch.zeros(shape, device=device), torch.zeros(shape, device=device)

    @torch.jit.export
    def encode(self, text: str) -> List[int]:
        """The ids of a text; an out-of-vocabulary word has the unknown word's id."""
        ids: List[int] = []
        for word in split_words(normalize(text, self.normalization), self.symbols):
            ids.append(self.vocab_to_int.get(word, self.unknown_id))
        return ids

    @torch.jit.export
    def decode(self, ids: List[int]) -> str:
        """The text of ids, with the usual spacing around punctuation."""
        words: List[str] = []
        for number in ids:
            if number < 0 or number >= len(self.words):
                raise ValueError(f"ids must be from 0 to {len(self.words) - 1}, not {number}")
            words.append(self.words[number])
        return join_words(words, self.symbols)

    @torch.jit.export
    def unknown_words(self, text: str) -> List[str]:
        """The out-of-vocabulary words of a text, each once, in order of appearance."""
        found: List[str] = []
        for word in split_words(normalize(text, self.normalization), self.symbols):
            typed_word = self.characters.get(word, word)
            number = self.vocab_to_int.get(word, self.unknown_id)
            if number == self.unknown_id and typed_word not in found:
                found.append(typed_word)
        return found

    @torch.jit.export
    def logprobs(self, text: str) -> List[Tuple[str, float]]:
        """Each word of a text with its log-probability (nats) given all words before it.

        By the network alone, without the neural cache, as `forward` scores it. An
        out-of-vocabulary word has the log-probability of the unknown word.
        """
        words = split_words(normalize(text, self.normalization), self.symbols)
        primer = self.encode(self.primer)
        ids: List[int] = primer.copy()
        for word in words:
            ids.append(self.vocab_to_int.get(word, self.unknown_id))
        found: List[Tuple[str, float]] = []
        hidden = self.init_hidden(1)
        chunk = 256  # words at a time: the scores of a long text would fill the memory
        tokens = torch.tensor([ids], dtype=torch.int64, device=self.penalty_exempt.device)
        start = 0
        while start < len(ids) - 1:
            end = min(start + chunk, len(ids) - 1)
            x, hidden = self.read(tokens[:, start:end], hidden)
            scores = torch.log_softmax(self.output(x)[0], 1)
            targets = tokens[0, start + 1 : end + 1]
            values: List[float] = scores.gather(1, targets[:, None])[:, 0].double().tolist()
            for number, value in enumerate(values):
                place = start + 1 + number - len(primer)
                if place >= 0:
                    word = words[place]
                    found.append((self.characters.get(word, word), value))
            start = end
        return found
