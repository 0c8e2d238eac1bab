"""The web server: the page on FastAPI, with probes and metrics, behind the guard."""

import logging
import sys
from typing import Any

import fastapi
import gradio as gr
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from serve.actions import Actions
from serve.calls import Calls
from serve.config import Config
from serve.metrics import CONTENT_TYPE, Metrics
from serve.middleware import Guard
from serve.page.app import CSS, SCRIPT, build_app
from serve.scenes.engine import Engine

COLOURS = {  # Gradio's own are too pale to be read by everyone (WCAG 2, 4.5 to 1)
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


def build_server(actions: Actions, engine: Engine, metrics: Metrics, config: Config) -> Any:
    """The ASGI application."""
    calls = Calls(metrics, config.log_prompts)
    blocks = build_app(actions, calls, config)
    app = fastapi.FastAPI(title="Cold Open", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz(response: fastapi.Response) -> dict:
        if engine.draining:
            response.status_code = 503
            return {"status": "stopping"}
        return {"status": "ready", "models": list(actions.models)}

    @app.get("/metrics")
    async def tell_metrics() -> fastapi.Response:
        return fastapi.Response(metrics.text(blocks._queue.__len__), media_type=CONTENT_TYPE)

    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        root_path=config.root_path or None,
        css_paths=CSS,
        head=f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>",
        footer_links=["api"],
        max_file_size=1,
        run_history=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        enable_monitoring=False,
        theme=gr.themes.Base(
            font=["ui-sans-serif", "system-ui", "sans-serif"],
            font_mono=["Courier Prime", "Courier New", "monospace"],
            primary_hue="orange",
        ).set(**COLOURS),
    )
    return Guard(
        app,
        metrics,
        rate=config.rate_limit,
        password=config.password,
        root_path=config.root_path,
        inputs={number: len(each.inputs) for number, each in blocks.fns.items() if each.fn},
        endpoints=endpoints_of(blocks),
    )


def endpoints_of(blocks: gr.Blocks) -> dict[str, dict[str, bool]]:
    """The named endpoints: each one's arguments in order, True for those that must be given."""
    named = blocks.get_api_info()["named_endpoints"]
    return {
        name.strip("/"): {
            each["parameter_name"]: not each["parameter_has_default"]
            for each in endpoint["parameters"]
        }
        for name, endpoint in named.items()
    }


def start_logging(level: str) -> None:
    """One JSON object a line on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn's own, for terminals
            rename_fields={"asctime": "time", "levelname": "level", "message": "event"},
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "matplotlib", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
