"""The named API endpoints, for gradio_client, curl and other programs.

Their docstrings are their documentation, with the arguments and results of `serve.api_schema`.
"""

import gradio as gr

from serve import api_schema
from serve.actions import Actions
from serve.gradio_compat import describe_endpoint
from serve.instrumentation import Instrumentation
from serve.limits import DEFAULT_TAKES
from serve.scenes.scene import Scene, build_scene


def add_api(blocks: gr.Blocks, actions: Actions, instrumentation: Instrumentation) -> None:
    """Adds the endpoints to `blocks`, which are being built."""

    async def write(
        prompt: str = "",
        cast: list[str] = (),
        next_speakers: list[str] = (),
        preset: str = "balanced",
        length: int = 200,
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
        """Generates a scene; streams (the script so far, facts) until it is done."""
        options = {"prompt": prompt, "cast": cast, "next_speakers": next_speakers, "model": model}
        options |= {"length": length, "temperature": temperature, "top_k": top_k, "top_p": top_p}
        options |= {"min_p": min_p, "repetition_penalty": repetition_penalty}
        options |= {"no_repeat_ngram_size": no_repeat_ngram_size, "invent_words": invent_words}

        def action():
            return actions.write(build_scene(preset, seed, **options))

        async for result in instrumentation.stream("write", action, prompt):
            yield result

    async def takes(
        prompt: str = "",
        n: int = DEFAULT_TAKES,
        cast: list[str] = (),
        next_speakers: list[str] = (),
        preset: str = "balanced",
        length: int = 200,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        repetition_penalty: float | None = None,
        no_repeat_ngram_size: int | None = None,
        seed: int | None = None,
        model: str = "",
        invent_words: bool = False,
    ) -> tuple[list[str], list[dict]]:
        """Generates a scene from n seeds at the same time: seed, seed + 1, and so on.

        Streams (the scripts so far, the facts of each). At temperature 0 there is one take.
        """
        options = {"prompt": prompt, "cast": cast, "next_speakers": next_speakers, "model": model}
        options |= {"length": length, "temperature": temperature, "top_k": top_k, "top_p": top_p}
        options |= {"min_p": min_p, "repetition_penalty": repetition_penalty}
        options |= {"no_repeat_ngram_size": no_repeat_ngram_size, "invent_words": invent_words}

        def action():
            return actions.takes(build_scene(preset, seed, **options), n)

        async for results in instrumentation.stream("takes", action, prompt):
            yield [text for text, _ in results], [facts for _, facts in results]

    async def compare(
        prompt: str = "",
        one: dict | None = None,
        two: dict | None = None,
        cast: list[str] = (),
        length: int = 200,
        seed: int | None = None,
    ) -> tuple[str, dict, str, dict]:
        """Generates two scenes from one prompt and one seed, side by side.

        one, two: the options that differ: any of model, preset, temperature, top_k, top_p, min_p,
        repetition_penalty, no_repeat_ngram_size, invent_words. Streams (script, facts) of one, then
        of two.
        """

        def action():
            shared = {"prompt": prompt, "cast": cast, "length": length}
            return actions.compare(*actions.scene_pair(one, two, seed, **shared))

        async for first, second in instrumentation.stream("compare", action, prompt):
            yield *first, *second

    async def continue_scene(
        text: str,
        line: int = -1,
        cast: list[str] = (),
        next_speakers: list[str] = (),
        preset: str = "balanced",
        length: int = 200,
        seed: int | None = None,
        model: str = "",
        invent_words: bool = False,
    ) -> tuple[str, dict]:
        """Continues a script after a line, counted from 0 without blank lines; -1 is its end.

        Later lines are dropped. Streams like /write.
        """

        def action():
            options = {"length": length, "model": model, "invent_words": invent_words}
            scene = build_scene(preset, seed, cast=cast, next_speakers=next_speakers, **options)
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
            scene = build_scene(preset, seed, model=model, invent_words=invent_words)
            return actions.write(actions.rewrite_line(text, line, scene))

        async for result in instrumentation.stream("rewrite_line", action, text):
            yield result

    async def take_alternative(
        text: str,
        word: int,
        alternative: str,
        cast: list[str] = (),
        preset: str = "balanced",
        length: int = 200,
        seed: int | None = None,
        model: str = "",
        invent_words: bool = False,
    ) -> tuple[str, dict]:
        """Replaces a word, counted from 0 as in /surprise, and continues the scene from there.

        Streams like /write.
        """

        def action():
            options = {"length": length, "model": model, "invent_words": invent_words}
            scene = build_scene(preset, seed, cast=cast, **options)
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

    scenes = (write, takes, compare, continue_scene, rewrite_line, take_alternative, open_scene)
    short_tasks = (alternatives, surprise, unknown_words, fountain, models)
    for endpoint in (*scenes, *short_tasks):
        name = endpoint.__name__
        group = "scenes" if endpoint in scenes else "short_tasks"
        gr.api(endpoint, api_name=name, concurrency_id=group)
        describe_endpoint(blocks, name, api_schema.argument, api_schema.RETURNS[name])
