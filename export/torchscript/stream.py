"""Streaming generation: one word per call, from a state that the caller holds."""

from typing import Any, Dict, List, Optional, Tuple

import torch
from torch import Tensor

from data.tokens import has_bracket, normalize, quote_after, split_words, typed
from data.vocab import Vocabulary
from export.torchscript.reader import ScriptReader
from export.torchscript.speller import ScriptSpeller
from job.layers.cache import HISTORY, cache_settings, mix_cache, ring
from job.layers.sampling import (
    Options,
    apply_penalties,
    apply_structure,
    check,
    sample_token,
    seeded,
    uniform,
)
from job.model import RNN

# Letters are sampled at this multiple of the temperature: higher ones spell implausible names.
SPELLING_TEMPERATURE_SCALE = 0.7

# The state of a stream, between two calls:
#   the hidden state (h, c) before the last word was read;
#   the keys of the neural cache, a ring (cache size + 1, features), see `job.layers.cache.ring`;
#   the ids of the history's newest words; out-of-vocabulary words are numbered from len(words) on;
#   five integers: two of the random number generator, whether a quotation is open, the id of the
#   last word, and the number of words in the history;
#   the out-of-vocabulary words so far, as typed.
State = Tuple[Tuple[Tensor, Tensor], Tensor, Tensor, List[int], List[str]]


