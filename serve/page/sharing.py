"""The buttons that read a scene aloud, print it, or make an image of it: all in the browser."""

import gradio as gr

from data import strict_json
from serve.actions import Facts
from serve.page.widgets import EVENT


def add_sharing(model: gr.Dropdown, facts: list[Facts]) -> None:
    """Adds the row of buttons to the Blocks that are being built.

    Args:
        model: the name of the model that writes.
        facts: of the models; the image names the show.
    """
    shows = strict_json.dumps({fact["name"]: fact["show"] for fact in facts})
    with gr.Row(elem_id="sharing"):
        read = gr.Button("Read aloud", size="sm", elem_id="read-aloud")
        stop = gr.Button("Stop reading", size="sm", elem_id="stop-reading")
        image = gr.Button("Save image", size="sm")
        paper = gr.Button("Print", size="sm")
    read.click(None, None, None, js="() => coldOpen.readAloud.start()", **EVENT)
    stop.click(None, None, None, js="() => coldOpen.readAloud.stop()", **EVENT)
    save = f"(model) => coldOpen.image.save(({shows})[model])"
    image.click(None, model, None, js=save, **EVENT)
    paper.click(None, None, None, js="() => window.print()", **EVENT)
