"""The web server: the page on FastAPI, with health probes, metrics, and the middleware."""

import functools
from typing import Any

import fastapi
import gradio as gr
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from serve.actions import Actions
from serve.config import ServerConfig
from serve.downloads import add_downloads
from serve.gradio_compat import (
    HIDE_MCP,
    check_routes,
    endpoint_arguments,
    has_result,
    has_session,
    input_counts,
    queue_length,
)
from serve.instrumentation import Instrumentation
from serve.metrics import CONTENT_TYPE, Metrics
from serve.middleware import SecurityMiddleware
from serve.models.load import Models
from serve.openapi import openapi
from serve.page.app import THEME, build_app
from serve.page.assets import STYLES, head_html
from serve.scenes.engine import Engine


def build_server(actions: Actions, engine: Engine, metrics: Metrics, config: ServerConfig) -> Any:
    """The ASGI application.

    Raises:
        UserError: if the installed Gradio lacks what the server relies on.
    """
    measure(actions.models, metrics)
    blocks = build_app(actions, Instrumentation(metrics, config.log_prompts), config)
    metrics.queued.set_function(functools.partial(queue_length, blocks))
    app = fastapi.FastAPI(title="Cold Open", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz(response: fastapi.Response) -> dict:
        if engine.draining:
            response.status_code = 503
            return {"status": "shutting down"}
        return {"status": "ready", "models": actions.models.versions}

    if not config.metrics_port:

        @app.get("/metrics")
        async def prometheus() -> fastapi.Response:
            return fastapi.Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/gradio_api/openapi.json")  # before Gradio's, which has an upload
    async def openapi_json() -> dict:
        info = blocks.get_api_info()
        return openapi(info, blocks.title, config.root_path, bool(config.password))

    # The page is a ninth of its size. Streams of words are not compressed, nor are models.
    app.add_middleware(
        GZipMiddleware,
        minimum_size=1000,
        compresslevel=6,
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream"),
    )
    add_downloads(app, lambda: actions.models.bundles, config.offer_download)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        root_path=config.root_path or None,
        css_paths=STYLES,
        css=HIDE_MCP,
        head=head_html(actions.facts()[0]["show"]),
        footer_links=["api"],
        max_file_size=1,
        run_history=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        enable_monitoring=False,
        theme=THEME,
    )
    check_routes(app)
    return SecurityMiddleware(
        app,
        metrics,
        rate_limit=config.rate_limit,
        password=config.password,
        root_path=config.root_path,
        inputs=input_counts(blocks),
        endpoints=endpoint_arguments(blocks),
        has_result=functools.partial(has_result, blocks),
        has_session=functools.partial(has_session, blocks),
    )


def measure(models: Models, metrics: Metrics) -> None:
    """Connects the metrics with the models. Before the page: it takes longer to follow them."""
    metrics.models.set_function(lambda: len(models.loaded))
    metrics.set_versions(models.versions)
    models.listeners.append(lambda: metrics.set_versions(models.versions))
