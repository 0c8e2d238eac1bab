"""Builds the Gradio app: the tabs, the API, the limits. Importing it loads and starts nothing."""

import pathlib

import gradio as gr

from data import speakers, strict_json, versions
from serve.actions import Actions, Facts
from serve.api import add_api
from serve.config import ServerConfig
from serve.gradio_compat import (
    check_blocks,
    limit_concurrency,
    limit_sessions,
    update_page,
    with_models,
)
from serve.instrumentation import Instrumentation
from serve.limits import MAX_SHORT_TASKS
from serve.page.about_tab import about_html, header_html
from serve.page.compare_tab import add_compare_tab
from serve.page.write_tab import add_write_tab
from serve.scenes.scene import FORMAT

CSS = pathlib.Path(__file__).with_name("page.css")
SCRIPT = pathlib.Path(__file__).with_name("page.js")
# What page.js shares with Python, so that each value has one source.
CLIENT_CONFIG = {
    "speakerPattern": speakers.PATTERN,
    "sceneFormat": FORMAT,
    "sceneVersion": versions.SCENE,
}
COLORS = {  # Gradio's own have too little contrast (WCAG 2 asks for 4.5 to 1)
    "button_primary_background_fill": "#a8420f",
    "button_primary_background_fill_hover": "#8a3b12",
    "button_primary_background_fill_dark": "#a8420f",
    "button_primary_background_fill_hover_dark": "#8a3b12",
    "button_primary_text_color": "#ffffff",
    "block_info_text_color": "#57534e",
    "block_info_text_color_dark": "#b8b2aa",
    "block_label_text_color": "#44403c",
    "block_title_text_color": "#44403c",
    "block_title_text_color_dark": "#d6d3d1",
    "input_placeholder_color": "#6b6660",
    "input_placeholder_color_dark": "#a8a29e",
    "checkbox_background_color_selected": "#a8420f",
    "checkbox_background_color_selected_dark": "#c2570f",
    "checkbox_border_color_selected": "#a8420f",
    "slider_color": "#a8420f",
    "body_text_color_subdued": "#57534e",
    "body_text_color_subdued_dark": "#b8b2aa",
    "link_text_color": "#8a3b12",
    "link_text_color_dark": "#f0a878",
}
THEME = gr.themes.Base(
    font=["ui-sans-serif", "system-ui", "sans-serif"],
    font_mono=["Courier Prime", "Courier New", "monospace"],
    primary_hue="orange",
).set(**COLORS)


def build_app(
    actions: Actions, instrumentation: Instrumentation, config: ServerConfig
) -> gr.Blocks:
    """The page and the API of the models; follows them when they are replaced.

    Raises:
        UserError: if the installed Gradio lacks what the server relies on.
    """
    facts = actions.facts()
    with gr.Blocks(title=title_of(facts), analytics_enabled=False) as app:
        header = gr.HTML(header_html(facts[0]["show"]), elem_id="header", apply_default_css=False)
        with_models(header, lambda facts: {"value": header_html(facts[0]["show"])})
        with gr.Tabs():
            with gr.Tab("Write"):
                add_write_tab(app, actions, instrumentation, facts)
            with gr.Tab("Compare"):
                add_compare_tab(actions, instrumentation, facts)
            with gr.Tab("About"):
                about = gr.HTML(about_html(facts), elem_id="about", apply_default_css=False)
                with_models(about, lambda facts: {"value": about_html(facts)})
        add_api(app, actions, instrumentation)
    check_blocks(app)
    limit_concurrency(app, config.max_concurrent, MAX_SHORT_TASKS)
    app.queue(max_size=config.max_queue)
    # Running and waiting sessions, twice, so that none of them is ever the oldest.
    limit_sessions(app, 2 * (config.max_concurrent + config.max_queue))

    def update() -> None:
        facts = actions.facts()
        app.title = title_of(facts)
        update_page(app, facts)

    actions.models.listeners.append(update)
    return app


def title_of(facts: list[Facts]) -> str:
    """The title of the page."""
    return f"Cold Open: {facts[0]['show']}"


def head_html() -> str:
    """The page's script with its configuration, for the head of the document."""
    settings = strict_json.dumps(CLIENT_CONFIG).replace("<", "\\u003c")
    script = SCRIPT.read_text(encoding="utf-8")
    return f"<script>window.coldOpenConfig = {settings};\n{script}</script>"
