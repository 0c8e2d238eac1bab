"""The module that becomes the TorchScript file: text in, text out, and nothing else needed."""

from typing import Any, Dict, List, Tuple

import torch
from torch import Tensor, nn

from data.command_line import UserError
from data.tokens import fold, join_words, quote_after, split_words, typed
from data.vocab import Vocabulary
from export.layers import GRULayer, LSTMLayer
from export.sampling import check, choose, seeded, uniform
from export.spelling import Spelling, recall
from job.memory import MOST
from job.model import RNN

WINDOW = 64  # words back that the repetition penalty looks
LETTERS = 0.7  # share of the temperature that letters are drawn at: wilder ones make no names

Hidden = Tuple[Tensor, Tensor]
# The network's state before the last word; the features that the newest words were predicted from;
# plain numbers: two of the random generator, whether a quotation is open, the last word, and the
# newest words; and the words outside the vocabulary met so far, which are numbered after it.
State = Tuple[Tuple[Tensor, Tensor], Tensor, List[int], List[str]]


class ScriptWriter(nn.Module):
    """A trained network with its vocabulary and its way of choosing words.

    Args:
        spelling: how to spell words outside the vocabulary, from the checkpoint; empty: it never
            writes one.
        memory: size, sharpness and share of the memory (see `job.memory`); empty: none.

    The hidden state is always an explicit pair (n_layers, batch, hidden_dim), also for a GRU,
    whose second tensor is zeros. All text methods are pure: nothing is kept between two calls, so
    that any number of threads may use one loaded file.

    Raises:
        UserError: if the network and the vocabulary have different sizes; names both.
    """

    def __init__(
        self,
        network: RNN,
        vocabulary: Vocabulary,
        spelling: Dict[str, Any] | None = None,
        memory: Dict[str, float] | None = None,
    ):
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
        self.spelling = Spelling(spelling or {})
        memory = memory or {"size": 0, "sharpness": 0.0, "share": 0.0}
        self.remembered: int = int(memory["size"]) if memory["share"] > 0 else 0
        self.sharpness: float = float(memory["sharpness"])
        self.share: float = float(memory["share"])
        self.most: float = MOST
        self.calm: float = LETTERS
        self.features: int = self.output_weight.size(1)
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
        ids = self.encode(self.primer)
        before = len(ids) - 1
        history: List[int] = []
        met: List[str] = []
        quote = False
        for word in split_words(fold(prompt, self.folds), self.symbols):
            number = self.vocab_to_int.get(word, self.unknown_id)
            ids.append(number)
            if number == self.unknown_id:
                if word not in met:
                    met.append(word)
                number = len(self.words) + met.index(word)
            history.append(number)
            quote = quote_after(self.text_of(number, met), quote)
        hidden = self.init_hidden(1)
        keys = torch.zeros([0, self.features], device=self.embedding.device)
        if len(ids) > 1:
            tokens = torch.tensor([ids[:-1]], dtype=torch.int64, device=self.embedding.device)
            x, hidden = self.read(tokens, hidden)
            if self.remembered > 0:
                keys = self.projection(x)[0, before:][-self.remembered :]
        numbers = [one, two, 1 if quote else 0, ids[-1]]
        for number in history[-max(self.window, self.remembered) :]:
            numbers.append(number)
        return hidden, keys, numbers, met

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
        hidden, keys, numbers, met = state
        token = torch.tensor([[numbers[3]]], dtype=torch.int64, device=self.embedding.device)
        x, hidden = self.read(token, hidden)
        features = self.projection(x)[0]
        scores = torch.nn.functional.linear(features, self.output_weight, self.output_bias)[0]
        history = numbers[4:]
        if keys.size(0) > 0:
            scores = recall(
                scores,
                features[0],
                keys,
                history[-keys.size(0) :],
                self.sharpness,
                self.share,
                self.unknown_id,
                len(met),
                self.most,
            )
        u, one, two = uniform(numbers[0], numbers[1])
        penalised: List[int] = []
        if repetition_penalty != 1.0:
            for number in history[-self.window :]:
                fits = number < scores.size(0) and number not in self.spared
                if fits and number not in penalised:
                    penalised.append(number)
        chosen = choose(
            scores,
            -1 if self.spelling.able else self.unknown_id,
            penalised,
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            u,
        )
        if chosen == self.unknown_id:
            word, one, two = self.spelling(features, self.calm * temperature, top_p, one, two)
            chosen = self.vocab_to_int.get(word, len(self.words) + len(met))
            if word in met:
                chosen = len(self.words) + met.index(word)
            elif chosen >= len(self.words):
                met = met + [word]  # not in place: the caller's older state must stay as it is
        following = chosen if chosen < len(self.words) else self.unknown_id
        word = self.text_of(chosen, met)
        quote = numbers[2] == 1
        before = self.text_of(history[-2], met) if len(history) > 1 else ""
        previous = self.text_of(history[-1], met) if len(history) > 0 else ""
        piece = typed(before, previous, word, quote)
        after = [one, two, 1 if quote_after(word, quote) else 0, following]
        history.append(chosen)
        for number in history[-max(self.window, self.remembered) :]:
            after.append(number)
        if self.remembered > 0:
            keys = torch.cat([keys, features])[-self.remembered :]
        return piece, (hidden, keys, after, met)

    def text_of(self, number: int, met: List[str]) -> str:
        """A word as typed, also one outside the vocabulary."""
        if number < len(self.characters):
            return self.characters[number]
        return met[number - len(self.characters)]

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
