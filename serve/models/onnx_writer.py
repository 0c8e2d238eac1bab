"""An exported model by ONNX Runtime and NumPy: the same words as the TorchScript file, no PyTorch.

docs/specification.md tells each step; comments here name its parts.
"""

import hashlib
import json
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from data import tokens
from data.command_line import UserError
from data.vocab import Vocabulary
from serve.models.sampling import apply_penalties, sample_token, seeded, uniform
from serve.scenes.scene import Scene

HISTORY = 1000  # words back that anything is remembered
PIECE = 256  # words of a prompt at a time: their scores would fill the memory


class State(NamedTuple):
    """Where a stream stands. It may be used again as long as the state after it has not been."""

    h: np.ndarray
    c: np.ndarray
    keys: np.ndarray  # a ring: the key of word n of the history lies at n modulo its length
    recent: np.ndarray  # numbers of the history's newest words
    random: tuple[int, int]
    open_quote: bool
    last: int  # the word that the network reads next
    count: int  # words of the history
    oov: tuple[str, ...]  # words outside the vocabulary, numbered after it


class OnnxWriter:
    """The exported graphs. Any number of threads may write with one.

    Raises:
        UserError: if a file is damaged, or they are not of one export.
    """

    def __init__(self, model: bytes, speller: bytes, vocabulary: Vocabulary):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self.model = onnxruntime.InferenceSession(model, options)
            self.speller = onnxruntime.InferenceSession(speller, options) if speller else None
            about = self.model.get_modelmeta().custom_metadata_map
            self.cache = json.loads(about["cache"])
            digest = about["vocabulary_sha256"]
        except Exception as error:  # ONNX Runtime's errors have no common base
            reason = str(error).strip().split("\n")[0][:120]
            raise UserError(f"the ONNX files cannot be used: {reason}") from None
        if hashlib.sha256(vocabulary.to_json().encode("utf-8")).hexdigest() != digest:
            raise UserError("vocab.json and the ONNX file are not of one export: export anew")
        self.vocabulary = vocabulary
        self.numbers = {word: number for number, word in enumerate(vocabulary.words)}
        names = {name: symbol for symbol, name in vocabulary.symbols.items()}
        self.characters = [names.get(word, word) for word in vocabulary.words]
        self.names = names
        self.unknown = vocabulary.unknown_id
        words = vocabulary.words
        self.spared = np.array([word in names or word.endswith((":", "]")) for word in words])
        self.shape = [size if size != "batch" else 1 for size in self.model.get_inputs()[1].shape]
        if self.speller:
            about = self.speller.get_modelmeta().custom_metadata_map
            self.letters = json.loads(about["letters"])
            self.longest = int(about["longest"])
            self.calm = float(about["spelling_temperature_scale"])
            self.speller_size = self.speller.get_inputs()[1].shape[1]

    def start(self, prompt: str, seed: int) -> State:
        """The state after a prompt."""
        given = self.vocabulary.split(prompt)
        primer = self.vocabulary.encode(self.vocabulary.primer)
        ids, numbers, oov, quote = list(primer), [], [], False
        for word in given:
            number = self.numbers.get(word, self.unknown)
            ids.append(number)
            if number == self.unknown:
                shown = self.names.get(word, word)
                if shown not in oov:
                    oov.append(shown)
                number = len(self.characters) + oov.index(shown)
            numbers.append(number)
            quote = tokens.quote_after(self._typed(number, oov), quote)
        h = c = np.zeros(self.shape, np.float32)
        features = []
        for start in range(0, len(ids) - 1, PIECE):
            _, h, c, found = self._read(ids[start : min(start + PIECE, len(ids) - 1)], h, c)
            features.append(found[0])
        size = self.cache["size"]
        # One place more than is looked at: what an older state still needs is not overwritten.
        keys = np.zeros([size + 1, self.model.get_outputs()[3].shape[2]], np.float32)
        if size and given:
            past = np.concatenate(features)[len(primer) - 1 :]
            places = np.arange(len(past))[-size:]
            keys[places % len(keys)] = past[places]
        recent = np.array(numbers[-HISTORY:], np.int64)
        return State(h, c, keys, recent, seeded(seed), quote, ids[-1], len(numbers), tuple(oov))

    def next(
        self, states: list[State], scenes: list[Scene], allowed: list[list[int]]
    ) -> list[tuple[str, Any]]:
        """One more word for each state: (the text to append, the next state)."""
        tokens_read = np.array([[state.last] for state in states], np.int64)
        h = np.concatenate([state.h for state in states], 1)
        c = np.concatenate([state.c for state in states], 1)
        scores, h, c, features = self.model.run(None, {"tokens": tokens_read, "h": h, "c": c})
        return [
            self._chosen(
                state,
                scenes[row],
                allowed[row],
                scores[row, 0],
                features[row, 0],
                (h[:, row : row + 1], c[:, row : row + 1]),
            )
            for row, state in enumerate(states)
        ]

    def _chosen(
        self,
        state: State,
        scene: Scene,
        allowed: list[int],
        scores: np.ndarray,
        features: np.ndarray,
        hidden: tuple[np.ndarray, np.ndarray],
    ) -> tuple[str, State]:
        """The next word of one scene."""
        chances = self._remembered(scores, features, state).astype(np.float64)
        if not self.speller:
            chances[self.unknown] = -np.inf
        if allowed:
            kept = np.full_like(chances, -np.inf)
            kept[allowed] = chances[allowed]
            chances = kept
        chances = apply_penalties(chances, state.recent, self.spared, scene)
        u, random = uniform(state.random)
        chosen = sample_token(chances, scene.temperature, scene.top_p, u, scene.top_k, scene.min_p)
        oov = state.oov
        if chosen == self.unknown:
            word, random = self._spelled(features, scene, random)
            if word in oov:
                chosen = len(self.characters) + oov.index(word)
            elif (chosen := self.numbers.get(word, -1)) < 0:
                chosen, oov = len(self.characters) + len(oov), (*oov, word)
        word = self._typed(chosen, oov)
        before, previous = ("", "", *(self._typed(n, oov) for n in state.recent[-2:]))[-2:]
        piece = tokens.typed(before, previous, word, state.open_quote)
        keys = state.keys
        keys[state.count % len(keys)] = features
        after = State(
            *hidden,
            keys,
            np.append(state.recent, chosen)[-HISTORY:],
            random,
            tokens.quote_after(word, state.open_quote),
            chosen if chosen < len(self.characters) else self.unknown,
            state.count + 1,
            oov,
        )
        return piece, after

    def redrawn(self, state: State, after: State) -> State:
        """`state` with the random numbers of `after`."""
        return state._replace(random=after.random)

    def top_next(self, prompt: str, n: int) -> list[tuple[str, float]]:
        """The likeliest next words with their probabilities, as at temperature 1."""
        state = self.start(prompt, 0)
        scores, _, _, features = self._read([state.last], state.h, state.c)
        scores = self._remembered(scores[0, 0], features[0, 0], state)
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        chances[self.unknown] = 0
        best = np.argsort(-chances, kind="stable")[:n]
        return [(self._typed(number, state.oov), float(chances[number])) for number in best]

    def logprobs(self, text: str) -> list[tuple[str, float]]:
        """Each word of a text with its log-probability in nats, by the network alone."""
        words = self.vocabulary.split(text)
        primer = self.vocabulary.encode(self.vocabulary.primer)
        ids = primer + self.vocabulary.numbers(words)
        h = c = np.zeros(self.shape, np.float32)
        found: list[float] = []
        for start in range(0, len(ids) - 1, PIECE):
            end = min(start + PIECE, len(ids) - 1)
            scores, h, c, _ = self._read(ids[start:end], h, c)
            best = scores[0].max(1)
            total = best + np.log(np.exp(scores[0] - best[:, None]).sum(1))
            found += (scores[0, np.arange(end - start), ids[start + 1 : end + 1]] - total).tolist()
        told = [self.names.get(word, word) for word in words]
        return list(zip(told, found[len(primer) - 1 :], strict=True))

    def _read(self, ids: list[int], h: np.ndarray, c: np.ndarray) -> list[np.ndarray]:
        """Scores (1, time, vocabulary), h, c, features (1, time, features) after each word."""
        return self.model.run(None, {"tokens": np.array([ids], np.int64), "h": h, "c": c})

    def _typed(self, number: int, oov: Any) -> str:
        known = len(self.characters)
        return self.characters[number] if number < known else oov[number - known]

    def _remembered(self, scores: np.ndarray, features: np.ndarray, state: State) -> np.ndarray:
        """*Neural cache*: (vocabulary + out-of-vocabulary words,)."""
        size, count = self.cache["size"], state.count
        if not size or not count:
            return scores
        places = np.arange(max(0, count - size), count) % len(state.keys)
        alike = self.cache["theta"] * (state.keys[places] @ features)
        weights = np.exp(alike - alike.max())
        weights /= weights.sum()
        oov = len(state.oov)
        found = np.bincount(state.recent[-len(places) :], weights, len(scores) + oov)
        best = scores.max()
        total = best + np.log(np.exp(scores - best).sum())
        chances = np.exp(scores - total)
        bound = np.append(chances, np.full(oov, chances[self.unknown], np.float32))
        mixed = self.cache["weight"] * np.minimum(found, self.cache["max_ratio"] * bound)
        mixed[: len(scores)] += (1 - mixed.sum()) * chances
        with np.errstate(divide="ignore"):  # a word remembered no more has no chance
            return np.log(mixed) + total

    def _spelled(
        self, features: np.ndarray, scene: Scene, random: tuple[int, int]
    ) -> tuple[str, tuple[int, int]]:
        """*Spelling*: (the word, the random numbers' state after it)."""
        word, letter, h = "", 0, np.zeros([1, self.speller_size], np.float32)
        for _ in range(self.longest):
            step = {"letter": np.array([letter]), "h": h, "features": features[None]}
            scores, h = self.speller.run(None, step)
            scores = scores[0].astype(np.float64)
            scores[[1] if word else [0, 1]] = -np.inf
            u, random = uniform(random)
            letter = sample_token(scores, self.calm * scene.temperature, scene.top_p, u)
            if letter == 0:
                break
            word += self.letters[letter - 2]
        return word, random
