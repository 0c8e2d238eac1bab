"""The right column of the Write tab: the scene and its takes, its views, its downloads."""

import dataclasses
import json

import gradio as gr

from serve.limits import MAX_TEXT

# What the browser can ask the server for; client/events.js and client/scene.js send these events.
WRITING_EVENTS = (
    *("write_scene", "more_takes", "continue_scene", "rewrite_line", "take_alternative"),
    "open_scene",
)
SHORT_EVENTS = ("list_words", "list_alternatives", "export_fountain")
SCENE = f"""
<div id="takes" role="group" aria-label="Takes" hidden></div>
<div class="script" role="region" aria-label="The scene" tabindex="0"></div>
<div id="side-by-side"></div>
<div id="editor">
  <label for="editor-text">The scene as text: edit it, then choose Continue</label>
  <textarea id="editor-text" rows="18" maxlength="{MAX_TEXT}" spellcheck="true"></textarea>
</div>
"""
NOTE = '<div id="facts"></div><p id="message" role="status"></p>'


@dataclasses.dataclass(frozen=True)
class SceneView:
    """The column's components."""

    mode: gr.Radio
    undo: gr.Button
    redo: gr.Button
    resume: gr.Button
    scene: gr.HTML
    copy_link: gr.Button
    save_text: gr.Button
    save_fountain: gr.Button
    save_json: gr.Button
    # Without content of their own: the takes while they are written, and a short answer.
    takes: gr.HTML
    answer: gr.Textbox


def add_scene_view() -> SceneView:
    """Adds the column to the Blocks that are being built."""
    with gr.Row(elem_id="tools"):
        mode = gr.Radio(
            ["Script", "Edit", "Surprise"], value="Script", label="View", elem_id="mode"
        )
        undo = gr.Button("Undo", size="sm", elem_id="undo")
        redo = gr.Button("Redo", size="sm", elem_id="redo")
        resume = gr.Button("Continue", size="sm", elem_id="continue")
    # gr.HTML accepts those events whose names are in its script in quotes.
    names = json.dumps([*WRITING_EVENTS, *SHORT_EVENTS])
    scene = gr.HTML(
        SCENE,
        elem_id="scene",
        apply_default_css=False,
        js_on_load=f"coldOpen.events.attach(element, trigger, {names});",
    )
    gr.HTML(NOTE, elem_id="note", apply_default_css=False)
    with gr.Row(elem_id="downloads"):
        copy_link = gr.Button("Copy link", size="sm")
        save_text = gr.Button("Download .txt", size="sm")
        save_fountain = gr.Button("Download Fountain", size="sm")
        save_json = gr.Button("Download JSON", size="sm")
    takes = gr.HTML(
        [],
        html_template="",
        visible="hidden",
        js_on_load="watch('value', () => coldOpen.scene.receive(props.value));",
    )
    answer = gr.Textbox(visible=False)
    return SceneView(
        mode,
        undo,
        redo,
        resume,
        scene,
        copy_link,
        save_text,
        save_fountain,
        save_json,
        takes,
        answer,
    )
