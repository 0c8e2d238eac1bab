"""The named endpoints, for gradio_client, curl and any program; their documentation is here."""

from typing import Any

import gradio as gr

from serve.actions import Actions, scene_of
from serve.calls import Calls
from serve.scenes.scene import Scene

WRITING = {"concurrency_id": "writing"}
READING = {"concurrency_id": "reading"}


def add_api(actions: Actions, calls: Calls) -> None:
    """Adds the endpoints to the Blocks that are being built."""

    async def write(
        prompt: str = "",
        cast: list[str] = (),
        preset: str = "balanced",
        max_new_tokens: int = 200,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        repetition_penalty: float | None = None,
        no_repeat_ngram_size: int | None = None,
        seed: int | None = None,
        model: str = "",
    ) -> tuple[str, dict]:
        """Writes a scene; streams (the script so far, facts) until it is done.

        prompt: how the scene begins. cast: names of those who may speak, empty for everyone.
        preset: faithful, balanced or wild; a number that is given replaces the preset's. seed: the
        same one writes the same scene; without one, it is drawn. model: of /models, the first if
        empty. Facts: seed, words, words_per_second, done, unknown_words, note, and scene, the JSON
        that /open_scene writes again.
        """
        numbers = {
            "max_new_tokens": max_new_tokens,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "min_p": min_p,
            "repetition_penalty": repetition_penalty,
            "no_repeat_ngram_size": no_repeat_ngram_size,
        }

        def action():
            return actions.write(
                scene_of(preset, seed, prompt=prompt, cast=cast, model=model, **numbers)
            )

        async for told in calls.stream("write", action, prompt):
            yield told

    async def compare(
        prompt: str = "",
        one: dict | None = None,
        two: dict | None = None,
        cast: list[str] = (),
        max_new_tokens: int = 200,
        seed: int | None = None,
    ) -> tuple[str, dict, str, dict]:
        """Writes one beginning twice, side by side, with the same seed.

        one, two: what differs: any of model, preset, temperature, top_k, top_p, min_p,
        repetition_penalty, no_repeat_ngram_size. Streams (script, facts) of one, then of two.
        """

        def action():
            shared = {"prompt": prompt, "cast": cast, "max_new_tokens": max_new_tokens}
            return actions.compare(*actions.pair(one, two, seed, **shared))

        async for first, second in calls.stream("compare", action, prompt):
            yield *first, *second

    async def continue_scene(
        text: str,
        line: int = -1,
        cast: list[str] = (),
        preset: str = "balanced",
        max_new_tokens: int = 200,
        seed: int | None = None,
        model: str = "",
    ) -> tuple[str, dict]:
        """Goes on after a line of a script, counted from 0 without blank ones; -1 is its end.

        Lines after it are dropped. Streams as /write does.
        """

        def action():
            scene = _scene(cast, preset, max_new_tokens, seed, model)
            return actions.write(actions.continuing(text, line, scene))

        async for told in calls.stream("continue_scene", action, text):
            yield told

    async def rewrite_line(
        text: str, line: int, preset: str = "balanced", seed: int | None = None, model: str = ""
    ) -> tuple[str, dict]:
        """Writes one line anew, counted from 0 without blank ones, for the same speaker.

        All other lines stay. Streams as /write does.
        """

        def action():
            scene = _scene((), preset, 120, seed, model)
            return actions.write(actions.rewriting(text, line, scene))

        async for told in calls.stream("rewrite_line", action, text):
            yield told

    async def take_alternative(
        text: str,
        word: int,
        alternative: str,
        cast: list[str] = (),
        preset: str = "balanced",
        max_new_tokens: int = 200,
        seed: int | None = None,
        model: str = "",
    ) -> tuple[str, dict]:
        """Puts another word in the place of a word, counted from 0, and goes on from there.

        Words are counted as /surprise lists them. Streams as /write does.
        """

        def action():
            scene = _scene(cast, preset, max_new_tokens, seed, model)
            return actions.write(actions.taking(text, word, alternative, scene))

        async for told in calls.stream("take_alternative", action, text):
            yield told

    async def open_scene(scene: str) -> tuple[str, dict]:
        """Writes a scene again from its JSON, as every writing endpoint tells it. Streams too."""
        async for told in calls.stream(
            "open_scene", lambda: actions.write(Scene.from_json(scene)), scene
        ):
            yield told

    async def alternatives(text: str, word: int, n: int = 10, model: str = "") -> list[dict]:
        """The n likeliest words in the place of a word of a script, with probabilities.

        Words are counted from 0 as /surprise lists them; the number of words is the place after
        the last one.
        """
        return await calls.single(
            "alternatives", lambda: actions.alternatives(text, word, n, model), text
        )

    async def surprise(text: str, model: str = "") -> list[dict]:
        """Each word of a script: text, logprob (nats), known (whether it is in the vocabulary)."""
        return await calls.single("surprise", lambda: actions.surprise(text, model), text)

    async def unknown_words(text: str, model: str = "") -> list[str]:
        """The words of a text that the model has never seen."""
        return await calls.single("unknown_words", lambda: actions.unknown_words(text, model), text)

    async def fountain(text: str, model: str = "") -> str:
        """A script in Fountain, the screenwriters' plain-text format."""
        return await calls.single("fountain", lambda: actions.fountain(text, model), text)

    async def models() -> list[dict]:
        """The loaded models: show, speakers, file, held-out loss, size, versions, date."""
        return await calls.single("models", actions.facts)

    for endpoint in (write, compare, continue_scene, rewrite_line, take_alternative, open_scene):
        gr.api(endpoint, api_name=endpoint.__name__, **WRITING)
    for endpoint in (alternatives, surprise, unknown_words, fountain, models):
        gr.api(endpoint, api_name=endpoint.__name__, **READING)


def _scene(cast: Any, preset: Any, max_new_tokens: Any, seed: Any, model: Any) -> Scene:
    return scene_of(preset, seed, cast=cast, max_new_tokens=max_new_tokens, model=model)
