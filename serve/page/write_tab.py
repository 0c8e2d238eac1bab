"""The tab where a scene is written: its fields, its buttons, and what each of them asks for."""

import dataclasses
import html
import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from serve.actions import Actions, Told, scene_of
from serve.calls import Calls
from serve.scenes import script
from serve.scenes.scene import MAX_NEW_TOKENS, MAX_TEXT, PRESETS, RANGES, Scene, clean_text

CHIPS = 10  # of the cast are always in sight
# Every event takes its values as they come: `Scene` checks them, whoever sends them.
EVENT: dict[str, Any] = {
    "preprocess": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
NUMBERS = {  # label, what it does, step; in the order of the page
    "max_new_tokens": ("Length", "words and punctuation", 10),
    "temperature": ("Temperature", "low is safe, high is wild", 0.05),
    "top_p": ("Top-p", "only the likeliest words of this share; 1 is off", 0.01),
    "top_k": ("Top-k", "only so many likeliest words; 0 is off", 1),
    "min_p": ("Min-p", "only words this share as likely as the likeliest; 0 is off", 0.01),
    "repetition_penalty": ("Repetition penalty", "1 is off", 0.05),
    "no_repeat_ngram_size": ("No run of so many words twice", "0 is off", 1),
}


def add_room(app: gr.Blocks, actions: Actions, calls: Calls, facts: list[Told]) -> None:
    """Adds the tab's content to the Blocks that are being built."""
    speakers = facts[0]["speakers"]
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            names = [fact["name"] for fact in facts]
            model = gr.Dropdown(names, value=names[0], label="Show", visible=len(names) > 1)
            cast = gr.CheckboxGroup(
                speakers[:CHIPS],
                label="Who may speak",
                info="nobody ticked: everyone",
                elem_id="cast",
            )
            others = gr.Dropdown(speakers[CHIPS:], multiselect=True, label="More of the cast")
            setting = gr.Textbox(label="Setting", placeholder="the coffee shop", max_length=200)
            line = gr.Textbox(
                label="First line",
                placeholder=f"{(speakers or ['She'])[0]}: You will not believe this.",
                max_length=2000,
                elem_id="first-line",
            )
            preset = gr.Radio(list(PRESETS), value="balanced", label="How bold")
            with gr.Row():
                start = gr.Button("Write", variant="primary", elem_id="write")
                stop = gr.Button("Stop", elem_id="stop")
            with gr.Row(elem_id="ideas"):
                examples = [gr.Button(name, size="sm") for name, *_ in ideas(speakers)]
            with gr.Accordion("Finer controls", open=False):
                sliders = {name: slider(name) for name in NUMBERS}
                seed = gr.Textbox(  # gr.Number shows an empty field as 0
                    label="Seed",
                    placeholder="empty: another scene each time",
                    info="the same seed and settings write the same scene",
                    max_length=10,
                )
        with gr.Column(scale=3, min_width=300):
            with gr.Row(elem_id="tools"):
                mode = gr.Radio(
                    ["Script", "Edit", "Inside"],
                    value="Script",
                    label="Look at the scene as",
                    elem_id="mode",
                )
                undo = gr.Button("Undo", size="sm")
                go_on = gr.Button("Continue", size="sm")
            view = gr.HTML(
                '<div class="script" role="region" aria-label="The scene" tabindex="0"></div>',
                js_on_load="coldOpen.attach(element, trigger);",
                elem_id="scene",
                apply_default_css=False,
            )
            text = gr.Textbox(
                label="The scene as text: change what you like, then Continue",
                lines=18,
                max_lines=60,
                max_length=MAX_TEXT,
                elem_id="editor",
            )
            note = gr.HTML("", elem_id="note", apply_default_css=False)
            with gr.Row(elem_id="keep"):
                link = gr.Button("Copy link", size="sm")
                as_text = gr.Button("Download .txt", size="sm")
                as_fountain = gr.Button("Download Fountain", size="sm")
                as_json = gr.Button("Download JSON", size="sm")
            saved, found, opened = (gr.Textbox(visible=False) for _ in range(3))

    settings = [model, cast, others, *sliders.values()]

    def scene(values: tuple[Any, ...], seed: Any = None) -> Scene:
        named = dict(zip(["model", "cast", "others", *sliders], values, strict=True))
        both = [named.pop("cast") or [], named.pop("others") or []]
        if not all(isinstance(names, list) for names in both):
            both = [[0], []]  # for `Scene` to refuse
        return scene_of("", seed, cast=both[0] + both[1], **named)

    def beginning(_event: gr.EventData, setting: Any, line: Any, seed: Any, *values: Any) -> Scene:
        prompt = script.opening(clean_text(setting, "setting"), clean_text(line, "first line"))
        return dataclasses.replace(scene(values, seed), prompt=prompt)

    def whole(_event: gr.EventData, text: Any, *values: Any) -> Scene:
        return actions.continuing(text, -1, scene(values))

    def from_line(event: gr.EventData, text: Any, *values: Any) -> Scene:
        return actions.continuing(text, detail(event, "line"), scene(values))

    def rewritten(event: gr.EventData, text: Any, *values: Any) -> Scene:
        return actions.rewriting(text, detail(event, "line"), scene(values))

    def taken(event: gr.EventData, text: Any, *values: Any) -> Scene:
        word, alternative = detail(event, "word"), detail(event, "alternative")
        return actions.taking(text, word, alternative, scene(values))

    def again(_event: gr.EventData, recipe: Any) -> Scene:
        return Scene.from_json(recipe)

    def asked(endpoint: str, build: Callable[..., Scene]) -> Callable[..., Any]:
        async def handle(event: gr.EventData, *values: Any):
            if endpoint == "open_scene" and not values[0]:
                yield gr.skip()  # the page was opened without a scene in its address
                return
            typed = " ".join(value for value in values[:2] if isinstance(value, str))
            steps = calls.stream(endpoint, lambda: actions.write(build(event, *values)), typed)
            async for written, told in steps:
                yield written, note_html(told), told["scene"]

        return handle

    async def likely(event: gr.EventData, text: Any, model: Any) -> Any:
        word = detail(event, "word")
        found = await calls.single(
            "alternatives", lambda: actions.alternatives(text, word, 8, model), text
        )
        return json.dumps(found)

    async def inside(mode: Any, text: Any, model: Any) -> Any:
        if mode != "Inside" or not text:
            return ""
        words = await calls.single("surprise", lambda: actions.surprise(text, model), text)
        return json.dumps(words)

    async def screenplay(text: Any, model: Any) -> str:
        return await calls.single("fountain", lambda: actions.fountain(text, model), text)

    def recast(model: Any) -> tuple[Any, Any]:
        known = next((fact["speakers"] for fact in facts if fact["name"] == model), [])
        chips = gr.CheckboxGroup(choices=known[:CHIPS], value=[])
        return chips, gr.Dropdown(choices=known[CHIPS:], value=[])

    results, writing = [text, note, saved], []
    look = [mode, text, model]

    def on(trigger: Any, endpoint: str, build: Callable[..., Scene], inputs: list[Any]) -> None:
        event = trigger(
            asked(endpoint, build),
            inputs,
            results,
            js="(...values) => coldOpen.begin(values)",
            trigger_mode="once",
            concurrency_id="writing",
            **EVENT,
        )
        writing.append(event)
        event.failure(None, None, None, js="() => coldOpen.stop()", **EVENT)
        shown = event.then(inside, look, found, **EVENT)
        shown.then(None, [found, saved], None, js="(f, s) => coldOpen.done(f, s)", **EVENT)

    on(start.click, "write", beginning, [setting, line, seed, *settings])
    on(line.submit, "write", beginning, [setting, line, seed, *settings])
    on(go_on.click, "continue_scene", whole, [text, *settings])
    on(view.expand, "continue_scene", from_line, [text, *settings])
    on(view.retry, "rewrite_line", rewritten, [text, *settings])
    on(view.option_select, "take_alternative", taken, [text, *settings])
    opening = app.load(None, None, opened, js="() => coldOpen.fromAddress()", **EVENT)
    on(opening.then, "open_scene", again, [opened])
    stop.click(None, None, None, cancels=writing, js="() => coldOpen.stop()", **EVENT)

    text.change(None, text, None, js="(t) => coldOpen.show(t)", **EVENT)
    mode.change(None, mode, None, js="(m) => coldOpen.look(m)", **EVENT).then(
        inside, look, found, **EVENT
    ).then(None, found, None, js="(f) => coldOpen.inside(f)", **EVENT)
    view.select(likely, [text, model], found, **EVENT).then(
        None, found, None, js="(f) => coldOpen.offer(f)", **EVENT
    )
    undo.click(None, None, [text, saved], js="() => coldOpen.undo()", **EVENT)
    sliders_of_preset = [sliders["temperature"], sliders["top_p"]]
    numbers = {name: [kept["temperature"], kept["top_p"]] for name, kept in PRESETS.items()}
    preset.change(None, preset, sliders_of_preset, js=f"(p) => ({numbers})[p]", **EVENT)
    model.change(recast, model, [cast, others], **EVENT)
    for button, (_, names, where, what) in zip(examples, ideas(speakers), strict=True):
        button.click(
            lambda names=names, where=where, what=what: (names, where, what),
            None,
            [cast, setting, line],
            **EVENT,
        )

    link.click(None, [text, saved, model], None, js="(...v) => coldOpen.link(...v)", **EVENT)
    as_text.click(None, text, None, js="(t) => coldOpen.save(t, 'txt')", **EVENT)
    as_json.click(None, [text, saved, model], None, js="(...v) => coldOpen.json(...v)", **EVENT)
    as_fountain.click(screenplay, [text, model], found, **EVENT).then(
        None, found, None, js="(f) => coldOpen.save(f, 'fountain')", **EVENT
    )


def slider(name: str) -> gr.Slider:
    """The slider of one number of a scene."""
    label, info, step = NUMBERS[name]
    low, high = RANGES[name]
    if name == "max_new_tokens":
        low, high = 10, MAX_NEW_TOKENS
    high = {"top_k": 200, "no_repeat_ngram_size": 20}.get(name, high)
    default = Scene.__dataclass_fields__[name].default
    return gr.Slider(low, high, default, step=step, label=label, info=info)


def ideas(speakers: list[str]) -> list[tuple[str, list[str], str, str]]:
    """Examples to click for any show: (button, cast, setting, first line)."""
    if len(speakers) < 2:
        return []
    one, two = speakers[:2]
    third = speakers[min(2, len(speakers) - 1)]
    return [
        (f"{one} and {two}, alone", [one, two], "the coffee shop", f"{two}: I need a favour."),
        (f"{third} has a plan", [], "", f"{third}: (enters) I have it. The perfect plan."),
        (f"A monologue of {one}", [one], "", f"{one}: What is it with"),
    ]


def detail(event: gr.EventData, name: str) -> Any:
    """What the browser told with an event; whatever it is, the action checks it."""
    return event._data.get(name) if isinstance(event._data, dict) else None


def note_html(told: Told) -> str:
    """What is told below a scene."""
    parts = [f"Seed {told['seed']}", f"{told['words']} words"]
    if told["done"] and told["words"] > 1:
        parts.append(f"{told['words_per_second']:,} words a second")
    if told["unknown_words"]:
        parts.append(f"never heard before: {', '.join(told['unknown_words'][:8])}")
    if told["note"]:
        parts.append(told["note"])
    return f'<p role="status">{html.escape(" · ".join(parts))}</p>'
