"""The tab where one beginning is written twice: other settings or another model, the same seed."""

from typing import Any

import gradio as gr

from serve.actions import Actions, Told
from serve.calls import Calls
from serve.page.write_tab import EVENT, note_html, slider
from serve.scenes import script
from serve.scenes.scene import PRESETS, clean_text


def add_comparison(actions: Actions, calls: Calls, facts: list[Told]) -> None:
    """Adds the tab's content to the Blocks that are being built."""
    speakers = facts[0]["speakers"] or ["She"]
    names = [fact["name"] for fact in facts]
    with gr.Row():
        setting = gr.Textbox(label="Setting", placeholder="the coffee shop", max_length=200)
        line = gr.Textbox(
            label="First line",
            placeholder=f"{speakers[0]}: You will not believe this.",
            max_length=2000,
        )
        seed = gr.Textbox(
            label="Seed", placeholder="empty: drawn, the same for both", max_length=10
        )
        length = slider("max_new_tokens")
    with gr.Row():
        start = gr.Button("Write both", variant="primary")
        stop = gr.Button("Stop both")
    differs, results = [], []
    with gr.Row():
        for side, preset in (("left", "faithful"), ("right", "wild")):
            with gr.Column(min_width=300):
                model = gr.Dropdown(
                    names, value=names[0], label=f"Show, {side}", visible=len(names) > 1
                )
                bold = gr.Radio(list(PRESETS), value=preset, label=f"How bold, {side}")
                view = gr.HTML(
                    f'<div class="script" role="region" aria-label="The scene, {side}" '
                    'tabindex="0"></div>',
                    elem_id=f"scene-{side}",
                    apply_default_css=False,
                )
                text = gr.Textbox(label=f"Text, {side}", elem_classes="unseen", interactive=False)
                note = gr.HTML("", apply_default_css=False)
                show = f"(t) => coldOpen.showAt('{view.elem_id}', t)"
                text.change(None, text, None, js=show, **EVENT)
                differs += [model, bold]
                results += [text, note]

    async def write_both(setting, line, seed, length, model_a, preset_a, model_b, preset_b) -> Any:
        def action():
            prompt = script.opening(clean_text(setting, "setting"), clean_text(line, "first line"))
            one = {"model": model_a, "preset": preset_a}
            two = {"model": model_b, "preset": preset_b}
            return actions.compare(
                *actions.pair(one, two, seed, prompt=prompt, max_new_tokens=length)
            )

        typed = line if isinstance(line, str) else ""
        async for (left, told_left), (right, told_right) in calls.stream("compare", action, typed):
            yield left, note_of(told_left), right, note_of(told_right)

    writing = start.click(
        write_both,
        [setting, line, seed, length, *differs],
        results,
        trigger_mode="once",
        concurrency_id="writing",
        **EVENT,
    )
    stop.click(None, None, None, cancels=[writing], **EVENT)


def note_of(told: Told) -> str:
    """The note below one of the two; empty before its first words."""
    return note_html(told) if told else ""
