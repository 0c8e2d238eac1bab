"""The Write tab: connects the form and the view with the actions."""

import dataclasses
from collections.abc import Callable
from typing import Any

import gradio as gr

from data import strict_json
from data.command_line import UserError
from serve.actions import Actions, Facts
from serve.arguments import clean_text
from serve.gradio_compat import event_value
from serve.instrumentation import Instrumentation
from serve.limits import OPTION_RANGES, PAGE_ALTERNATIVES
from serve.page.examples import Examples
from serve.page.next_line import next_speakers
from serve.page.scene_view import WRITING_EVENTS, SceneView, add_scene_view
from serve.page.sharing import add_sharing
from serve.page.widgets import EVENT
from serve.page.write_form import WriteForm, add_write_form, connect_form
from serve.scenes import script
from serve.scenes.scene import Scene, build_scene


def add_write_tab(
    app: gr.Blocks,
    actions: Actions,
    instrumentation: Instrumentation,
    facts: list[Facts],
    examples: Examples,
) -> None:
    """Adds the tab's content to the Blocks that are being built."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300, elem_id="write-form"):
            form = add_write_form(facts, examples)
        with gr.Column(scale=3, min_width=300):
            view = add_scene_view(form.model, facts)
            add_sharing(form.model, facts)
    connect_form(app, form, facts, examples)
    _connect_writing(form, view, actions, instrumentation)
    _connect_view(form, view, actions, instrumentation)


def _connect_writing(
    form: WriteForm, view: SceneView, actions: Actions, instrumentation: Instrumentation
) -> None:
    """Connects everything that writes takes of a scene."""

    def handler(name: str) -> Callable[..., Any]:
        async def handle(event: gr.EventData, *values: Any):
            fields = dict(zip([*form.fields, "next_line"], values, strict=True))
            n = 1 if name == "open_scene" else fields.pop("takes")

            def action():
                return actions.takes(requested_scene(actions, name, event, fields), n)

            new = name == "write_scene"
            texts = (
                [fields["setting"], fields["first_line"]] if new else [event_value(event, "text")]
            )
            prompt = " ".join(text for text in texts if isinstance(text, str))
            endpoint = "write" if new else name
            async for takes in instrumentation.stream(endpoint, action, prompt):
                yield [{"text": text, "facts": facts} for text, facts in takes]

        return handle

    running = []
    for name in WRITING_EVENTS:
        event = getattr(view.scene, name)(
            handler(name),
            [*form.fields.values(), view.next_line],
            view.takes,
            # The browser starts one scene at a time, and can start one as soon as one is stopped.
            trigger_mode="multiple",
            concurrency_id="scenes",
            **EVENT,
        )
        running.append(event)
        event.success(None, view.takes, None, js="(t) => coldOpen.scene.done(t)", **EVENT)
        event.failure(None, None, None, js="() => coldOpen.scene.finish()", **EVENT)
    form.stop.click(None, None, None, cancels=running, js="() => coldOpen.scene.finish()", **EVENT)
    for trigger, name in (
        (form.start.click, "write_scene"),
        (form.setting.submit, "write_scene"),
        (form.first_line.submit, "write_scene"),
        (view.resume.click, "continue_scene"),
    ):
        trigger(None, None, None, js=f"() => coldOpen.events.start('{name}')", **EVENT)


def requested_scene(
    actions: Actions, name: str, event: gr.EventData, fields: dict[str, Any]
) -> Scene:
    """The scene that an event of the browser asks for.

    Args:
        name: one of `WRITING_EVENTS`.
        event: has the text on the screen as `text`, a line's number as `line`, and so on.
        fields: the form's values.

    Raises:
        UserError: for a wrong value.
    """

    def sent(key: str, default: Any = None) -> Any:
        value = event_value(event, key)
        return default if value is None else value

    if name == "open_scene":
        return Scene.from_json(sent("scene"))
    if name == "more_takes":
        former = Scene.from_json(sent("scene"))
        return dataclasses.replace(former, seed=(former.seed + 1) % (OPTION_RANGES["seed"][1] + 1))
    setting, line, seed, next_line = (
        fields.pop(key) for key in ("setting", "first_line", "seed", "next_line")
    )
    casts = [fields.pop("cast") or [], fields.pop("more_cast") or []]
    if not all(isinstance(names, list) for names in casts):
        raise UserError("cast must be a list of names")
    new = name == "write_scene"
    scene = build_scene("", seed if new else None, cast=casts[0] + casts[1], **fields)
    if new:
        prompt = script.opening(clean_text(setting, "setting"), clean_text(line, "first line"))
        return dataclasses.replace(scene, prompt=prompt)
    text, written = sent("text"), sent("written", "")
    if name == "rewrite_line":
        return actions.rewrite_line(text, sent("line"), scene, written)
    if name == "take_alternative":
        word, alternative = sent("word"), sent("alternative")
        return actions.take_alternative(text, word, alternative, scene, written)
    speakers = [name for name, _ in actions.model(scene.model).vocabulary.speakers]
    scene = dataclasses.replace(
        scene, next_speakers=next_speakers(next_line, list(scene.cast), speakers)
    )
    return actions.continue_scene(text, sent("line", -1), scene, written)


def _connect_view(
    form: WriteForm, view: SceneView, actions: Actions, instrumentation: Instrumentation
) -> None:
    """Connects everything that shows, edits or saves a scene."""

    # Not named like an endpoint of the API: Gradio would rename the endpoint.
    # An answer names its text: the scene on the screen may be another one by now.
    async def words_json(event: gr.EventData, model: Any) -> str:
        text = event_value(event, "text")
        words = await instrumentation.call("surprise", lambda: actions.surprise(text, model))
        return strict_json.dumps({"text": text, "words": words})

    async def alternatives_json(event: gr.EventData, model: Any) -> str:
        text, word = event_value(event, "text"), event_value(event, "word")
        options = await instrumentation.call(
            "alternatives", lambda: actions.alternatives(text, word, PAGE_ALTERNATIVES, model)
        )
        return strict_json.dumps({"text": text, "options": options})

    async def screenplay(event: gr.EventData, model: Any) -> str:
        text = event_value(event, "text")
        return await instrumentation.call("fountain", lambda: actions.fountain(text, model))

    answers = (
        (view.scene.list_words, words_json, "scene.showWords(answer)"),
        (
            view.scene.list_alternatives,
            alternatives_json,
            "scene.showAlternatives(answer)",
        ),
        (view.scene.export_fountain, screenplay, "files.save(answer, 'fountain')"),
    )
    for trigger, answer, show in answers:
        trigger(answer, form.model, view.answer, **EVENT).success(
            None, view.answer, None, js=f"(answer) => coldOpen.{show}", **EVENT
        )

    view.note.use_seed(None, None, form.seed, js="() => coldOpen.note.seed()", **EVENT)
    model = form.model
    for trigger, inputs, call in (
        (view.mode.change, view.mode, "(mode) => coldOpen.scene.setMode(mode)"),
        (view.undo.click, None, "() => coldOpen.scene.undo()"),
        (view.redo.click, None, "() => coldOpen.scene.redo()"),
        (view.copy_link.click, model, "(model) => coldOpen.links.copyLink(model)"),
        (view.save_text.click, None, "() => coldOpen.files.save(coldOpen.scene.text(), 'txt')"),
        (view.save_fountain.click, None, "() => coldOpen.events.saveFountain()"),
        (
            view.save_json.click,
            model,
            "(model) => coldOpen.files.save(coldOpen.links.sceneJson(model), 'json')",
        ),
    ):
        trigger(None, inputs, None, js=call, **EVENT)
