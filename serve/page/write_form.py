"""The left column of the Write tab: who speaks, how the scene begins, sampling options."""

import dataclasses
from typing import Any

import gradio as gr

from data import strict_json
from serve.actions import Facts
from serve.limits import CAST_BUTTONS, DEFAULT_TAKES, MAX_TAKES
from serve.page.examples import Examples
from serve.page.widgets import EVENT, SLIDERS, prompt_fields, seed_field, slider
from serve.scenes.scene import PRESETS

# client/library.js fills the list.
HISTORY = """
<details>
  <summary>History <span class="count"></span></summary>
  <div class="history-tools">
    <button type="button" class="text-button" id="open-button">Open a file (.json, .txt)</button>
    <input type="file" id="open-file" accept=".json,.txt" hidden>
    <button type="button" class="text-button" id="clear-all">Delete everything</button>
  </div>
  <ul></ul>
</details>
"""


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


def add_write_form(facts: list[Facts], examples: Examples) -> WriteForm:
    """Adds the column to the Blocks that are being built."""
    speakers = facts[0]["speakers"]
    names = [fact["name"] for fact in facts]
    model = gr.Dropdown(names, value=names[0], label="Model", visible=len(names) > 1)
    cast = gr.CheckboxGroup(
        speakers[:CAST_BUTTONS],
        label="Cast",
        info="Tick none to let everyone speak",
        elem_id="cast",
    )
    more_cast = gr.Dropdown(speakers[CAST_BUTTONS:], multiselect=True, label="More of the cast")
    setting, first_line = prompt_fields(examples, "first-line")
    preset = gr.Radio(list(PRESETS), value="balanced", label="Style")
    with gr.Row(elem_id="start"):
        start = gr.Button("Write", variant="primary", elem_id="write")
        stop = gr.Button("Stop", elem_id="stop", min_width=80, scale=0)
    with gr.Row(elem_id="examples"):
        example_buttons = [gr.Button(each.label, size="sm") for each in examples.scenes]
    with gr.Accordion("Sampling options", open=False):
        sliders = {name: slider(name) for name in SLIDERS}
        invent_words = gr.Checkbox(
            label="Invent words",
            info="also write words that are in neither the show nor your lines, letter by letter",
        )
        takes = gr.Slider(
            1, MAX_TAKES, DEFAULT_TAKES, step=1, label="Takes", info="versions to choose from"
        )
        seed = seed_field("empty: random", info="the same seed and options give the same scene")
    gr.HTML(HISTORY, elem_id="history", apply_default_css=False)
    return WriteForm(
        model,
        cast,
        more_cast,
        setting,
        first_line,
        preset,
        sliders,
        invent_words,
        takes,
        seed,
        start,
        stop,
        example_buttons,
    )


def connect_form(app: gr.Blocks, form: WriteForm, facts: list[Facts], examples: Examples) -> None:
    """Connects the components that only change other components of the form."""

    def cast_of(model: str, cast: Any, more: Any) -> tuple[gr.CheckboxGroup, gr.Dropdown]:
        known = next((fact["speakers"] for fact in facts if fact["name"] == model), [])
        buttons, others = known[:CAST_BUTTONS], known[CAST_BUTTONS:]
        chosen = [*(cast or []), *(more or [])]
        return (
            gr.CheckboxGroup(choices=buttons, value=[n for n in buttons if n in chosen]),
            gr.Dropdown(choices=others, value=[n for n in others if n in chosen]),
        )

    cast = [form.cast, form.more_cast]
    form.model.change(cast_of, [form.model, *cast], cast, **EVENT)
    _connect_presets(form)
    kept = [*form.fields.values(), form.preset]
    gr.on(
        [component.change for component in kept],
        None,
        kept,
        None,
        js="(...values) => coldOpen.form.save(values)",
        **EVENT,
    )
    app.load(None, kept, kept, js="(...values) => coldOpen.events.load(values)", **EVENT)
    for button, example in zip(form.examples, examples.scenes, strict=True):
        values = strict_json.dumps([example.cast, [], example.setting, example.line])
        button.click(
            None, None, [*cast, form.setting, form.first_line], js=f"() => ({values})", **EVENT
        ).then(None, None, None, js="() => coldOpen.events.start('write_scene')", **EVENT)


def _connect_presets(form: WriteForm) -> None:
    """A preset moves its sliders; a slider that a person moves deselects the preset."""
    names = sorted(set().union(*PRESETS.values()))
    sliders = [form.sliders[name] for name in names]
    values = {
        preset: [numbers.get(name, sliders[place].value) for place, name in enumerate(names)]
        for preset, numbers in PRESETS.items()
    }
    form.preset.input(
        None, form.preset, sliders, js=f"(p) => ({strict_json.dumps(values)})[p]", **EVENT
    )
    moved = [slider.input for slider in sliders]
    gr.on(moved, None, None, form.preset, js="() => null", **EVENT)
