"""The half of the TorchScript file that writes word by word, from a state that the caller holds."""

from typing import Any, Dict, List, Optional, Tuple

import torch
from torch import Tensor

from data.tokens import normalize, quote_after, split_words, typed
from data.vocab import Vocabulary
from export.torchscript.reader import ScriptReader
from export.torchscript.speller import Spelling
from job.layers.cache import HISTORY, cache_settings, mix_cache, ring
from job.layers.sampling import Options, apply_penalties, check, sample_token, seeded, uniform
from job.model import RNN

LETTERS = 0.7  # share of the temperature that letters are drawn at: wilder ones make no names

# The network's state before the last word; the ring of its cache; the newest words' ids; plain
# numbers: two of the random generator, whether a quotation is open, the last word, how many words
# there were; and, as typed, the words outside the vocabulary met so far, numbered after it.
State = Tuple[Tuple[Tensor, Tensor], Tensor, Tensor, List[int], List[str]]


class ScriptStream(ScriptReader):
    """A trained network with its vocabulary and its way of choosing words.

    Args:
        spelling: how to spell words outside the vocabulary, from the checkpoint; empty: it never
            writes one.
        cache: size, theta and share (see `job.layers.cache`); empty: none.
        int8: whether the weights are kept in int8, for a CPU.

    Raises:
        UserError: if the network and the vocabulary have different sizes; names both.
    """

    def __init__(
        self,
        network: RNN,
        vocabulary: Vocabulary,
        spelling: Dict[str, Any] | None = None,
        cache: Dict[str, float] | None = None,
        int8: bool = False,
    ):
        super().__init__(network, vocabulary, int8)
        self.spelling = Spelling(spelling or {}, self.matrix)
        cache = cache_settings(cache)
        self.history: int = HISTORY
        self.cache_size: int = int(cache["size"])
        self.cache_theta: float = float(cache["theta"])
        self.cache_weight: float = float(cache["weight"])
        self.max_ratio: float = float(cache["max_ratio"])
        self.calm: float = LETTERS
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    @torch.jit.export
    def stream_start(self, prompt: str, seed: int = 0) -> State:
        """The state after a prompt, for `stream_next`."""
        one, two = seeded(seed)
        ids = self.encode(self.primer)
        before = len(ids) - 1
        words: List[int] = []
        oov: List[str] = []
        quote = False
        for word in split_words(normalize(prompt, self.normalization), self.symbols):
            number = self.vocab_to_int.get(word, self.unknown_id)
            ids.append(number)
            if number == self.unknown_id:
                shown = self.names.get(word, word)  # a symbol that the show has never used
                if shown not in oov:
                    oov.append(shown)
                number = len(self.words) + oov.index(shown)
            words.append(number)
            quote = quote_after(self.text_of(number, oov), quote)
        device = self.spared.device
        hidden = self.init_hidden(1)
        keys = torch.zeros([0, self.features], device=device)
        if len(ids) > 1:
            tokens = torch.tensor([ids[:-1]], dtype=torch.int64, device=device)
            x, hidden = self.read(tokens, hidden)
            keys = x[0, before:]
        recent = torch.tensor(words[-self.history :], dtype=torch.int64, device=device)
        numbers = [one, two, 1 if quote else 0, ids[-1], len(words)]
        return hidden, ring(keys, self.cache_size), recent, numbers, oov

    @torch.jit.export
    def stream_next(
        self,
        state: State,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 0.95,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        no_repeat_ngram_size: int = 0,
        allowed_tokens: Optional[List[int]] = None,
    ) -> Tuple[str, State]:
        """One more word: (the piece of text to append, the next state); the old one serves on.

        With `allowed_tokens`, ids of the vocabulary, no other word may come.
        """
        options = Options(
            temperature, top_k, top_p, min_p, repetition_penalty, no_repeat_ngram_size
        )
        if allowed_tokens is not None and len(allowed_tokens) == 0:
            raise ValueError("allowed_tokens must hold an id, or be None: some word must come")
        allowed: List[int] = [] if allowed_tokens is None else allowed_tokens
        return self.checked([state], [options], [allowed], True)[0]

    @torch.jit.export
    def stream_next_batch(
        self,
        states: List[State],
        temperatures: List[float],
        top_ks: List[int],
        top_ps: List[float],
        min_ps: List[float],
        repetition_penalties: List[float],
        no_repeat_ngram_sizes: List[int],
        allowed_tokens: List[List[int]],
        keep: bool = True,
    ) -> List[Tuple[str, State]]:
        """`stream_next` for many scenes side by side, each with its own options.

        An empty list among `allowed_tokens` allows every word. Without `keep` nothing is copied,
        which is faster: a state given may then be used again, as long as the new one has not been.
        """
        count = len(states)
        lengths = [len(temperatures), len(top_ks), len(top_ps), len(min_ps), len(allowed_tokens)]
        lengths += [len(repetition_penalties), len(no_repeat_ngram_sizes)]
        if min(lengths) != count or max(lengths) != count:
            raise ValueError(f"each option must be a list of {count}, one for each state")
        options: List[Options] = []
        for row in range(count):
            options.append(
                Options(
                    temperatures[row],
                    top_ks[row],
                    top_ps[row],
                    min_ps[row],
                    repetition_penalties[row],
                    no_repeat_ngram_sizes[row],
                )
            )
        return self.checked(states, options, allowed_tokens, keep)

    def checked(
        self, states: List[State], options: List[Options], allowed: List[List[int]], keep: bool
    ) -> List[Tuple[str, State]]:
        """One more word for each state, once all that is given is seen to be in order."""
        copies: List[State] = []
        for row, state in enumerate(states):
            check(options[row])
            self.check_state(state)
            ids = allowed[row]
            if len(ids) > 0 and (min(ids) < 0 or max(ids) >= len(self.words)):
                raise ValueError(f"allowed_tokens must be from 0 to {len(self.words) - 1}")
            hidden, keys, recent, numbers, oov = state
            keys = keys.clone() if keep else keys
            copies.append((hidden, keys, recent, numbers, oov))
        pieces, after = self.advance(copies, options, allowed)
        return list(zip(pieces, after))

    def check_state(self, state: State) -> None:
        """Raises for a state that no stream of this model can be in."""
        hidden, keys, recent, numbers, oov = state
        fits = list(hidden[0].size()) == [self.n_layers, 1, self.hidden_dim]
        fits = fits and hidden[1].size() == hidden[0].size() and len(numbers) == 5
        places = self.cache_size + 1 if self.cache_size > 0 else 0
        fits = fits and list(keys.size()) == [places, self.features]
        if fits:
            fits = recent.dim() == 1 and recent.size(0) == min(numbers[4], self.history)
            fits = fits and numbers[3] >= 0 and numbers[3] < len(self.words)
        if fits and recent.size(0) > 0:
            fits = int(recent.min()) >= 0 and int(recent.max()) < len(self.words) + len(oov)
        if not fits:
            raise ValueError("state must come from stream_start or stream_next of this model")

    def advance(
        self, states: List[State], options: List[Options], allowed: List[List[int]]
    ) -> Tuple[List[str], List[State]]:
        """One more word for each state; the rings of the states given go on in the new ones."""
        pieces: List[str] = []
        after: List[State] = []
        if len(states) == 0:
            return pieces, after
        h = torch.cat([state[0][0] for state in states], 1)
        c = torch.cat([state[0][1] for state in states], 1)
        x, hidden = self.read(self.last_words(states), (h, c))
        scores = self.output(x)
        for row, state in enumerate(states):
            own = hidden[0][:, row : row + 1], hidden[1][:, row : row + 1]
            piece, following = self.choose(
                scores[row, 0], x[row, 0], own, state, options[row], allowed[row]
            )
            pieces.append(piece)
            after.append(following)
        return pieces, after

    def choose(
        self,
        scores: Tensor,
        features: Tensor,
        hidden: Tuple[Tensor, Tensor],
        state: State,
        options: Options,
        allowed: List[int],
    ) -> Tuple[str, State]:
        """The next word of one scene, from scores (vocabulary,): (the piece, the next state)."""
        _, keys, recent, numbers, oov = state
        chances = self.next_scores(scores, features, state).to(torch.float64)
        if not self.spelling.able:
            chances[self.unknown_id] = -float("inf")
        if len(allowed) > 0:
            ids = torch.tensor(allowed, dtype=torch.int64, device=chances.device)
            chances = torch.full_like(chances, -float("inf")).scatter(0, ids, chances[ids])
        apply_penalties(chances, recent, self.spared, options)
        u, one, two = uniform(numbers[0], numbers[1])
        chosen = sample_token(chances, options, u)
        if chosen == self.unknown_id:
            calm = self.calm * options.temperature
            word, one, two = self.spelling(features[None], calm, options.top_p, one, two)
            chosen = self.vocab_to_int.get(word, len(self.words) + len(oov))
            if word in oov:
                chosen = len(self.words) + oov.index(word)
            elif chosen >= len(self.words):
                oov = oov + [word]  # not in place: the caller's older state must stay as it is
        word = self.text_of(chosen, oov)
        quote = numbers[2] == 1
        size = recent.size(0)
        before = self.text_of(int(recent[size - 2]), oov) if size > 1 else ""
        previous = self.text_of(int(recent[size - 1]), oov) if size > 0 else ""
        piece = typed(before, previous, word, quote)
        following = chosen if chosen < len(self.words) else self.unknown_id
        count = numbers[4]
        if self.cache_size > 0:
            keys[count % keys.size(0)] = features
        newest = torch.tensor([chosen], dtype=torch.int64, device=recent.device)
        recent = torch.cat([recent, newest])[-self.history :]
        after = [one, two, 1 if quote_after(word, quote) else 0, following, count + 1]
        return piece, (hidden, keys, recent, after, oov)

    def next_scores(self, scores: Tensor, features: Tensor, state: State) -> Tensor:
        """(vocabulary + words met,): the network's scores with the cache mixed in."""
        _, keys, recent, numbers, oov = state
        if self.cache_size == 0 or numbers[4] == 0:
            return scores
        return mix_cache(
            scores,
            features,
            keys,
            recent,
            numbers[4],
            self.cache_theta,
            self.cache_weight,
            self.unknown_id,
            len(oov),
            self.max_ratio,
        )

    def last_words(self, states: List[State]) -> Tensor:
        """The word that each scene stands at: (batch, 1)."""
        last = [state[3][3] for state in states]
        return torch.tensor(last, dtype=torch.int64, device=self.spared.device)[:, None]

    def text_of(self, number: int, oov: List[str]) -> str:
        """A word as typed, also one outside the vocabulary."""
        if number < len(self.characters):
            return self.characters[number]
        return oov[number - len(self.characters)]
