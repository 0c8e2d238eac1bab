"""The middleware's allowed routes: paths, methods, prefixes, WebSocket, caching headers."""

import asyncio
import json
import urllib.parse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serve.asgi import BODY, JOIN, WRITE, error_of, middleware, respond, send_raw

quick = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/"), ("HEAD", "/"), ("GET", "/config"), ("GET", "/theme.css")),
        *(("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/favicon.ico")),
        *(("GET", "/assets/index-BQ2x_.js"), ("GET", "/static/fonts/x/y.woff2")),
        *(("GET", "/gradio_api/info"), ("GET", "/gradio_api/queue/data?session_hash=known")),
        *(("GET", "/gradio_api/heartbeat/abc"), ("GET", "/gradio_api/call/write/known")),
    ],
)
def test_allowed_routes_reach_the_app(method, path):
    assert respond(method, path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/gradio_api/call/write/used", "/gradio_api/call/v2/write/used"),
        *("/gradio_api/call/nothing/known", "/gradio_api/queue/data"),
        *("/gradio_api/queue/data?session_hash=used", "/gradio_api/queue/data?session_hash="),
    ],
)
def test_unknown_or_used_result_is_not_found_in_one_line(path):
    app = middleware()
    message = error_of(respond("GET", path, app), 404)
    assert message == "There is no such result: its id is unknown, or it was fetched already."
    assert app.app.seen == []


@pytest.mark.parametrize(
    "path",
    [
        *("/gradio_api/upload", "/upload", "/gradio_api/upload_progress", "/gradio_api/stream/a"),
        *("/gradio_api/file=/etc/passwd", "/file=/etc/passwd", "/gradio_api/file/etc/passwd"),
        *("/gradio_api/proxy=http://127.0.0.1/", "/proxy=https://x.hf.space/", "/gradio_api/proxy"),
        *("/gradio_api/vibe-edit", "/gradio_api/component_server", "/gradio_api/run/write"),
        *("/monitoring", "/monitoring/summary", "/gradio_api/api/write", "/docs", "/openapi.json"),
        *("/login", "/token", "/gradio_api/deep_link", "/gradio_api/dev/reload", "/.env"),
        *("/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2fx"),
        *("/static/%252e%252e/x", "/assets//etc/passwd/..", "/..", "/%2e%2e/config"),
        *("//config", "/config//", "/CONFIG", "/config%00", "/config%0a", "/config;x", "/\\config"),
        *("/gradio_api/../config", "/assets/a%5c..%5cb", "/static/a%20b", "/static/%00"),
        *("/gradio_api/call/write/../x", "/gradio_api/call/a/b/c/d", "/gradio_api/heartbeat/a/b"),
        "/static/" + "a" * 300,
    ],
)
def test_other_routes_are_not_found(path):
    app = middleware()
    for method in ("GET", "POST", "HEAD"):
        # Decoded as a server does it; HTTP clients would normalize some of these paths.
        sent = asyncio.run(
            send_raw(app, method=method, path=urllib.parse.unquote(path), body=b"{}")
        )
        assert sent[0]["status"] == 404
        assert json.loads(sent[1]["body"])["detail"] == "There is nothing at this address."
    assert app.app.seen == []


def test_percent_encoded_paths_are_decoded_first():
    for path in ("/static/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2fx", "/config%00"):
        assert error_of(respond("GET", path), 404) == "There is nothing at this address."


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"])
@pytest.mark.parametrize("path", ["/", "/config", WRITE])
def test_other_methods_are_not_found(method, path):
    assert respond(method, path).status_code == 404


def test_method_must_match_the_route():
    for path in ("/", "/config", "/healthz", "/metrics"):
        assert respond("POST", path, json=BODY).status_code == 404
    for path in (JOIN, "/gradio_api/call/write", "/gradio_api/cancel", "/gradio_api/reset"):
        assert respond("GET", path).status_code == 404


@quick
@given(st.lists(st.sampled_from(["/", "..", ".", "a", "static", "assets", "\0", "\n", "\\", "é"])))
def test_path_traversal_never_reaches_the_app(parts):
    app = middleware()
    path = "/" + "".join(parts)
    sent = asyncio.run(send_raw(app, path=path))
    assert sent[0]["status"] in (200, 404)
    for seen in app.app.seen:
        assert ".." not in seen
        assert not {"\0", "\n", "\\"} & set(seen)


def test_query_string_length_is_limited():
    answer = respond("GET", "/config?" + "x" * 2001)
    assert error_of(answer, 414) == "This address is too long."


def test_websocket_is_closed_and_lifespan_is_passed_on():
    app = middleware()
    assert asyncio.run(send_raw(app, type="websocket")) == []
    assert app.app.seen == []
    seen = []

    async def inner(scope, _receive, _send):
        seen.append(scope["type"])

    app.app = inner
    asyncio.run(app({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/cold-open/config", 200), ("/config", 200), ("/cold-open", 200), ("/cold-open/", 200)),
        *(("/cold-openx", 404), ("/cold-open/nothing", 404), ("/x/cold-open/config", 404)),
        ("/cold-open/cold-open/config", 404),
    ],
)
def test_root_path_may_be_removed_by_the_proxy_or_not(path, status):
    app = middleware(root_path="/cold-open")
    answer = respond("GET", path, app)
    assert answer.status_code == status
    if status == 200:
        seen = answer.json()
        assert seen["path"] == seen["raw"] == (path.removeprefix("/cold-open") or "/")


def test_cache_control_of_assets_only():
    assert "immutable" in respond("GET", "/assets/index.js").headers["cache-control"]
    assert "cache-control" not in respond("GET", "/static/index.js").headers
    assert "cache-control" not in respond("GET", "/").headers
