"""The Compare tab: one prompt and one seed with two presets or two models."""

from typing import Any

import gradio as gr

from serve.actions import Actions, Facts
from serve.arguments import clean_text
from serve.instrumentation import Instrumentation
from serve.page.examples import Examples
from serve.page.widgets import (
    EVENT,
    QUEUE_PLACE,
    prompt_fields,
    results_channel,
    seed_field,
    slider,
)
from serve.scenes import script
from serve.scenes.scene import PRESETS

SIDE = """
<div class="script" role="region" aria-label="The scene, {side}" tabindex="0"></div>
<div class="facts"></div>
<button type="button" class="text-button use" hidden>Use this one</button>
"""


def add_compare_tab(
    actions: Actions, instrumentation: Instrumentation, facts: list[Facts], examples: Examples
) -> None:
    """Adds the tab's content to the Blocks that are being built."""
    names = [fact["name"] for fact in facts]
    with gr.Row(elem_id="compare-prompt"):
        setting, line = prompt_fields(examples, max_lines=1)
    with gr.Row(elem_id="compare-options"):
        seed = seed_field("random", info="the same for both", max_lines=1)
        length = slider("length")
    with gr.Row(elem_id="start-both"):
        start = gr.Button("Write both", variant="primary", elem_id="write-both")
        stop = gr.Button(
            "Stop both", elem_id="stop-both", interactive=False, min_width=150, scale=0
        )
    gr.HTML(QUEUE_PLACE, elem_id="compare-queue", apply_default_css=False)
    options = []
    with gr.Row():
        for place, (side, default) in enumerate((("left", "safe"), ("right", "wild"))):
            with gr.Column(min_width=300):
                model = gr.Dropdown(
                    names, value=names[0], label=f"Model, {side}", visible=len(names) > 1
                )
                preset = gr.Radio(list(PRESETS), value=default, label=f"Style, {side}")
                view = gr.HTML(
                    SIDE.format(side=side),
                    elem_id=f"scene-{side}",
                    apply_default_css=False,
                    js_on_load=f"coldOpen.compare.attach(element, {place}, trigger, 'use_seed');",
                )
                view.use_seed(None, None, seed, js="() => coldOpen.note.seed()", **EVENT)
                options += [model, preset]
    results = results_channel("coldOpen.compare.receive")

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
        async for both in instrumentation.stream("compare", action, prompt):
            yield [{"text": text, "facts": facts} for text, facts in both]

    writing = start.click(
        write_both,
        [setting, line, seed, length, *options],
        results,
        js="(...values) => coldOpen.compare.begin(values)",
        trigger_mode="once",
        concurrency_id="scenes",
        **EVENT,
    )
    finish = "() => coldOpen.compare.finish()"
    writing.then(None, None, None, js=finish, **EVENT)
    stop.click(None, None, None, cancels=[writing], js=finish, **EVENT)
