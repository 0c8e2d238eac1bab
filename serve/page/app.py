"""The page itself: build_app(...) -> Blocks. Nothing is loaded or launched at import."""

import pathlib
from typing import Any

import gradio as gr
from gradio.utils import LRUCache

from serve.actions import Actions
from serve.api import add_api
from serve.calls import Calls
from serve.config import Config
from serve.page.about_tab import about, masthead
from serve.page.compare_tab import add_comparison
from serve.page.write_tab import add_room

CSS = pathlib.Path(__file__).with_name("page.css")
SCRIPT = pathlib.Path(__file__).with_name("page.js")
READERS = 8  # alternatives, surprise and the like at once


class Latest(LRUCache):
    """Gradio's cache, but that reading counts as use: a scene on its way is never the oldest."""

    def __getitem__(self, key: str) -> Any:
        self.move_to_end(key)
        return super().__getitem__(key)


def build_app(actions: Actions, calls: Calls, config: Config) -> gr.Blocks:
    """The page and the API for the loaded models."""
    facts = actions.facts()
    with gr.Blocks(title=f"Cold Open: {facts[0]['show']}", analytics_enabled=False) as app:
        gr.HTML(masthead(facts[0]["show"]), elem_id="masthead", apply_default_css=False)
        with gr.Tabs():
            with gr.Tab("Write"):
                add_room(app, actions, calls, facts)
            with gr.Tab("Compare"):
                add_comparison(actions, calls, facts)
            with gr.Tab("About"):
                gr.HTML(about(facts), elem_id="about", apply_default_css=False)
        add_api(actions, calls)
    for function in app.fns.values():
        writes = function.concurrency_id == "writing"
        function.concurrency_limit = config.scenes if writes else READERS
        if not writes:
            function.concurrency_id = "reading"
    app.max_threads = config.scenes + READERS
    # Gradio would keep a copy of the page for the last 10,000 who came, and what 2,000 of them have
    # not fetched. Nothing is remembered of anyone here: more than who is here now is never needed.
    app.state_session_capacity = 2 * (config.scenes + config.waiting)
    app.queue(max_size=config.waiting)
    app._queue.pending_messages_per_session = Latest(2 * (config.scenes + config.waiting))
    return app
