"""The named API endpoints, for gradio_client, curl and other programs.

Their docstrings are their documentation: Gradio shows them on the page's API view.
"""

from typing import Any

import gradio as gr

from serve.actions import Actions
from serve.instrumentation import Instrumentation
from serve.limits import MAX_LINE_TOKENS
from serve.scenes.scene import Scene, build_scene


def add_api(actions: Actions, instrumentation: Instrumentation) -> None:
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
        invent_words: bool = False,
    ) -> tuple[str, dict]:
        """Generates a scene; streams (the script so far, facts) until it is done.

        prompt: the beginning of the scene. cast: names of those who may speak, empty for everyone.
        preset: faithful, balanced or wild; a sampling option that is given overrides the preset's.
        invent_words: whether words that are in neither the show nor the prompt may be spelled.
        seed: the same seed and options give the same scene; without one, a random seed is drawn.
        model: a name from /models, the first if empty. Facts: seed, words, words_per_second, done,
        unknown_words, note, and scene, the JSON with which /open_scene generates the scene again.
        """
        options = {
            "max_new_tokens": max_new_tokens,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "min_p": min_p,
            "repetition_penalty": repetition_penalty,
            "no_repeat_ngram_size": no_repeat_ngram_size,
            "invent_words": invent_words,
        }

        def action():
            return actions.write(
                build_scene(preset, seed, prompt=prompt, cast=cast, model=model, **options)
            )

        async for result in instrumentation.stream("write", action, prompt):
            yield result

    async def compare(
        prompt: str = "",
        one: dict | None = None,
        two: dict | None = None,
        cast: list[str] = (),
        max_new_tokens: int = 200,
        seed: int | None = None,
    ) -> tuple[str, dict, str, dict]:
        """Generates two scenes from one prompt and one seed, side by side.

        one, two: the options that differ: any of model, preset, temperature, top_k, top_p, min_p,
        repetition_penalty, no_repeat_ngram_size, invent_words. Streams (script, facts) of one, then
        of two.
        """

        def action():
            shared = {"prompt": prompt, "cast": cast, "max_new_tokens": max_new_tokens}
            return actions.compare(*actions.scene_pair(one, two, seed, **shared))

        async for first, second in instrumentation.stream("compare", action, prompt):
            yield *first, *second

    async def continue_scene(
        text: str,
        line: int = -1,
        cast: list[str] = (),
        preset: str = "balanced",
        max_new_tokens: int = 200,
        seed: int | None = None,
        model: str = "",
        invent_words: bool = False,
    ) -> tuple[str, dict]:
        """Continues a script after a line, counted from 0 without blank lines; -1 is its end.

        Later lines are dropped. Streams like /write.
        """

        def action():
            scene = _scene(cast, preset, max_new_tokens, seed, model, invent_words)
            return actions.write(actions.continue_scene(text, line, scene))

        async for result in instrumentation.stream("continue_scene", action, text):
            yield result

    async def rewrite_line(
        text: str,
        line: int,
        preset: str = "balanced",
        seed: int | None = None,
        model: str = "",
        invent_words: bool = False,
    ) -> tuple[str, dict]:
        """Replaces one line, counted from 0 without blank lines, by another of the same speaker.

        All other lines stay. Streams like /write.
        """

        def action():
            scene = _scene((), preset, MAX_LINE_TOKENS, seed, model, invent_words)
            return actions.write(actions.rewrite_line(text, line, scene))

        async for result in instrumentation.stream("rewrite_line", action, text):
            yield result

    async def take_alternative(
        text: str,
        word: int,
        alternative: str,
        cast: list[str] = (),
        preset: str = "balanced",
        max_new_tokens: int = 200,
        seed: int | None = None,
        model: str = "",
        invent_words: bool = False,
    ) -> tuple[str, dict]:
        """Replaces a word, counted from 0 as in /surprise, and continues the scene from there.

        Streams like /write.
        """

        def action():
            scene = _scene(cast, preset, max_new_tokens, seed, model, invent_words)
            return actions.write(actions.take_alternative(text, word, alternative, scene))

        async for result in instrumentation.stream("take_alternative", action, text):
            yield result

    async def open_scene(scene: str) -> tuple[str, dict]:
        """Generates a scene again from its JSON, a fact of /write. Streams like /write."""
        async for result in instrumentation.stream(
            "open_scene", lambda: actions.write(Scene.from_json(scene)), scene
        ):
            yield result

    async def alternatives(text: str, word: int, n: int = 10, model: str = "") -> list[dict]:
        """The n most likely words at the position of a word of a script, with probabilities.

        Words are counted from 0 as in /surprise; the number of words is the position after the
        last one.
        """
        return await instrumentation.call(
            "alternatives", lambda: actions.alternatives(text, word, n, model), text
        )

    async def surprise(text: str, model: str = "") -> list[dict]:
        """Each word of a script: text, logprob (nats), known (whether the vocabulary has it)."""
        return await instrumentation.call("surprise", lambda: actions.surprise(text, model), text)

    async def unknown_words(text: str, model: str = "") -> list[str]:
        """The out-of-vocabulary words of a text: those that are not in the show."""
        return await instrumentation.call(
            "unknown_words", lambda: actions.unknown_words(text, model), text
        )

    async def fountain(text: str, model: str = "") -> str:
        """A script in Fountain, a plain-text screenplay format."""
        return await instrumentation.call("fountain", lambda: actions.fountain(text, model), text)

    async def models() -> list[dict]:
        """The loaded models: show, speakers, file, held-out loss, size, versions, date."""
        return await instrumentation.call("models", actions.facts)

    for endpoint in (write, compare, continue_scene, rewrite_line, take_alternative, open_scene):
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_id="scenes")
    for endpoint in (alternatives, surprise, unknown_words, fountain, models):
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_id="short_tasks")


def _scene(
    cast: Any, preset: Any, max_new_tokens: Any, seed: Any, model: Any, invent_words: Any
) -> Scene:
    options = {"max_new_tokens": max_new_tokens, "model": model, "invent_words": invent_words}
    return build_scene(preset, seed, cast=cast, **options)
