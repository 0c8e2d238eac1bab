"""The actions of the page and of the API, on plain values.

Actions check all their arguments: callers are not trusted.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

from data import tokens
from data.command_line import UserError
from data.vocab import Vocabulary
from serve.arguments import ArgumentError, clean_text, shortened, whole_number
from serve.limits import MAX_ALTERNATIVES, MAX_TAKES, MAX_TEXT, MAX_UNKNOWN_WORDS, OPTION_RANGES
from serve.models.load import Model, Models
from serve.scenes import script
from serve.scenes.cast import Writer
from serve.scenes.engine import Engine
from serve.scenes.generation import ENDINGS, Generation, last_lines
from serve.scenes.scene import Scene, build_scene

SEEDS = int(OPTION_RANGES["seed"][1]) + 1
Facts = dict[str, Any]  # about a scene, a word or a model: JSON values for the caller


class Actions:
    """All actions on the models. The first model is the default.

    All methods raise `UserError` for a wrong argument and name it.
    """

    def __init__(self, models: Models, engine: Engine):
        self.models, self.engine = models, engine

    def model(self, name: Any) -> Model:
        """The model of that name; the first one for an empty name."""
        by_name = self.models.by_name
        if not name:
            return next(iter(by_name.values()))
        if not isinstance(name, str) or name not in by_name:
            names = ", ".join(by_name)
            raise ArgumentError("model", f"must be one of {names}, not {shortened(name)}")
        return by_name[name]

    async def writer(self, name: Any) -> Writer:
        """The loaded model of that name."""
        return await self.models.writer(self.model(name))

    async def write(self, scene: Scene) -> AsyncIterator[tuple[str, Facts]]:
        """Generates a scene; yields (the whole script so far, facts about it) as it grows."""
        model = self.model(scene.model)
        bundle = model.bundle.facts
        note = ""
        if scene.weights and scene.weights != bundle["weights"]:
            note = "This scene is of another version of the model and may differ now."
        scene = dataclasses.replace(scene, model=model.bundle.name, weights=bundle["weights"])
        typed = scene.prompt if scene.typed is None else scene.typed
        unknown = unknown_words(model.vocabulary, typed)
        generation = Generation(await self.models.writer(model), scene)
        async for _ in self.engine.generate(generation):
            yield (
                generation.text,
                {
                    "seed": scene.seed,
                    "model": model.bundle.name,
                    "version": model.bundle.version,
                    "words": generation.words,
                    "words_per_second": round(generation.words / max(1e-9, generation.seconds)),
                    "done": generation.done,
                    "ended": generation.ended,
                    "unknown_words": unknown,
                    "note": " ".join(filter(None, [note, ENDINGS.get(generation.ended)])),
                    "scene": scene.to_json(),
                },
            )

    async def compare(self, first: Scene, second: Scene) -> AsyncIterator[list[tuple[str, Facts]]]:
        """Generates two scenes at the same time; yields the latest result of `write` for both."""
        async with contextlib.aclosing(self._write_all([first, second])) as results:
            async for result in results:
                yield result

    async def takes(self, scene: Scene, n: Any) -> AsyncIterator[list[tuple[str, Facts]]]:
        """Generates a scene from `n` seeds at the same time: its own and those that follow it.

        Yields the latest result of `write` for every take, ("", {}) before its first words. At
        temperature 0 the seed has no effect, so that there is one take.

        Args:
            n: from 1 to `MAX_TAKES`.
        """
        n = whole_number(n, "n", MAX_TAKES, 1)
        if scene.temperature == 0:
            n = 1
        seeds = [(scene.seed + take) % SEEDS for take in range(n)]
        scenes = [dataclasses.replace(scene, seed=seed) for seed in seeds]
        async with contextlib.aclosing(self._write_all(scenes)) as results:
            async for result in results:
                yield result

    async def _write_all(self, scenes: list[Scene]) -> AsyncIterator[list[tuple[str, Facts]]]:
        """Generates scenes in one batch; yields the latest result of `write` for all of them."""
        latest: list[tuple[str, Facts]] = [("", {}) for _ in scenes]
        updates: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()

        async def forward(side: int, scene: Scene) -> None:
            try:
                async for result in self.write(scene):
                    updates.put_nowait((side, result))
                updates.put_nowait((side, None))
            except Exception as error:
                updates.put_nowait((side, error))

        tasks = [asyncio.create_task(forward(*each)) for each in enumerate(scenes)]
        try:
            running = len(tasks)
            while running:
                waiting = [await updates.get()]
                while not updates.empty():  # the scenes of one batch are updated together
                    waiting.append(updates.get_nowait())
                before = list(latest)
                for side, update in waiting:
                    if isinstance(update, Exception):
                        raise update
                    if update is None:
                        running -= 1
                    else:
                        latest[side] = update
                if latest != before:
                    yield list(latest)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def scene_pair(self, first: Any, second: Any, seed: Any, **shared: Any) -> tuple[Scene, Scene]:
        """Two scenes with the same seed.

        Args:
            first: options of the first scene alone: a dict of model, preset and sampling options.
            second: the same of the second.
            shared: fields of both.
        """
        one = self._scene_of_pair("one", first, seed, shared)
        return one, self._scene_of_pair("two", second, one.seed, shared)

    def _scene_of_pair(self, name: str, options: Any, seed: Any, shared: dict[str, Any]) -> Scene:
        options = {} if options is None else options
        allowed = {"model", "preset", "invent_words", *OPTION_RANGES} - {"seed", "length"}
        if not isinstance(options, dict) or not set(options) <= allowed:
            raise ArgumentError(
                name,
                f"must be an object with options of that scene alone ({', '.join(sorted(allowed))})"
                f", not {shortened(options)}",
            )
        return build_scene(**{"preset": "balanced", **shared, **options, "seed": seed})

    def rewrite_line(self, text: Any, line: Any, scene: Scene, written: Any = "") -> Scene:
        """The scene that replaces one line of a script, with the same speaker.

        Args:
            written: what the model wrote of the script; the other lines are a person's.
        """
        text = clean_text(text, "text")
        start, end = line_span(text, line)
        speaker = script.speaker_prefix(text[start:end])
        return dataclasses.replace(
            scene,
            prompt=text[:start] + speaker,
            after=text[end:],
            one_line=True,
            # The line keeps its speaker, also one who is not in the cast.
            cast=() if speaker else scene.cast,
            next_speakers=(),
            typed=new_lines(text, written),
        )

    def continue_scene(self, text: Any, line: Any, scene: Scene, written: Any = "") -> Scene:
        """The scene that continues a script after a line; -1 is its end.

        Args:
            written: what the model wrote of the script; the other lines are a person's.
        """
        text = clean_text(text, "text")
        if type(line) is int and line == -1:
            text = script.with_line_end(text)
        else:
            text = text[: line_span(text, line, -1)[1]].rstrip() + "\n\n"
        return dataclasses.replace(scene, prompt=text, typed=new_lines(text, written))

    def take_alternative(
        self, text: Any, word: Any, alternative: Any, scene: Scene, written: Any = ""
    ) -> Scene:
        """The scene that replaces one word of a script and continues from there.

        Args:
            alternative: the new word, or several.
            written: what the model wrote of the script; the other lines are a person's.
        """
        alternative = clean_text(alternative, "alternative").strip(" ")
        if not alternative:
            raise ArgumentError("alternative", "must be a word, not an empty text")
        vocabulary = self.model(scene.model).vocabulary
        words = typed_words(vocabulary, text)
        kept = [*words[: whole_number(word, "word", len(words))], alternative]
        prompt = "".join(cased_words(vocabulary, kept, clean_text(text, "text")))
        typed = new_lines(text, written)
        if typed is not None:
            typed = f"{typed}\n{alternative}"[-MAX_TEXT:]
        return dataclasses.replace(scene, prompt=prompt, typed=typed)

    async def alternatives(self, text: Any, word: Any, n: Any, model: Any) -> list[Facts]:
        """The `n` most likely words at the position of a word, with their probabilities."""
        writer = await self.writer(model)
        words = typed_words(writer.vocabulary, text)
        place = whole_number(word, "word", len(words))
        n = whole_number(n, "n", MAX_ALTERNATIVES, 1)
        before = last_lines(tokens.join_words(words[:place], {}))
        found = await self.engine.run(writer.top_next, before, n)
        return [{"word": word, "probability": round(value, 6)} for word, value in found]

    async def surprise(self, text: Any, model: Any) -> list[Facts]:
        """Each word of a script as typed, with its log-probability in nats."""
        text = clean_text(text, "text")
        writer = await self.writer(model)
        vocabulary = writer.vocabulary
        scored = await self.engine.run(writer.logprobs, text)
        words = [word for word, _ in scored]
        known = set(with_characters(vocabulary, vocabulary.words)) - {vocabulary.unknown}
        cased = cased_words(vocabulary, words, text)
        return [
            {"text": shown, "logprob": round(value, 4), "known": word in known}
            for shown, (word, value) in zip(cased, scored, strict=True)
        ]

    def unknown_words(self, text: Any, model: Any) -> list[str]:
        """The out-of-vocabulary words of a text, each once, at most `MAX_UNKNOWN_WORDS`."""
        return unknown_words(self.model(model).vocabulary, clean_text(text, "text"))

    def fountain(self, text: Any, model: Any) -> str:
        """A script in the Fountain format."""
        show = self.model(model).bundle.manifest["show"]
        note = (
            f"Generated by a neural network trained on the scripts of {show}; no person wrote it."
        )
        return script.fountain(clean_text(text, "text"), f"A scene after {show}", [note])

    def facts(self) -> list[Facts]:
        """The models: their bundles' facts, speakers and vocabulary sizes."""
        return [
            model.bundle.facts
            | {
                "speakers": [script.display_name(name) for name, _ in model.vocabulary.speakers],
                "vocabulary": len(model.vocabulary),
            }
            for model in self.models.by_name.values()
        ]


