"""Requests to the middleware without a server, by httpx or as plain ASGI messages."""

import asyncio
import json

import httpx

from serve.metrics import Metrics
from serve.middleware import HEADERS, SecurityMiddleware

WRITE = "/gradio_api/call/v2/write"
JOIN = "/gradio_api/queue/join"
BODY = {"data": ["a", "b"], "fn_index": 3, "session_hash": "abc"}


class EchoApp:
    """The app behind the middleware: returns path and body; its behavior depends on the body.

    A body with "fail" raises an exception, "halfway" raises it after the response has started, and
    "full" gives status 503.
    """

    def __init__(self):
        self.seen = []  # the paths of all requests

    async def __call__(self, scope, receive, send):
        self.seen.append(scope["path"])
        body = b""
        if scope["method"] == "POST":
            while True:
                message = await receive()
                body += message["body"]
                if not message["more_body"]:
                    break
        if b"fail" in body:
            raise RuntimeError("a secret of /etc/passwd")
        status = 503 if b"full" in body else 200
        headers = [(b"content-type", b"text/plain"), (b"x-inner", b"1")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if b"halfway" in body:
            raise RuntimeError("a secret of /etc/passwd")
        answer = json.dumps({"path": scope["path"], "raw": scope["raw_path"].decode()}).encode()
        await send({"type": "http.response.body", "body": answer + body})


def middleware(rate_limit="", password="", root_path=""):
    """The middleware before an `EchoApp`, with two endpoints and two event handlers."""
    return SecurityMiddleware(
        EchoApp(),
        Metrics(),
        rate_limit,
        password,
        root_path,
        inputs={3: 2, 4: 0},
        endpoints={"write": {"prompt": False, "seed": False}, "surprise": {"text": True}},
        has_result=lambda event: event == "known",
        has_session=lambda session: session == "known",
    )


async def request(app, method, path, client="10.0.0.1", **options):
    """The response to a request; all responses have the security headers."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=True, client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://cold.open") as browser:
        response = await browser.request(method, path, **options)
    for name, value in HEADERS:
        assert response.headers[name.decode()] == value.decode()
    return response


def respond(method, path, app=None, **options):
    """The same outside of an event loop, by default of a middleware without options."""
    return asyncio.run(request(app or middleware(), method, path, **options))


async def send_raw(app, **scope):
    """The ASGI messages that answer a scope which no HTTP client would make."""
    sent, body = [], [{"type": "http.request", "body": scope.pop("body", b""), "more_body": False}]

    async def receive():
        return body.pop() if body else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    whole = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    await app({**whole, "client": ("1.2.3.4", 1), **scope}, receive, send)
    return sent


def error_of(response, status):
    """The sentence of an error response."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    fields = response.json()
    assert set(fields) == {"detail", "error"}
    assert fields["detail"] == fields["error"]
    assert fields["detail"].endswith(".")
    assert len(fields["detail"].splitlines()) == 1
    assert "x-inner" not in response.headers
    return fields["detail"]
