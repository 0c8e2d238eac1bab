"""The left column of the Write tab: who speaks, how the scene begins, sampling options."""

import dataclasses
import functools
from typing import Any

import gradio as gr

from serve.actions import Actions, Facts
from serve.gradio_compat import with_models
from serve.limits import CAST_BUTTONS
from serve.page.widgets import (
    EVENT,
    SLIDERS,
    model_field,
    pairs,
    prompt_fields,
    seed_field,
    slider,
)
from serve.scenes.scene import PRESETS

EXAMPLES = 3


@dataclasses.dataclass(frozen=True)
class WriteForm:
    """The column's components."""

    model: gr.Dropdown
    cast: gr.CheckboxGroup
    more_cast: gr.Dropdown
    setting: gr.Textbox
    first_line: gr.Textbox
    preset: gr.Radio
    sliders: dict[str, gr.Slider]
    invent_words: gr.Checkbox
    seed: gr.Textbox
    start: gr.Button
    stop: gr.Button
    examples: list[gr.Button]

    @property
    def scene_inputs(self) -> list[gr.components.Component]:
        """The components whose values make a scene; `scene_input_names` names them."""
        return [self.model, self.cast, self.more_cast, self.invent_words, *self.sliders.values()]

    @property
    def scene_input_names(self) -> list[str]:
        """The name of each of `scene_inputs`."""
        return ["model", "cast", "more_cast", "invent_words", *self.sliders]


def add_write_form(facts: list[Facts]) -> WriteForm:
    """Adds the column to the Blocks that are being built."""
    speakers = facts[0]["speakers"]
    model = model_field(facts, "Model")
    cast = gr.CheckboxGroup(
        speakers[:CAST_BUTTONS], label="Cast", info="none selected: everyone", elem_id="cast"
    )
    with_models(cast, lambda facts: {"choices": pairs(facts[0]["speakers"][:CAST_BUTTONS])})
    more_cast = gr.Dropdown(speakers[CAST_BUTTONS:], multiselect=True, label="More of the cast")
    with_models(more_cast, lambda facts: {"choices": pairs(facts[0]["speakers"][CAST_BUTTONS:])})
    setting, first_line = prompt_fields(facts, elem_id="first-line")
    preset = gr.Radio(list(PRESETS), value="balanced", label="Preset")
    with gr.Row():
        start = gr.Button("Write", variant="primary", elem_id="write")
        stop = gr.Button("Stop", elem_id="stop")
    with gr.Row(elem_id="examples"):
        examples = [example_button(facts, number) for number in range(EXAMPLES)]
    with gr.Accordion("Sampling options", open=False):
        sliders = {name: slider(name) for name in SLIDERS}
        invent_words = gr.Checkbox(
            label="Invent words",
            info="also write words that are in neither the show nor your lines, letter by letter",
        )
        seed = seed_field("empty: random", info="the same seed and options give the same scene")
    return WriteForm(
        model,
        cast,
        more_cast,
        setting,
        first_line,
        preset,
        sliders,
        invent_words,
        seed,
        start,
        stop,
        examples,
    )


def example_button(facts: list[Facts], number: int) -> gr.Button:
    """The button of an example, which is hidden if the show has no examples."""

    def attributes(facts: list[Facts]) -> dict[str, Any]:
        scenes = example_scenes(facts[0]["speakers"])
        return {"value": scenes[number][0] if scenes else "", "visible": bool(scenes)}

    return with_models(gr.Button(size="sm", **attributes(facts)), attributes)


def connect_form(form: WriteForm, actions: Actions) -> None:
    """Connects the components that only change other components of the form."""

    def cast_of(model: str) -> tuple[gr.CheckboxGroup, gr.Dropdown]:
        known = next((f["speakers"] for f in actions.facts() if f["name"] == model), [])
        buttons = gr.CheckboxGroup(choices=known[:CAST_BUTTONS], value=[])
        return buttons, gr.Dropdown(choices=known[CAST_BUTTONS:], value=[])

    def example(number: int) -> tuple[list[str], str, str]:
        return example_scenes(actions.facts()[0]["speakers"])[number][1:]

    form.model.change(cast_of, form.model, [form.cast, form.more_cast], **EVENT)
    numbers = {name: [preset["temperature"], preset["top_p"]] for name, preset in PRESETS.items()}
    preset_sliders = [form.sliders["temperature"], form.sliders["top_p"]]
    form.preset.change(None, form.preset, preset_sliders, js=f"(p) => ({numbers})[p]", **EVENT)
    for number, button in enumerate(form.examples):
        button.click(
            functools.partial(example, number),
            None,
            [form.cast, form.setting, form.first_line],
            **EVENT,
        )


def example_scenes(speakers: list[str]) -> list[tuple[str, list[str], str, str]]:
    """Examples for any show: (button, cast, setting, first line); `EXAMPLES`, or none."""
    if len(speakers) < 2:
        return []
    first, second = speakers[:2]
    third = speakers[min(2, len(speakers) - 1)]
    return [
        (
            f"{first} and {second}, alone",
            [first, second],
            "the coffee shop",
            f"{second}: I need a favour.",
        ),
        (f"{third} has a plan", [], "", f"{third}: (enters) I have it. The perfect plan."),
        (f"A monologue of {first}", [first], "", f"{first}: What is it with"),
    ]
