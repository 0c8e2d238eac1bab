"""Every action of the page and of the API: what it takes, what it gives, in plain values.

Actions check all that they are given; whoever calls them, page or program, is not trusted.
"""

import asyncio
import dataclasses
import logging
import random
from collections.abc import AsyncIterator
from typing import Any

from data import tokens
from data.command_line import UserError
from data.vocab import Vocabulary
from serve.config import Config
from serve.models.backends import load_writer
from serve.models.bundles import Bundle, find_bundles, open_bundle
from serve.scenes import script
from serve.scenes.cast import Writer
from serve.scenes.engine import Engine
from serve.scenes.scene import PRESETS, RANGES, Scene, clean_text, shortened
from serve.scenes.writing import Writing, last_pages

Told = dict[str, Any]
log = logging.getLogger("cold_open")


@dataclasses.dataclass(frozen=True)
class Model:
    """A bundle and its loaded writer."""

    bundle: Bundle
    writer: Writer


def load_models(config: Config) -> list[Model]:
    """Loads the one bundle that is named, or all in the folder of artifacts, the newest first.

    A damaged bundle among several is left out, and the log says so.

    Raises:
        UserError: if there is none to use.
    """
    if config.model:
        bundles = [config.model]
    else:
        bundles = find_bundles(config.artifacts)
    models: dict[str, Model] = {}
    for path in bundles:
        try:
            bundle = open_bundle(path, config.runtime, config.precision)
            writer = load_writer(bundle)
        except UserError as mistake:
            if len(bundles) == 1:
                raise
            log.warning("left out", extra={"reason": str(mistake)})
            continue
        _warm_up(writer)
        models[bundle.name] = Model(bundle, writer)
    if not models:
        raise UserError(f"{config.artifacts} holds no bundle that can be used: the log says why")
    return list(models.values())


def _warm_up(writer: Writer) -> None:
    """TorchScript compiles what it runs at the first two calls: not while a person waits."""
    for _ in range(3):
        writing = Writing(writer, Scene(max_new_tokens=8, temperature=1.5))
        writing.start()
        writing.go_on()
        states = [writer.start("a", 1), writer.start("b", 1)]
        writer.next(states, [Scene(), Scene()], [[0], []])
        writer.top_next(writing.text, 10)
        writer.logprobs(writing.text)


