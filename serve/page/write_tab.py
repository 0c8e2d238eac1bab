"""The Write tab: connects the form and the view with the actions."""

import dataclasses
from collections.abc import Callable
from typing import Any

import gradio as gr

from data import strict_json
from serve.actions import Actions, Facts
from serve.arguments import clean_text
from serve.gradio_compat import event_value
from serve.instrumentation import Instrumentation
from serve.limits import PAGE_ALTERNATIVES
from serve.page.scene_view import SceneView, add_scene_view
from serve.page.widgets import EVENT, note_html
from serve.page.write_form import WriteForm, add_write_form, connect_form
from serve.scenes import script
from serve.scenes.scene import Scene, build_scene


def add_write_tab(
    app: gr.Blocks, actions: Actions, instrumentation: Instrumentation, facts: list[Facts]
) -> None:
    """Adds the tab's content to the Blocks that are being built."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            form = add_write_form(facts)
        with gr.Column(scale=3, min_width=300):
            view = add_scene_view()
    connect_form(form, actions)
    _connect_writing(app, form, view, actions, instrumentation)
    _connect_view(form, view, actions, instrumentation)


def _connect_writing(
    app: gr.Blocks,
    form: WriteForm,
    view: SceneView,
    actions: Actions,
    instrumentation: Instrumentation,
) -> None:
    """Connects everything that generates a scene."""

    def scene_of(values: tuple[Any, ...], seed: Any = None) -> Scene:
        options = dict(zip(form.scene_input_names, values, strict=True))
        casts = [options.pop("cast") or [], options.pop("more_cast") or []]
        if not all(isinstance(names, list) for names in casts):
            casts = [[0], []]  # an invalid cast, which `Scene` refuses
        return build_scene("", seed, cast=casts[0] + casts[1], **options)

    def new_scene(_event: gr.EventData, setting: Any, line: Any, seed: Any, *values: Any) -> Scene:
        prompt = script.opening(clean_text(setting, "setting"), clean_text(line, "first line"))
        return dataclasses.replace(scene_of(values, seed), prompt=prompt)

    def from_end(_event: gr.EventData, text: Any, *values: Any) -> Scene:
        return actions.continue_scene(text, -1, scene_of(values))

    def from_line(event: gr.EventData, text: Any, *values: Any) -> Scene:
        return actions.continue_scene(text, event_value(event, "line"), scene_of(values))

    def rewritten(event: gr.EventData, text: Any, *values: Any) -> Scene:
        return actions.rewrite_line(text, event_value(event, "line"), scene_of(values))

    def with_alternative(event: gr.EventData, text: Any, *values: Any) -> Scene:
        word, alternative = event_value(event, "word"), event_value(event, "alternative")
        return actions.take_alternative(text, word, alternative, scene_of(values))

    def from_link(_event: gr.EventData, scene_json: Any) -> Scene:
        return Scene.from_json(scene_json)

    def handler(endpoint: str, build: Callable[..., Scene]) -> Callable[..., Any]:
        async def handle(event: gr.EventData, *values: Any):
            if endpoint == "open_scene" and not values[0]:
                yield gr.skip()  # the page's address has no scene
                return
            prompt = " ".join(value for value in values[:2] if isinstance(value, str))
            results = instrumentation.stream(
                endpoint, lambda: actions.write(build(event, *values)), prompt
            )
            async for text, facts in results:
                yield text, note_html(facts), facts["scene"]

        return handle

    async def probabilities_json(mode: Any, text: Any, model: Any) -> str:
        return await word_probabilities(actions, instrumentation, mode, text, model)

    running = []

    def on(trigger: Any, endpoint: str, build: Callable[..., Scene], inputs: list[Any]) -> None:
        event = trigger(
            handler(endpoint, build),
            inputs,
            [view.text, view.note, view.scene_json],
            js="(...values) => coldOpen.begin(values)",
            trigger_mode="once",
            concurrency_id="scenes",
            **EVENT,
        )
        running.append(event)
        event.failure(None, None, None, js="() => coldOpen.stop()", **EVENT)
        event.then(
            probabilities_json, [view.mode, view.text, form.model], view.answer, **EVENT
        ).then(
            None,
            [view.answer, view.scene_json],
            None,
            js="(words, scene) => coldOpen.done(words, scene)",
            **EVENT,
        )

    inputs = form.scene_inputs
    new_inputs = [form.setting, form.first_line, form.seed, *inputs]
    on(form.start.click, "write", new_scene, new_inputs)
    on(form.first_line.submit, "write", new_scene, new_inputs)
    on(view.resume.click, "continue_scene", from_end, [view.text, *inputs])
    # Three events of gr.HTML that page.js triggers; Gradio allows no other event names.
    on(view.script.expand, "continue_scene", from_line, [view.text, *inputs])
    on(view.script.retry, "rewrite_line", rewritten, [view.text, *inputs])
    on(view.script.option_select, "take_alternative", with_alternative, [view.text, *inputs])
    opening = app.load(None, None, view.opened, js="() => coldOpen.sceneOfAddress()", **EVENT)
    on(opening.then, "open_scene", from_link, [view.opened])
    form.stop.click(None, None, None, cancels=running, js="() => coldOpen.stop()", **EVENT)


def _connect_view(
    form: WriteForm, view: SceneView, actions: Actions, instrumentation: Instrumentation
) -> None:
    """Connects everything that shows, edits or saves a scene."""

    # Not named like an endpoint of the API: Gradio would rename the endpoint.
    async def alternatives_json(event: gr.EventData, text: Any, model: Any) -> str:
        word = event_value(event, "word")
        found = await instrumentation.call(
            "alternatives",
            lambda: actions.alternatives(text, word, PAGE_ALTERNATIVES, model),
            text,
        )
        return strict_json.dumps(found)

    async def probabilities_json(mode: Any, text: Any, model: Any) -> str:
        return await word_probabilities(actions, instrumentation, mode, text, model)

    async def screenplay(text: Any, model: Any) -> str:
        return await instrumentation.call("fountain", lambda: actions.fountain(text, model), text)

    answer = view.answer
    view.text.change(None, view.text, None, js="(text) => coldOpen.show(text)", **EVENT)
    view.mode.change(None, view.mode, None, js="(mode) => coldOpen.setMode(mode)", **EVENT).then(
        probabilities_json, [view.mode, view.text, form.model], answer, **EVENT
    ).then(None, answer, None, js="(words) => coldOpen.showProbabilities(words)", **EVENT)
    view.script.select(alternatives_json, [view.text, form.model], answer, **EVENT).then(
        None, answer, None, js="(words) => coldOpen.showAlternatives(words)", **EVENT
    )
    restored = [view.text, view.scene_json]
    view.undo.click(None, None, restored, js="() => coldOpen.undo()", **EVENT)

    scene = [view.text, view.scene_json, form.model]
    view.copy_link.click(None, scene, None, js="(...v) => coldOpen.copyLink(...v)", **EVENT)
    view.save_text.click(None, view.text, None, js="(t) => coldOpen.save(t, 'txt')", **EVENT)
    view.save_json.click(None, scene, None, js="(...v) => coldOpen.saveJson(...v)", **EVENT)
    view.save_fountain.click(screenplay, [view.text, form.model], answer, **EVENT).then(
        None, answer, None, js="(text) => coldOpen.save(text, 'fountain')", **EVENT
    )


async def word_probabilities(
    actions: Actions, instrumentation: Instrumentation, mode: Any, text: Any, model: Any
) -> str:
    """The words of a script with their log-probabilities as JSON; "" in the other views."""
    if mode != "Probabilities" or not text:
        return ""
    words = await instrumentation.call("surprise", lambda: actions.surprise(text, model), text)
    return strict_json.dumps(words)
