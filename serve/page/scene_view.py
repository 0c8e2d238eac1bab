"""The right column of the Write tab: the scene as script, text or probabilities; downloads."""

import dataclasses

import gradio as gr

from serve.limits import MAX_TEXT
from serve.page.widgets import script_view


@dataclasses.dataclass(frozen=True)
class SceneView:
    """The column's components."""

    mode: gr.Radio
    undo: gr.Button
    resume: gr.Button
    script: gr.HTML
    text: gr.Textbox
    note: gr.HTML
    copy_link: gr.Button
    save_text: gr.Button
    save_fountain: gr.Button
    save_json: gr.Button
    # Hidden: the scene's JSON; an answer for the browser; the scene of the page's address.
    scene_json: gr.Textbox
    answer: gr.Textbox
    opened: gr.Textbox


def add_scene_view() -> SceneView:
    """Adds the column to the Blocks that are being built."""
    with gr.Row(elem_id="tools"):
        mode = gr.Radio(
            ["Script", "Edit", "Probabilities"], value="Script", label="View", elem_id="mode"
        )
        undo = gr.Button("Undo", size="sm")
        resume = gr.Button("Continue", size="sm")
    script = script_view("scene", "The scene", js_on_load="coldOpen.attach(element, trigger);")
    text = gr.Textbox(
        label="The scene as text: edit it, then choose Continue",
        lines=18,
        max_lines=18,  # as many as `lines`: Gradio would measure all the text at each change
        max_length=MAX_TEXT,
        elem_id="editor",
    )
    note = gr.HTML("", elem_id="note", apply_default_css=False)
    with gr.Row(elem_id="downloads"):
        copy_link = gr.Button("Copy link", size="sm")
        save_text = gr.Button("Download .txt", size="sm")
        save_fountain = gr.Button("Download Fountain", size="sm")
        save_json = gr.Button("Download JSON", size="sm")
    hidden = [gr.Textbox(visible=False) for _ in range(3)]
    return SceneView(
        mode,
        undo,
        resume,
        script,
        text,
        note,
        copy_link,
        save_text,
        save_fountain,
        save_json,
        *hidden,
    )