class Actions:
    """What can be asked of the loaded models, the first of which is meant where none is named."""

    def __init__(self, models: list[Model], engine: Engine):
        self.models = {model.bundle.name: model for model in models}
        self.engine = engine

    def model(self, name: Any) -> Model:
        """The model of that name; raises `UserError` where there is none."""
        if not name:
            return next(iter(self.models.values()))
        if not isinstance(name, str) or name not in self.models:
            raise UserError(f"there is no model {shortened(name)}: {', '.join(self.models)}")
        return self.models[name]

    async def write(self, scene: Scene) -> AsyncIterator[tuple[str, Told]]:
        """Writes a scene; yields (the whole script so far, what is told of it) as it grows."""
        model = self.model(scene.model)
        facts = model.bundle.facts
        note = ""
        if scene.weights and scene.weights != facts["weights"]:
            note = "written by another version of this model: it may read otherwise now"
        scene = dataclasses.replace(scene, model=model.bundle.name, weights=facts["weights"])
        unknown = self.unknown_words(scene.prompt, scene.model)
        writing = Writing(model.writer, scene)
        async for _ in self.engine.write(writing):
            yield (
                writing.text,
                {
                    "seed": scene.seed,
                    "words": writing.words,
                    "words_per_second": round(writing.words / max(1e-9, writing.seconds)),
                    "done": writing.done,
                    "unknown_words": unknown,
                    "note": "time is up" if writing.out_of_time else note,
                    "scene": scene.to_json(),
                },
            )

    async def compare(self, one: Scene, two: Scene) -> AsyncIterator[list[tuple[str, Told]]]:
        """Writes two scenes at the same time; yields what `write` does, of both."""
        latest: list[tuple[str, Told]] = [("", {}), ("", {})]
        news: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()

        async def pump(side: int, scene: Scene) -> None:
            try:
                async for told in self.write(scene):
                    news.put_nowait((side, told))
                news.put_nowait((side, None))
            except Exception as error:
                news.put_nowait((side, error))

        tasks = [asyncio.create_task(pump(side, scene)) for side, scene in enumerate((one, two))]
        try:
            going = len(tasks)
            while going:
                side, told = await news.get()
                if isinstance(told, Exception):
                    raise told
                if told is None:
                    going -= 1
                    continue
                latest[side] = told
                yield list(latest)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def pair(self, one: Any, two: Any, seed: Any, **shared: Any) -> tuple[Scene, Scene]:
        """Two scenes of one seed, of what they share and what differs."""
        first = self._differing(one, seed, shared)
        return first, self._differing(two, first.seed, shared)

    def _differing(self, fields: Any, seed: Any, shared: dict[str, Any]) -> Scene:
        fields = fields or {}
        allowed = {"model", "preset", *RANGES} - {"seed", "max_new_tokens"}
        if not isinstance(fields, dict) or not set(fields) <= allowed:
            raise UserError(f"what differs must be among {', '.join(sorted(allowed))}")
        return scene_of(**{"preset": "balanced", **shared, **fields, "seed": seed})

    def rewriting(self, text: Any, line: Any, scene: Scene) -> Scene:
        """The scene that writes one line of a script anew, for the same speaker."""
        text = clean_text(text, "text")
        start, end = self._span(text, line)
        speaker = script.speaker_of(text[start:end])
        return dataclasses.replace(
            scene,
            prompt=text[:start] + speaker,
            after=text[end:],
            one_line=True,
            # Whoever is said to speak there may.
            cast=() if speaker else scene.cast,
            max_new_tokens=min(scene.max_new_tokens or 1, 120),
        )

    def continuing(self, text: Any, line: Any, scene: Scene) -> Scene:
        """The scene that goes on after a line of a script; -1 is its end."""
        text = clean_text(text, "text")
        if line != -1:
            text = text[: self._span(text, line)[1]]
        last = text.rpartition("\n")[2]
        # A line that has ended: go on with the next.
        ended = last.rstrip().endswith((".", "!", "?", ")", "]", '"', "'"))
        if text.strip() and (line != -1 or ended):
            text = text.rstrip() + "\n\n"
        return dataclasses.replace(scene, prompt=text)

    def taking(self, text: Any, word: Any, alternative: Any, scene: Scene) -> Scene:
        """The scene that goes on from a script up to a word, with another word in its place."""
        alternative = clean_text(alternative, "alternative").strip(" ")
        model = self.model(scene.model)
        words = _words(model.writer.vocabulary, text)
        kept = [*words[: _whole(word, "word", len(words))], alternative]
        vocabulary = model.writer.vocabulary
        names = [name for name, _ in vocabulary.speakers]
        prompt = script.sentence_case(tokens.join_words(kept, {}), names)
        return dataclasses.replace(scene, prompt=prompt)

    async def alternatives(self, text: Any, word: Any, n: Any, model: Any) -> list[Told]:
        """The likeliest words at a word's place in a script, with their probabilities."""
        writer = self.model(model).writer
        words = _words(writer.vocabulary, text)
        place = _whole(word, "word", len(words))
        n = _whole(n, "n", 50)
        before = last_pages(tokens.join_words(words[:place], {}))
        found = await self.engine.run(writer.top_next, before, max(1, n))
        return [{"word": word, "probability": round(chance, 6)} for word, chance in found]

    async def surprise(self, text: Any, model: Any) -> list[Told]:
        """Each word of a script as it is typed there, with its log-probability in nats."""
        text = clean_text(text, "text")
        writer = self.model(model).writer
        vocabulary = writer.vocabulary
        told = await self.engine.run(writer.logprobs, text)
        words = [word for word, _ in told]
        names = [name for name, _ in vocabulary.speakers]
        known = set(_typed(vocabulary, vocabulary.words)) - {vocabulary.unknown}
        cased = script.sentence_case(tokens.join_words(words, {}), names)
        found, start = [], 0
        for word, (_, value) in zip(_pieces(words), told, strict=True):
            end = start + len(word)
            piece = {"text": cased[start:end], "logprob": round(value, 4)}
            found.append(piece | {"known": word.strip(" ") in known})
            start = end
        return found

    def unknown_words(self, text: Any, model: Any) -> list[str]:
        """The words of a text that the model has never seen, each once, at most 50."""
        vocabulary = self.model(model).writer.vocabulary
        known = set(vocabulary.words) - {vocabulary.unknown}
        words = dict.fromkeys(vocabulary.split(clean_text(text, "text")))
        return _typed(vocabulary, [word for word in words if word not in known][:50])

    def fountain(self, text: Any, model: Any) -> str:
        """A script in Fountain."""
        bundle = self.model(model).bundle
        show = bundle.manifest["show"]
        note = (
            f"Written by a small network that has read the scripts of {show}; no person wrote it."
        )
        return script.fountain(clean_text(text, "text"), f"A scene after {show}", [note])

    def facts(self) -> list[Told]:
        """The loaded models, with who speaks in their shows and how they were trained."""
        return [
            model.bundle.facts
            | {
                "speakers": [script.display_name(n) for n, _ in model.writer.vocabulary.speakers],
                "vocabulary": len(model.writer.vocabulary),
            }
            for model in self.models.values()
        ]

    def _span(self, text: str, line: Any) -> tuple[int, int]:
        spans = script.line_spans(text)
        if not spans:
            raise UserError("there is no line yet: write something first")
        return spans[_whole(line, "line", len(spans) - 1)]