class ScriptStream(ScriptReader):
    """A trained network with its vocabulary, neural cache, speller and sampler.

    Args:
        speller: the packed speller of a checkpoint; empty: no word can be invented.
        cache: size, theta and weight of the neural cache (see `job.layers.cache`); empty:
            no cache.
        int8: whether the weights are stored in int8, for a CPU.

    Raises:
        UserError: if the network and the vocabulary differ in size; the message has both sizes.
    """

    def __init__(
        self,
        network: RNN,
        vocabulary: Vocabulary,
        speller: Dict[str, Any] | None = None,
        cache: Dict[str, float] | None = None,
        int8: bool = False,
    ):
        super().__init__(network, vocabulary, int8)
        self.speller = ScriptSpeller(speller or {}, self.linear)
        cache = cache_settings(cache)
        self.history: int = HISTORY
        self.cache_size: int = int(cache["size"])
        self.cache_theta: float = float(cache["theta"])
        self.cache_weight: float = float(cache["weight"])
        self.max_ratio: float = float(cache["max_ratio"])
        self.spelling_temperature_scale: float = SPELLING_TEMPERATURE_SCALE
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    @torch.jit.export
    def stream_start(self, prompt: str, seed: int = 0) -> State:
        """The state after a prompt, for `stream_next`.

        Args:
            seed: of the random numbers, from 0 to 2147483647.
        """
        one, two = seeded(seed)
        ids = self.encode(self.primer)
        first = len(ids) - 1  # position before the prompt's first word
        words: List[int] = []
        oov: List[str] = []
        quote = False
        for word in split_words(normalize(prompt, self.normalization), self.symbols):
            number = self.vocab_to_int.get(word, self.unknown_id)
            ids.append(number)
            if number == self.unknown_id:
                typed_word = self.characters.get(word, word)  # a symbol may be out of vocabulary
                if typed_word not in oov:
                    oov.append(typed_word)
                number = len(self.words) + oov.index(typed_word)
            words.append(number)
            quote = quote_after(self.text_of(number, oov), quote)
        device = self.penalty_exempt.device
        hidden = self.init_hidden(1)
        keys = torch.zeros([0, self.features], device=device)
        if len(ids) > 1:
            tokens = torch.tensor([ids[:-1]], dtype=torch.int64, device=device)
            x, hidden = self.read(tokens, hidden)
            keys = x[0, first:]
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
        invent_words: bool = False,
        allowed_tokens: Optional[List[int]] = None,
    ) -> Tuple[str, State]:
        """Samples one word.

        The given state is unchanged and can be used again. For the options see
        artifacts/README.md.

        Args:
            allowed_tokens: ids of the vocabulary; all other words are excluded.

        Returns:
            (the text to append, the next state).
        """
        options = Options(
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            no_repeat_ngram_size,
            invent_words,
        )
        if allowed_tokens is not None and len(allowed_tokens) == 0:
            raise ValueError("allowed_tokens must hold an id, or be None")
        allowed: List[int] = [] if allowed_tokens is None else allowed_tokens
        return self.checked_step([state], [options], [allowed], True)[0]

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
        invent_words: List[bool],
        allowed_tokens: List[List[int]],
        keep: bool = True,
    ) -> List[Tuple[str, State]]:
        """`stream_next` for a batch of states, each with its own options.

        Args:
            allowed_tokens: an empty list allows every word.
            keep: whether the given states are copied. False is faster; a given state can then be
                used again only until the new state is used.

        Returns:
            (the text to append, the next state) for each state.
        """
        count = len(states)
        lengths = [len(temperatures), len(top_ks), len(top_ps), len(min_ps), len(allowed_tokens)]
        lengths += [len(repetition_penalties), len(no_repeat_ngram_sizes), len(invent_words)]
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
                    invent_words[row],
                )
            )
        return self.checked_step(states, options, allowed_tokens, keep)

    def checked_step(
        self, states: List[State], options: List[Options], allowed: List[List[int]], keep: bool
    ) -> List[Tuple[str, State]]:
        """Checks all arguments, then samples one word for each state."""
        copies: List[State] = []
        for row, state in enumerate(states):
            check(options[row])
            self.check_state(state)
            ids = allowed[row]
            if len(ids) > 0 and (min(ids) < 0 or max(ids) >= len(self.words)):
                raise ValueError(f"allowed_tokens must be from 0 to {len(self.words) - 1}")
            unknown = len(ids) > 0 and min(ids) == self.unknown_id and max(ids) == self.unknown_id
            if unknown and not (options[row].invent_words and self.speller.enabled):
                raise ValueError("allowed_tokens must hold an id besides that of the unknown token")
            hidden, keys, recent, numbers, oov = state
            keys = keys.clone() if keep else keys
            copies.append((hidden, keys, recent, numbers, oov))
        texts, after = self.advance(copies, options, allowed)
        return list(zip(texts, after))

    def check_state(self, state: State) -> None:
        """Raises ValueError for a state that does not fit this model."""
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
        """Samples one word for each state. The cache's keys are updated in place, not copied.

        Returns:
            (the text to append for each state, the next states).
        """
        texts: List[str] = []
        after: List[State] = []
        if len(states) == 0:
            return texts, after
        hidden = states[0][0]
        if len(states) > 1:
            h = torch.cat([state[0][0] for state in states], 1)
            c = torch.cat([state[0][1] for state in states], 1)
            hidden = h, c
        x, hidden = self.read_one(self.last_words(states), hidden)
        scores, features = self.output(x).unbind(0), x.unbind(0)
        hs, cs = hidden[0].split(1, 1), hidden[1].split(1, 1)
        for row, state in enumerate(states):
            text, next_state = self.next_word(
                scores[row], features[row], (hs[row], cs[row]), state, options[row], allowed[row]
            )
            texts.append(text)
            after.append(next_state)
        return texts, after

    def next_word(
        self,
        scores: Tensor,
        features: Tensor,
        hidden: Tuple[Tensor, Tensor],
        state: State,
        options: Options,
        allowed: List[int],
    ) -> Tuple[str, State]:
        """Samples the next word of one state.

        Args:
            scores: (vocabulary,) of the network.
            features: (features,) that the scores were computed from.
            hidden: the state after the last word was read.
            allowed: ids that are not excluded; empty: all.

        Returns:
            (the text to append, the next state).
        """
        _, keys, recent, numbers, oov = state
        mixed = self.next_scores(scores, features, state).to(torch.float64)
        if not (options.invent_words and self.speller.enabled):
            mixed.select(0, self.unknown_id).fill_(-float("inf"))
        if len(allowed) > 0:
            ids = torch.tensor(allowed, dtype=torch.int64, device=mixed.device)
            mixed = torch.full_like(mixed, -float("inf")).scatter(0, ids, mixed[ids])
        for place in range(mixed.size(0) - len(self.words)):
            if has_bracket(oov[place]):
                mixed[len(self.words) + place] = -float("inf")
        apply_structure(mixed, recent, self.roles, self.excluded, self.speaker_repeat)
        apply_penalties(mixed, recent, self.penalty_exempt, options)
        u, one, two = uniform(numbers[0], numbers[1])
        chosen = sample_token(mixed, options, u)
        if chosen == self.unknown_id:
            temperature = self.spelling_temperature_scale * options.temperature
            word, one, two = self.speller(features[None], temperature, options.top_p, one, two)
            chosen = self.vocab_to_int.get(word, len(self.words) + len(oov))
            if word in oov:
                chosen = len(self.words) + oov.index(word)
            elif chosen >= len(self.words):
                oov = oov + [word]  # a new list: the given state must not change
        word = self.text_of(chosen, oov)
        quote = numbers[2] == 1
        last_two: List[int] = recent[-2:].tolist()
        before = self.text_of(last_two[0], oov) if len(last_two) > 1 else ""
        previous = self.text_of(last_two[-1], oov) if len(last_two) > 0 else ""
        text = typed(before, previous, word, quote)
        last = chosen if chosen < len(self.words) else self.unknown_id
        count = numbers[4]
        if self.cache_size > 0:
            keys.select(0, count % keys.size(0)).copy_(features)
        recent = torch.cat([recent, recent.new_full([1], chosen)])
        if recent.size(0) > self.history:
            recent = recent[-self.history :]
        after = [one, two, 1 if quote_after(word, quote) else 0, last, count + 1]
        return text, (hidden, keys, recent, after, oov)

    def next_scores(self, scores: Tensor, features: Tensor, state: State) -> Tensor:
        """Scores with the neural cache mixed in: (vocabulary + out-of-vocabulary words,)."""
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
        """The ids that the network reads next: (batch,) int64."""
        last = [state[3][3] for state in states]
        return torch.tensor(last, dtype=torch.int64, device=self.penalty_exempt.device)

    def text_of(self, number: int, oov: List[str]) -> str:
        """A word as typed; numbers from len(words) on are those of `oov`."""
        if number < len(self.typed_words):
            return self.typed_words[number]
        return oov[number - len(self.typed_words)]
