"""What the tabs share: event options, sliders, script views, and the note below a scene."""

import html
from typing import Any

import gradio as gr

from serve.actions import Facts
from serve.gradio_compat import with_models
from serve.limits import (
    MAX_FIRST_LINE,
    MAX_LENGTH,
    MAX_SEED_DIGITS,
    MAX_SETTING,
    MAX_SHOWN_UNKNOWN_WORDS,
    MIN_SLIDER_TOKENS,
    OPTION_RANGES,
    SLIDER_MAXIMA,
)
from serve.scenes.scene import Scene

# Gradio does not preprocess values: the actions check them.
EVENT: dict[str, Any] = {
    "preprocess": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
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


def model_field(facts: list[Facts], label: str) -> gr.Dropdown:
    """The list of the models, which is shown if there are several."""

    def attributes(facts: list[Facts]) -> dict[str, Any]:
        names = [fact["name"] for fact in facts]
        return {"choices": pairs(names), "value": names[0], "visible": len(names) > 1}

    return with_models(gr.Dropdown(label=label, **attributes(facts)), attributes)


def pairs(names: list[str]) -> list[tuple[str, str]]:
    """The choices of a component as Gradio keeps them: (label, value)."""
    return [(name, name) for name in names]


def prompt_fields(facts: list[Facts], **first_line: Any) -> tuple[gr.Textbox, gr.Textbox]:
    """The text fields of a scene's setting and first line; `first_line` has further options."""

    def attributes(facts: list[Facts]) -> dict[str, Any]:
        speaker = (facts[0]["speakers"] or ["She"])[0]
        return {"placeholder": f"{speaker}: You will not believe this."}

    setting = gr.Textbox(label="Setting", placeholder="the coffee shop", max_length=MAX_SETTING)
    line = gr.Textbox(
        label="First line", max_length=MAX_FIRST_LINE, **attributes(facts), **first_line
    )
    return setting, with_models(line, attributes)


def seed_field(placeholder: str, **options: Any) -> gr.Textbox:
    """The text field of the seed. `gr.Number` would show an empty field as 0."""
    return gr.Textbox(label="Seed", placeholder=placeholder, max_length=MAX_SEED_DIGITS, **options)


def script_view(elem_id: str, label: str, **options: Any) -> gr.HTML:
    """The box in which page.js shows a script."""
    content = f'<div class="script" role="region" aria-label="{label}" tabindex="0"></div>'
    return gr.HTML(content, elem_id=elem_id, apply_default_css=False, **options)


def note_html(facts: Facts) -> str:
    """The note below a scene; empty if there are no facts yet."""
    if not facts:
        return ""
    parts = [f"Seed {facts['seed']}", f"{facts['words']} words"]
    if facts["done"] and facts["words"] > 1:
        parts.append(f"{facts['words_per_second']:,} words per second")
    if facts["unknown_words"]:
        words = ", ".join(facts["unknown_words"][:MAX_SHOWN_UNKNOWN_WORDS])
        parts.append(f"not in the show: {words}")
    if facts["note"]:
        parts.append(facts["note"])
    return f'<p role="status">{html.escape(" · ".join(parts))}</p>'
