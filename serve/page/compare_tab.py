"""The Compare tab: one prompt and one seed with two presets or two models."""

from typing import Any

import gradio as gr

from serve.actions import Actions, Facts
from serve.arguments import clean_text
from serve.instrumentation import Instrumentation
from serve.page.widgets import (
    EVENT,
    model_field,
    note_html,
    prompt_fields,
    script_view,
    seed_field,
    slider,
)
from serve.scenes import script
from serve.scenes.scene import PRESETS


def add_compare_tab(actions: Actions, instrumentation: Instrumentation, facts: list[Facts]) -> None:
    """Adds the tab's content to the Blocks that are being built."""
    with gr.Row():
        setting, line = prompt_fields(facts)
        seed = seed_field("empty: random, the same for both")
        length = slider("length")
    with gr.Row():
        start = gr.Button("Write both", variant="primary")
        stop = gr.Button("Stop both")
    options, results = [], []
    with gr.Row():
        for side, default in (("left", "safe"), ("right", "wild")):
            with gr.Column(min_width=300):
                model = model_field(facts, f"Model, {side}")
                preset = gr.Radio(list(PRESETS), value=default, label=f"Preset, {side}")
                view = script_view(f"scene-{side}", f"The scene, {side}")
                text = gr.Textbox(
                    label=f"Text, {side}", elem_classes="hidden-text", interactive=False
                )
                note = gr.HTML("", apply_default_css=False)
                show = f"(text) => coldOpen.showIn('{view.elem_id}', text)"
                text.change(None, text, None, js=show, **EVENT)
                options += [model, preset]
                results += [text, note]

    async def write_both(setting, line, seed, length, model_a, preset_a, model_b, preset_b) -> Any:
        def action():
            prompt = script.opening(clean_text(setting, "setting"), clean_text(line, "first line"))
            scenes = actions.scene_pair(
                {"model": model_a, "preset": preset_a},
                {"model": model_b, "preset": preset_b},
                seed,
                prompt=prompt,
                length=length,
            )
            return actions.compare(*scenes)

        prompt = line if isinstance(line, str) else ""
        results = instrumentation.stream("compare", action, prompt)
        async for (left, left_facts), (right, right_facts) in results:
            yield left, note_html(left_facts), right, note_html(right_facts)

    writing = start.click(
        write_both,
        [setting, line, seed, length, *options],
        results,
        trigger_mode="once",
        concurrency_id="scenes",
        **EVENT,
    )
    stop.click(None, None, None, cancels=[writing], **EVENT)
