"""The exported ONNX graphs as a `Writer`, by ONNX Runtime and NumPy: no PyTorch.

It generates the same words as the TorchScript file. docs/specification.md defines each step.
"""

import hashlib
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from data import strict_json, tokens
from data.command_line import UserError
from data.vocab import Vocabulary
from serve.limits import MAX_PROMPT_STATES
from serve.models.cache import mix_cache
from serve.models.prompts import PromptStates
from serve.models.sampling import (
    apply_penalties,
    apply_structure,
    excluded_words,
    sample_token,
    seeded,
    uniform,
    word_roles,
)
from serve.scenes.scene import Scene

HISTORY = 1000  # most recent words that any rule uses, the specification's number
CHUNK = 256  # words of a prompt in one run: their scores take 4 * vocabulary bytes each
OUTPUTS = ["scores", "h_after", "c_after", "features"]
END, OTHER, FIRST_LETTER = 0, 1, 2  # ids of the speller; OTHER is any untrained character


class State(NamedTuple):
    """The state of one stream of words; see `serve.scenes.cast.Writer` for its use."""

    h: np.ndarray  # (layers, 1, hidden)
    c: np.ndarray
    keys: (
        np.ndarray
    )  # ring buffer (cache size + 1, features): word n's key is at n modulo its length
    recent: np.ndarray  # (history,) ids of the newest words
    rng: tuple[int, int]
    open_quote: bool
    last: int  # id of the word that the network reads next
    count: int  # words of the history
    oov: tuple[str, ...]  # out-of-vocabulary words; their ids follow the vocabulary's


