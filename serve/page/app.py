"""Builds the Gradio app: the tabs, the API, the limits. Importing it loads and starts nothing."""

import functools
import logging

import gradio as gr

from serve.actions import Actions, Facts
from serve.api import add_api
from serve.config import ServerConfig
from serve.downloads import PATH
from serve.gradio_compat import check_blocks, limit_concurrency, limit_sessions, replace_page
from serve.instrumentation import Instrumentation
from serve.limits import MAX_SHORT_TASKS
from serve.page.about_tab import add_about_tab, header_html
from serve.page.assets import head_html
from serve.page.compare_tab import add_compare_tab
from serve.page.examples import show_examples
from serve.page.write_tab import add_write_tab

log = logging.getLogger("cold_open")
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
    app = build_page(actions, instrumentation, config, facts)
    check_blocks(app)
    limit_concurrency(app, config.max_concurrent, MAX_SHORT_TASKS)
    app.queue(max_size=config.max_queue)
    # Running and waiting sessions, twice, so that none of them is ever the oldest.
    limit_sessions(app, 2 * (config.max_concurrent + config.max_queue))

    def update() -> None:
        facts[:] = actions.facts()  # for the events of open pages
        build = functools.partial(build_page, actions, instrumentation, config, facts)
        if not replace_page(app, build, head_html(facts[0]["show"])):
            log.warning("the page shows the models of before until the server is restarted")

    actions.models.listeners.append(update)
    return app


def build_page(
    actions: Actions, instrumentation: Instrumentation, config: ServerConfig, facts: list[Facts]
) -> gr.Blocks:
    """The tabs and the API, with the values of the models of now."""
    examples = show_examples(actions.models.default_writer)
    with gr.Blocks(title=f"Cold Open: {facts[0]['show']}", analytics_enabled=False) as app:
        gr.HTML(header_html(facts[0]["show"]), elem_id="header", apply_default_css=False)
        with gr.Tabs():
            with gr.Tab("Write"):
                add_write_tab(app, actions, instrumentation, facts, examples)
            with gr.Tab("Compare"):
                add_compare_tab(actions, instrumentation, facts, examples)
            with gr.Tab("About"):
                prefix = config.root_path + PATH if config.offer_download else None
                add_about_tab(facts, actions.models.bundles, prefix)
        add_api(app, actions, instrumentation)
    return app
