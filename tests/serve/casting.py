"""Writers with fixed weights, and scenes written without the engine, for tests of the cast."""

import random
from typing import Any, NamedTuple

from data import tokens
from data.vocab import UNKNOWN, Vocabulary
from serve.scenes.generation import Generation, generate_word
from serve.scenes.scene import Scene
from serve.scenes.script import line_spans

SEEDS = range(20)


def write(writer, scene):
    """(the text after the prompt, the generation)."""
    return write_all(writer, [scene])[0]


def write_all(writer, scenes):
    """The same of several scenes in one batch."""
    writings = [Generation(writer, scene) for scene in scenes]
    for writing in writings:
        writing.start()
        writing.hard_limit = writing.scene.length  # some writers end no line
    while batch := [writing for writing in writings if not writing.done]:
        generate_word(batch)
    return [(writing.text[len(writing.prompt) :], writing) for writing in writings]


def lines_begun(written, prompt=""):
    """The lines that start after a prompt, whose last line the text may continue."""
    whole = prompt.rpartition("\n")[2].rstrip(" ") + written
    lines = [whole[start:end].strip() for start, end in line_spans(whole)]
    return lines if not whole.startswith(prompt.rpartition("\n")[2] or "\n") else lines[1:]


class State(NamedTuple):
    """Of a `WeightedWriter`: the seed, how many random numbers are used, the words as typed."""

    seed: int
    used: int
    words: tuple[str, ...]


class WeightedWriter:
    """Samples every word with fixed weights."""

    def __init__(self, vocabulary: Vocabulary, weights: dict[str, float]):
        self.vocabulary = vocabulary
        self.weights = [weights.get(word, 0.0) for word in vocabulary.words]
        self.typed = {name: symbol for symbol, name in vocabulary.symbols.items()}

    def start(self, prompt: str, seed: int) -> State:
        words = self.vocabulary.split(prompt)
        return State(seed, 0, tuple(self.typed.get(word, word) for word in words))

    def step(
        self, states: list[State], scenes: list[Scene], allowed: list[list[int]]
    ) -> list[tuple[str, Any]]:
        return [self.one(state, ids) for state, ids in zip(states, allowed, strict=True)]

    def one(self, state: State, allowed: list[int]) -> tuple[str, Any]:
        ids = allowed or range(len(self.weights))
        u = random.Random(f"{state.seed} {state.used}").random()
        left = u * sum(self.weights[number] for number in ids)
        for chosen in ids:
            left -= self.weights[chosen]
            if left < 0:
                break
        word = self.vocabulary.words[chosen]
        word = self.typed.get(word, word)
        before, previous = ("", "", *state.words)[-2:]
        chunk = tokens.typed(before, previous, word, False)
        return chunk, State(state.seed, state.used + 1, (*state.words, word))

    def with_rng_of(self, state: State, after: State) -> State:
        return state._replace(used=after.used)


SPEAKERS = ["man on phone", "man in coat", "man", "mr. pitt", "dr. van-nostrand", "o'brien", "élan"]


def weighted(**weights: float) -> WeightedWriter:
    """A writer of a show with unusual names. All words have weight 1 but those given."""
    symbols = tokens.token_lookup()
    names = {part for name in SPEAKERS for part in tokens.split_words(f"{name}:", symbols)}
    words = [*symbols.values(), *sorted(names - set(symbols.values())), "hello", UNKNOWN]
    vocabulary = Vocabulary(
        show="The Names",
        words=words,
        symbols=symbols,
        normalization=tokens.normalization_of("élan"),
        primer="\n\n",
        speakers=[(name, 9) for name in SPEAKERS],
    )
    return WeightedWriter(vocabulary, {**dict.fromkeys(words, 1.0), UNKNOWN: 0.0, **weights})