def scene_of(preset: Any = "", seed: Any = None, **fields: Any) -> Scene:
    """A scene of what came over the wire: a preset's numbers where none are given, a seed drawn.

    Raises:
        UserError: for an unknown preset or a value out of its range.
    """
    numbers: dict[str, Any] = {}
    if preset not in ("", None):
        if not isinstance(preset, str) or preset not in PRESETS:
            raise UserError(f"there is no preset {shortened(preset)}: {', '.join(PRESETS)}")
        numbers = dict(PRESETS[preset])
    given = {name: value for name, value in fields.items() if value is not None}
    if isinstance(seed, str):  # as it is typed into a field
        seed = seed.strip()
        if seed and not (seed.isascii() and seed.isdigit() and len(seed) < 20):
            raise UserError(f"seed must be a whole number, 0 or above, not {shortened(seed)}")
        seed = int(seed) if seed else None
    if seed is None:
        seed = random.randrange(10**6)
    return Scene(**{**numbers, **given, "seed": seed})


def _whole(value: Any, name: str, largest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise UserError(f"{name} must be a whole number, not {shortened(value)}")
    if not 0 <= value <= largest or value != int(value):
        raise UserError(
            f"{name} must be a whole number from 0 to {largest}, not {shortened(value)}"
        )
    return int(value)


def _words(vocabulary: Vocabulary, text: Any) -> list[str]:
    """A text's words as they are typed."""
    return _typed(vocabulary, vocabulary.split(clean_text(text, "text")))


def _typed(vocabulary: Vocabulary, words: list[str]) -> list[str]:
    """Words with each symbol as its character."""
    characters = {name: symbol for symbol, name in vocabulary.symbols.items()}
    return [characters.get(word, word) for word in words]


def _pieces(words: list[str]) -> list[str]:
    """Words, symbols as typed, each with the space that is put before it."""
    pieces, before, previous, quote = [], "", "", False
    for word in words:
        pieces.append(tokens.typed(before, previous, word, quote))
        quote = tokens.quote_after(word, quote)
        before, previous = previous, word
    return pieces
