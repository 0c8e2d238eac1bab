"""The module that becomes the TorchScript file: text in, text out, and nothing else needed."""

from typing import Dict, List, Tuple

import torch
from torch import Tensor, nn

from data.command_line import UserError
from data.tokens import fold, join_words, quote_after, split_words, typed
from data.vocab import Vocabulary
from export.layers import GRULayer, LSTMLayer
from export.sampling import check, choose, seeded, uniform
from job.model import RNN

WINDOW = 64  # words back that the repetition penalty looks

Hidden = Tuple[Tensor, Tensor]
# The network's state before the last word, and plain numbers: two of the random generator, whether
# a quotation is open, the last word, and the newest words up to WINDOW.
State = Tuple[Tuple[Tensor, Tensor], List[int]]


class ScriptWriter(nn.Module):
    """A trained network with its vocabulary and its way of choosing words.

    The hidden state is always an explicit pair (n_layers, batch, hidden_dim), also for a GRU,
    whose second tensor is zeros. All text methods are pure: nothing is kept between two calls, so
    that any number of threads may use one loaded file.

    Raises:
        UserError: if the network and the vocabulary have different sizes; names both.
    """

    def __init__(self, network: RNN, vocabulary: Vocabulary):
        super().__init__()
        outputs = network.fc.out_features
        if not network.vocab_size == outputs == len(vocabulary):
            raise UserError(
                f"the network knows {outputs} words and the vocabulary {len(vocabulary)}: they "
                "are of two different models"
            )
        network = network.cpu().eval()
        self.window: int = WINDOW
        self.n_layers: int = network.n_layers
        self.hidden_dim: int = network.hidden_dim
        self.embedding = nn.Parameter(network.embedding.weight.detach().clone())
        kind = LSTMLayer if network.cell == "lstm" else GRULayer
        self.layers = nn.ModuleList(kind(layer) for layer in network.layers)
        self.projection = network.projection
        tied = network.fc.weight is network.embedding.weight
        weight = network.fc.weight.detach().clone()
        self.output_weight = self.embedding if tied else nn.Parameter(weight)
        self.output_bias = nn.Parameter(network.fc.bias.detach().clone())
        for parameter in self.parameters():
            parameter.requires_grad_(False)

        self.words: List[str] = list(vocabulary.words)
        self.vocab_to_int: Dict[str, int] = {word: i for i, word in enumerate(vocabulary.words)}
        self.symbols: Dict[str, str] = dict(vocabulary.symbols)
        self.folds: List[Tuple[str, str]] = list(vocabulary.folds)
        self.primer: str = vocabulary.primer
        self.unknown_id: int = vocabulary.unknown_id
        # As typed; the repetition penalty spares punctuation and speakers, which must recur.
        names = {name: symbol for symbol, name in vocabulary.symbols.items()}
        self.characters: List[str] = [names.get(word, word) for word in vocabulary.words]
        self.spared: Dict[int, bool] = {
            i: True
            for i, word in enumerate(vocabulary.words)
            if word in names or word.endswith((":", "]"))
        }

    def forward(self, tokens: Tensor, hidden: Hidden) -> Tuple[Tensor, Hidden]:
        """tokens (batch, time) int64 -> (scores (batch, time, vocabulary), hidden)."""
        x, hidden = self.read(tokens, hidden)
        x = self.projection(x)
        return torch.nn.functional.linear(x, self.output_weight, self.output_bias), hidden

    def read(self, tokens: Tensor, hidden: Hidden) -> Tuple[Tensor, Hidden]:
        """The last layer's outputs (batch, time, hidden_dim), without the cost of the scores."""
        x = torch.nn.functional.embedding(tokens, self.embedding)
        hs: List[Tensor] = []
        cs: List[Tensor] = []
        for number, layer in enumerate(self.layers):
            x, h, c = layer(x, hidden[0][number], hidden[1][number])
            hs.append(h)
            cs.append(c)
        return x, (torch.stack(hs), torch.stack(cs))

    @torch.jit.export
    def init_hidden(self, batch_size: int) -> Tuple[Tensor, Tensor]:
        """The state before any word: two tensors of zeros (n_layers, batch, hidden_dim)."""
        shape = [self.n_layers, batch_size, self.hidden_dim]
        device = self.embedding.device
        return torch.zeros(shape, device=device), torch.zeros(shape, device=device)

    @torch.jit.export
    def encode(self, text: str) -> List[int]:
        """Text into ids; a word that the model has never seen becomes the unknown word's id."""
        ids: List[int] = []
        for word in split_words(fold(text, self.folds), self.symbols):
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
        for word in split_words(fold(text, self.folds), self.symbols):
            if word not in self.vocab_to_int and word not in found:
                found.append(word)
        return found

    @torch.jit.export
    def stream_start(self, prompt: str, seed: int) -> State:
        """The state after a prompt, for `stream_next`."""
        one, two = seeded(seed)
        prompt_ids = self.encode(prompt)
        ids = self.encode(self.primer)
        for number in prompt_ids:
            ids.append(number)
        quote = False
        for number in prompt_ids:
            quote = quote_after(self.characters[number], quote)
        hidden = self.init_hidden(1)
        if len(ids) > 1:
            tokens = torch.tensor([ids[:-1]], dtype=torch.int64, device=self.embedding.device)
            _, hidden = self.read(tokens, hidden)
        numbers = [one, two, 1 if quote else 0, ids[-1]]
        for number in prompt_ids[-self.window :]:
            numbers.append(number)
        return hidden, numbers

    @torch.jit.export
    def stream_next(
        self,
        state: State,
        temperature: float,
        top_k: int,
        top_p: float,
        min_p: float,
        repetition_penalty: float,
    ) -> Tuple[str, State]:
        """One more word: (the piece of text to append, the next state)."""
        check(temperature, top_k, top_p, min_p, repetition_penalty)
        hidden, numbers = state
        token = torch.tensor([[numbers[3]]], dtype=torch.int64, device=self.embedding.device)
        scores, hidden = self.forward(token, hidden)
        u, one, two = uniform(numbers[0], numbers[1])
        recent = numbers[4:]
        penalised: List[int] = []
        if repetition_penalty != 1.0:
            for number in recent:
                if number not in self.spared and number not in penalised:
                    penalised.append(number)
        chosen = choose(
            scores[0, -1],
            self.unknown_id,
            penalised,
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            u,
        )
        word = self.characters[chosen]
        quote = numbers[2] == 1
        before = self.characters[recent[-2]] if len(recent) > 1 else ""
        previous = self.characters[recent[-1]] if len(recent) > 0 else ""
        piece = typed(before, previous, word, quote)
        after = [one, two, 1 if quote_after(word, quote) else 0, chosen]
        recent.append(chosen)
        for number in recent[-self.window :]:
            after.append(number)
        return piece, (hidden, after)

    @torch.jit.export
    def generate(
        self,
        prompt: str = "",
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 0.95,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        seed: int = 0,
    ) -> str:
        """The prompt, and `max_new_tokens` words and punctuation marks written after it.

        temperature 0 takes the likeliest word each time; top_k 0, top_p 1, min_p 0 and
        repetition_penalty 1 switch these off. The same seed writes the same text.
        """
        check(temperature, top_k, top_p, min_p, repetition_penalty)
        if max_new_tokens < 0:
            raise ValueError(f"max_new_tokens must be 0 or above, not {max_new_tokens}")
        state = self.stream_start(prompt, seed)
        pieces: List[str] = [prompt.rstrip(" ")]
        for _ in range(max_new_tokens):
            piece, state = self.stream_next(
                state, temperature, top_k, top_p, min_p, repetition_penalty
            )
            pieces.append(piece)
        return "".join(pieces)


def script(writer: ScriptWriter) -> torch.jit.ScriptModule:
    """Compiles a writer. In evaluation mode: scripting would bake dropout in otherwise."""
    return torch.jit.script(writer.eval())
