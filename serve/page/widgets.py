"""What the tabs share: event options, sliders, text fields, and results for the browser."""

from typing import Any

import gradio as gr

from serve.limits import (
    MAX_FIRST_LINE,
    MAX_LENGTH,
    MAX_SEED_DIGITS,
    MAX_SETTING,
    MIN_SLIDER_TOKENS,
    OPTION_RANGES,
    SLIDER_MAXIMA,
)
from serve.page.examples import Examples
from serve.scenes.scene import Scene

# Gradio does not preprocess values: the actions check them.
EVENT: dict[str, Any] = {
    "preprocess": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
# client/queue.js fills it while a scene waits.
QUEUE_PLACE = '<p class="queue-place" role="status"></p>'
SLIDERS = {  # label, info, step; in the order of the page
    "length": ("Length", "about this many words; a scene ends with a whole line", 10),
    "temperature": ("Temperature", "low: likely words; high: surprising words", 0.05),
    "top_p": ("Top-p", "sample from the most likely words of this total probability; 1: off", 0.01),
    "top_k": ("Top-k", "sample from this number of most likely words; 0: off", 1),
    "min_p": ("Min-p", "lowest probability relative to the most likely word; 0: off", 0.01),
    "repetition_penalty": ("Repetition penalty", "1: off", 0.05),
    "no_repeat_ngram_size": ("No-repeat n-gram size", "no sequence of n words twice; 0: off", 1),
}


def slider(name: str) -> gr.Slider:
    """The slider of one sampling option."""
    label, info, step = SLIDERS[name]
    low, high = OPTION_RANGES[name]
    if name == "length":
        low, high = MIN_SLIDER_TOKENS, MAX_LENGTH
    high = SLIDER_MAXIMA.get(name, high)
    default = Scene.__dataclass_fields__[name].default
    return gr.Slider(low, high, default, step=step, label=label, info=info)


def prompt_fields(
    examples: Examples, line_id: str | None = None, **options: Any
) -> tuple[gr.Textbox, gr.Textbox]:
    """The text fields of a scene's setting and first line.

    Args:
        line_id: the HTML id of the first line.
        options: of both fields.
    """
    setting = gr.Textbox(
        label="Setting", placeholder=examples.setting, max_length=MAX_SETTING, **options
    )
    line = gr.Textbox(
        label="First line",
        placeholder=examples.line,
        max_length=MAX_FIRST_LINE,
        elem_id=line_id,
        **options,
    )
    return setting, line


def seed_field(placeholder: str, **options: Any) -> gr.Textbox:
    """The text field of the seed. `gr.Number` would show an empty field as 0."""
    return gr.Textbox(label="Seed", placeholder=placeholder, max_length=MAX_SEED_DIGITS, **options)


def results_channel(receive: str) -> gr.HTML:
    """A component without content that gives its value to a function of the browser.

    Args:
        receive: the function, which is called with each value while a scene is written.
    """
    return gr.HTML(
        [],
        html_template="",
        visible="hidden",
        js_on_load=f"watch('value', () => {receive}(props.value));",
    )
