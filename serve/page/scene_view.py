"""The right column of the Write tab: the scene and its takes, its views, its downloads."""

import dataclasses

import gradio as gr

from data import strict_json
from serve.actions import Facts
from serve.limits import MAX_TEXT
from serve.page.next_line import add_next_line
from serve.page.widgets import QUEUE_PLACE, results_channel

# What the browser can ask the server for; client/events.js and client/scene.js send these events.
WRITING_EVENTS = (
    *("write_scene", "more_takes", "continue_scene", "rewrite_line", "take_alternative"),
    "open_scene",
)
SHORT_EVENTS = ("list_words", "list_alternatives", "export_fountain")
SCENE = f"""
{QUEUE_PLACE}
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
    next_line: gr.Dropdown
    resume: gr.Button
    scene: gr.HTML
    note: gr.HTML
    copy_link: gr.Button
    save_text: gr.Button
    save_fountain: gr.Button
    save_json: gr.Button
    # Without content of their own: the takes while they are written, and a short answer.
    takes: gr.HTML
    answer: gr.Textbox


def add_scene_view(model: gr.Dropdown, facts: list[Facts]) -> SceneView:
    """Adds the column to the Blocks that are being built."""
    with gr.Row(elem_id="tools"):
        mode = gr.Radio(
            ["Script", "Edit", "Surprise"], value="Script", label="View", elem_id="mode"
        )
        next_line = add_next_line(model, facts)
        undo = gr.Button("Undo", size="sm", elem_id="undo")
        redo = gr.Button("Redo", size="sm", elem_id="redo")
        resume = gr.Button("Continue", size="sm", elem_id="continue")
    # gr.HTML accepts those events whose names are in its script in quotes.
    names = strict_json.dumps([*WRITING_EVENTS, *SHORT_EVENTS])
    scene = gr.HTML(
        SCENE,
        elem_id="scene",
        apply_default_css=False,
        js_on_load=f"coldOpen.events.attach(element, trigger, {names});",
    )
    note = gr.HTML(
        NOTE,
        elem_id="note",
        apply_default_css=False,
        js_on_load="coldOpen.note.attach(element, trigger, 'use_seed');",
    )
    with gr.Row(elem_id="downloads"):
        copy_link = gr.Button("Copy link", size="sm")
        save_text = gr.Button("Download .txt", size="sm")
        save_fountain = gr.Button("Download Fountain", size="sm")
        save_json = gr.Button("Download JSON", size="sm")
    takes = results_channel("coldOpen.scene.receive")
    answer = gr.Textbox(visible=False)
    return SceneView(
        mode,
        undo,
        redo,
        next_line,
        resume,
        scene,
        note,
        copy_link,
        save_text,
        save_fountain,
        save_json,
        takes,
        answer,
    )
