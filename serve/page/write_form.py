"""The left column of the Write tab: who speaks, how the scene begins, sampling options."""

import dataclasses

import gradio as gr

from serve.actions import Facts
from serve.limits import CAST_BUTTONS
from serve.page.widgets import EVENT, SLIDERS, prompt_fields, seed_field, slider
from serve.scenes.scene import PRESETS


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
    takes: gr.Slider
    seed: gr.Textbox
    start: gr.Button
    stop: gr.Button
    examples: list[gr.Button]

    @property
    def fields(self) -> dict[str, gr.components.Component]:
        """The components whose values make a scene, by name."""
        return {
            "model": self.model,
            "cast": self.cast,
            "more_cast": self.more_cast,
            "setting": self.setting,
            "first_line": self.first_line,
            "invent_words": self.invent_words,
            "takes": self.takes,
            "seed": self.seed,
            **self.sliders,
        }


def add_write_form(facts: list[Facts]) -> WriteForm:
    """Adds the column to the Blocks that are being built."""
    speakers = facts[0]["speakers"]
    names = [fact["name"] for fact in facts]
    model = gr.Dropdown(names, value=names[0], label="Model", visible=len(names) > 1)
    cast = gr.CheckboxGroup(
        speakers[:CAST_BUTTONS], label="Cast", info="none selected: everyone", elem_id="cast"
    )
    more_cast = gr.Dropdown(speakers[CAST_BUTTONS:], multiselect=True, label="More of the cast")
    setting, first_line = prompt_fields(speakers, elem_id="first-line")
    preset = gr.Radio(list(PRESETS), value="balanced", label="Preset")
    with gr.Row():
        start = gr.Button("Write", variant="primary", elem_id="write")
        stop = gr.Button("Stop", elem_id="stop")
    with gr.Row(elem_id="examples"):
        examples = [gr.Button(name, size="sm") for name, *_ in example_scenes(speakers)]
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


def connect_form(form: WriteForm, facts: list[Facts]) -> None:
    """Connects the components that only change other components of the form."""

    def cast_of(model: str) -> tuple[gr.CheckboxGroup, gr.Dropdown]:
        known = next((fact["speakers"] for fact in facts if fact["name"] == model), [])
        buttons = gr.CheckboxGroup(choices=known[:CAST_BUTTONS], value=[])
        return buttons, gr.Dropdown(choices=known[CAST_BUTTONS:], value=[])

    form.model.change(cast_of, form.model, [form.cast, form.more_cast], **EVENT)
    numbers = {name: [preset["temperature"], preset["top_p"]] for name, preset in PRESETS.items()}
    preset_sliders = [form.sliders["temperature"], form.sliders["top_p"]]
    form.preset.change(None, form.preset, preset_sliders, js=f"(p) => ({numbers})[p]", **EVENT)
    scenes = example_scenes(facts[0]["speakers"])
    for button, (_, cast, setting, line) in zip(form.examples, scenes, strict=True):
        button.click(
            lambda cast=cast, setting=setting, line=line: (cast, setting, line),
            None,
            [form.cast, form.setting, form.first_line],
            **EVENT,
        )


def example_scenes(speakers: list[str]) -> list[tuple[str, list[str], str, str]]:
    """Examples for any show: (button, cast, setting, first line)."""
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