def line_span(text: str, line: Any, smallest: int = 0) -> tuple[int, int]:
    """(start, end) of a line of a script; raises `UserError` if there is no such line.

    Args:
        smallest: the smallest number that the caller may give, for the error message.
    """
    spans = script.line_spans(text)
    if not spans:
        raise UserError("there is no line yet: write something first")
    return spans[whole_number(line, "line", len(spans) - 1, smallest)]


def new_lines(text: Any, written: Any) -> str | None:
    """The lines of a script that are not among those of `written`; None if that is empty."""
    known = {line.strip() for line in clean_text(written, "written").split("\n")}
    if known == {""}:
        return None
    lines = clean_text(text, "text").split("\n")
    return "\n".join(line for line in lines if line.strip() not in known)


def unknown_words(vocabulary: Vocabulary, text: str) -> list[str]:
    """The out-of-vocabulary words of a text, each once, at most `MAX_UNKNOWN_WORDS`."""
    words = dict.fromkeys(vocabulary.split(text))
    unknown = [word for word in words if vocabulary.is_unknown(word)]
    return with_characters(vocabulary, unknown[:MAX_UNKNOWN_WORDS])


def typed_words(vocabulary: Vocabulary, text: Any) -> list[str]:
    """The words of a text, symbols as their characters."""
    return with_characters(vocabulary, vocabulary.split(clean_text(text, "text")))


def with_characters(vocabulary: Vocabulary, words: list[str]) -> list[str]:
    """Words with each symbol's name replaced by its character."""
    characters = {name: symbol for symbol, name in vocabulary.symbols.items()}
    return [characters.get(word, word) for word in words]


def cased_words(vocabulary: Vocabulary, words: list[str], text: str) -> list[str]:
    """Words as typed, each with the space before it and with its capitals in `text`."""
    names = [name for name, _ in vocabulary.speakers]
    cased = script.sentence_case(tokens.join_words(words, {}), names, vocabulary.names)
    found, start = [], 0
    for chunk in with_spaces(words):
        found.append(cased[start : start + len(chunk)])
        start += len(chunk)
    return script.with_letters_of(text, found)


def with_spaces(words: list[str]) -> list[str]:
    """Words as typed, each with the space that belongs before it."""
    chunks, before, previous, quote = [], "", "", False
    for word in words:
        chunks.append(tokens.typed(before, previous, word, quote))
        quote = tokens.quote_after(word, quote)
        before, previous = previous, word
    return chunks