class OnnxWriter:
    """An exported model in ONNX Runtime. Threads may share it.

    Args:
        model: content of model.onnx or model.int8.onnx.
        speller: content of speller.onnx; empty for a model without a speller.

    Raises:
        UserError: if a file is damaged or the files are of different exports.
    """

    def __init__(self, model: bytes, speller: bytes, vocabulary: Vocabulary):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self.model = onnxruntime.InferenceSession(model, options)
            self.speller = onnxruntime.InferenceSession(speller, options) if speller else None
            metadata = self.model.get_modelmeta().custom_metadata_map
            self.cache = strict_json.loads(metadata["cache"])
            digest = metadata["vocabulary_sha256"]
        except Exception as error:  # ONNX Runtime's errors have no common base class
            reason = str(error).strip().split("\n")[0][:120]
            raise UserError(f"the ONNX files cannot be loaded: {reason}") from None
        if hashlib.sha256(vocabulary.to_json().encode("utf-8")).hexdigest() != digest:
            raise UserError("vocab.json and the ONNX file are of different exports: export again")
        self.vocabulary = vocabulary
        self.prompts = PromptStates(self._read_prompt, MAX_PROMPT_STATES)
        self.ids = {word: number for number, word in enumerate(vocabulary.words)}
        self.characters = {name: symbol for symbol, name in vocabulary.symbols.items()}
        self.typed_words = [self.characters.get(word, word) for word in vocabulary.words]
        self.unknown_id = vocabulary.unknown_id
        # Scripts repeat punctuation and speakers all the time: the penalties leave them out.
        self.exempt = np.array(
            [word in self.characters or word.endswith((":", "]")) for word in vocabulary.words]
        )
        self.roles = word_roles(vocabulary.words, vocabulary.symbols)
        heading = vocabulary.numbers(vocabulary.heading_words)
        self.excluded = excluded_words(self.roles, heading)
        self.hidden_shape = [
            size if size != "batch" else 1 for size in self.model.get_inputs()[1].shape
        ]
        self.feature_size = self.model.get_outputs()[3].shape[2]
        if self.speller:
            metadata = self.speller.get_modelmeta().custom_metadata_map
            self.letters = strict_json.loads(metadata["letters"])
            brackets = [n for n, letter in enumerate(self.letters) if tokens.has_bracket(letter)]
            self.excluded_letters = [OTHER, *(n + FIRST_LETTER for n in brackets)]
            self.max_letters = int(metadata["longest"])
            self.temperature_scale = float(metadata["spelling_temperature_scale"])
            self.speller_size = self.speller.get_inputs()[1].shape[1]

    def start(self, prompt: str, seed: int) -> State:
        """The state after a prompt."""
        state = self.prompts(prompt)
        return state._replace(keys=state.keys.copy(), rng=seeded(seed))  # `step` changes the keys

    def _read_prompt(self, prompt: str) -> State:
        words = self.vocabulary.split(prompt)
        primer = self.vocabulary.encode(self.vocabulary.primer)
        ids, history, oov, open_quote = list(primer), [], [], False
        for word in words:
            number = self.ids.get(word, self.unknown_id)
            ids.append(number)
            if number == self.unknown_id:
                typed = self.characters.get(word, word)
                if typed not in oov:
                    oov.append(typed)
                number = len(self.typed_words) + oov.index(typed)
            history.append(number)
            open_quote = tokens.quote_after(self._typed(number, oov), open_quote)
        h = c = np.zeros(self.hidden_shape, np.float32)
        features = []
        for start in range(0, len(ids) - 1, CHUNK):
            _, h, c, chunk = self._read(ids[start : min(start + CHUNK, len(ids) - 1)], h, c)
            features.append(chunk[0])
        size = self.cache["size"]
        # One entry more than is used: a step overwrites nothing that the state before it reads.
        keys = np.zeros([size + 1, self.feature_size], np.float32)
        if size and words:
            past = np.concatenate(features)[len(primer) - 1 :]
            places = np.arange(len(past))[-size:]
            keys[places % len(keys)] = past[places]
        recent = np.array(history[-HISTORY:], np.int64)
        return State(h, c, keys, recent, seeded(0), open_quote, ids[-1], len(history), tuple(oov))

    def step(
        self, states: list[State], scenes: list[Scene], allowed: list[list[int]]
    ) -> list[tuple[str, Any]]:
        """Samples one word for each state of a batch: (text to append, next state)."""
        last = np.array([[state.last] for state in states], np.int64)
        h, c = states[0].h, states[0].c
        if len(states) > 1:
            h = np.concatenate([state.h for state in states], 1)
            c = np.concatenate([state.c for state in states], 1)
        scores, h, c, features = self.model.run(OUTPUTS, {"tokens": last, "h": h, "c": c})
        return [
            self._sample(
                state,
                scenes[row],
                allowed[row],
                scores[row, 0],
                features[row, 0],
                (h[:, row : row + 1], c[:, row : row + 1]),
            )
            for row, state in enumerate(states)
        ]

    def _sample(
        self,
        state: State,
        scene: Scene,
        allowed: list[int],
        scores: np.ndarray,
        features: np.ndarray,
        hidden: tuple[np.ndarray, np.ndarray],
    ) -> tuple[str, State]:
        """The next word of one scene, from scores (vocabulary,) and features (features,)."""
        mixed = self._mixed(scores, features, state)
        if not (scene.invent_words and self.speller):
            mixed[self.unknown_id] = -np.inf
        if allowed:
            kept = np.full_like(mixed, -np.inf)
            kept[allowed] = mixed[allowed]
            mixed = kept
        for place in range(len(mixed) - len(self.typed_words)):
            if tokens.has_bracket(state.oov[place]):
                mixed[len(self.typed_words) + place] = -np.inf
        repeat = self.vocabulary.speaker_repeat
        mixed = apply_structure(mixed, state.recent, self.roles, self.excluded, repeat)
        mixed = apply_penalties(mixed, state.recent, self.exempt, scene)
        u, rng = uniform(state.rng)
        chosen = sample_token(mixed, scene.temperature, scene.top_p, u, scene.top_k, scene.min_p)
        oov = state.oov
        if chosen == self.unknown_id:
            word, rng = self._spell(features, scene, rng)
            if word in oov:
                chosen = len(self.typed_words) + oov.index(word)
            elif (chosen := self.ids.get(word, -1)) < 0:
                chosen, oov = len(self.typed_words) + len(oov), (*oov, word)
        word = self._typed(chosen, oov)
        before, previous = ("", "", *(self._typed(n, oov) for n in state.recent[-2:]))[-2:]
        chunk = tokens.typed(before, previous, word, state.open_quote)
        keys = state.keys
        keys[state.count % len(keys)] = features
        next_state = State(
            *hidden,
            keys,
            np.concatenate([state.recent, [chosen]])[-HISTORY:],
            rng,
            tokens.quote_after(word, state.open_quote),
            chosen if chosen < len(self.typed_words) else self.unknown_id,
            state.count + 1,
            oov,
        )
        return chunk, next_state

    def with_rng_of(self, state: State, after: State) -> State:
        """`state` with the random number generator of `after`."""
        return state._replace(rng=after.rng)

    def next_scores(self, state: State) -> np.ndarray:
        """(vocabulary + out-of-vocabulary words,) scores of the next word with the cache."""
        scores, _, _, features = self._read([state.last], state.h, state.c)
        return self._mixed(scores[0, 0], features[0, 0], state)

    def top_next(self, prompt: str, n: int, invent_words: bool = False) -> list[tuple[str, float]]:
        """The `n` most likely next words with their probabilities at temperature 1.

        With `invent_words` the difference of their total from 1 belongs to words that the speller
        would write.
        """
        state = self.start(prompt, 0)
        scores = self.next_scores(state)
        if not (invent_words and self.speller):
            scores[self.unknown_id] = -np.inf
        probabilities = np.exp(scores - scores.max())
        probabilities /= probabilities.sum()
        probabilities[self.unknown_id] = 0
        best = np.argsort(-probabilities, kind="stable")[:n]
        return [(self._typed(number, state.oov), float(probabilities[number])) for number in best]

    def logprobs(self, text: str) -> list[tuple[str, float]]:
        """Each word of a text with its log-probability in nats, without the cache.

        An out-of-vocabulary word has the log-probability of the unknown word.
        """
        words = self.vocabulary.split(text)
        primer = self.vocabulary.encode(self.vocabulary.primer)
        ids = primer + self.vocabulary.numbers(words)
        h = c = np.zeros(self.hidden_shape, np.float32)
        values: list[float] = []
        for start in range(0, len(ids) - 1, CHUNK):
            end = min(start + CHUNK, len(ids) - 1)
            scores, h, c, _ = self._read(ids[start:end], h, c)
            largest = scores[0].max(1)
            total = largest + np.log(np.exp(scores[0] - largest[:, None]).sum(1))
            targets = scores[0, np.arange(end - start), ids[start + 1 : end + 1]]
            values += (targets - total).tolist()
        typed = [self.characters.get(word, word) for word in words]
        return list(zip(typed, values[len(primer) - 1 :], strict=True))

    def _read(self, ids: list[int], h: np.ndarray, c: np.ndarray) -> list[np.ndarray]:
        """Scores (1, time, vocabulary), h, c, features (1, time, features) after each word."""
        return self.model.run(OUTPUTS, {"tokens": np.array([ids], np.int64), "h": h, "c": c})

    def _typed(self, number: int, oov: Any) -> str:
        known = len(self.typed_words)
        return self.typed_words[number] if number < known else oov[number - known]

    def _mixed(self, scores: np.ndarray, features: np.ndarray, state: State) -> np.ndarray:
        """float64 scores with the cache mixed in; the ring of keys is used without a copy."""
        size, count, unused = self.cache["size"], state.count, None
        if not size or not count:
            return scores.astype(np.float64)
        keys, recent = state.keys[:count], state.recent[-size:]
        if count > size:
            unused = count % len(keys)  # the entry that is overwritten next
            start = len(recent) - unused  # the words from here on are at the ring's start
            recent = np.concatenate([recent[start:], recent[:1], recent[:start]])
        return mix_cache(
            scores, features, keys, recent, self.cache, self.unknown_id, len(state.oov), unused
        )

    def _spell(
        self, features: np.ndarray, scene: Scene, rng: tuple[int, int]
    ) -> tuple[str, tuple[int, int]]:
        """(a new word, the random number generator after it), sampled letter by letter."""
        word, letter, h = "", END, np.zeros([1, self.speller_size], np.float32)
        for _ in range(self.max_letters):
            inputs = {"letter": np.array([letter]), "h": h, "features": features[None]}
            scores, h = self.speller.run(None, inputs)
            scores = scores[0].astype(np.float64)
            scores[self.excluded_letters if word else [END, *self.excluded_letters]] = -np.inf
            u, rng = uniform(rng)
            temperature = self.temperature_scale * scene.temperature
            letter = sample_token(scores, temperature, scene.top_p, u)
            if letter == END:
                break
            word += self.letters[letter - FIRST_LETTER]
        return word, rng
