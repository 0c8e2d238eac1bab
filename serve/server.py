"""The web server: the page on FastAPI, with probes and metrics, behind the guard."""

import logging
import sys
from typing import Any

import fastapi
import gradio as gr
from pythonjsonlogger.json import JsonFormatter

from serve.actions import Actions
from serve.app import CSS, SCRIPT, build_app
from serve.calls import Calls
from serve.config import Config
from serve.engine import Engine
from serve.guard import Guard
from serve.metrics import CONTENT_TYPE, Metrics


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
        ),
    )
    return Guard(app, metrics, config.rate_limit, config.password, len(blocks.fns))


def start_logging(level: str) -> None:
    """One JSON object a line on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "message": "event"},
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "matplotlib", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
