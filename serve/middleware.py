"""The middleware in front of the app: allowed routes, authentication, rate limit, body checks.

One ASGI middleware covers all routes, Gradio's own included.
"""

import base64
import binascii
import re
import secrets
import urllib.parse
from collections.abc import Callable
from typing import Any

import limits as rate_limits  # the package, not serve.limits
import limits.aio.storage
import limits.aio.strategies

from data import strict_json
from serve.gradio_compat import CALL, GRADIO_ROUTES, QUEUED, RESULT, route_pattern
from serve.instrumentation import INTERNAL_ERROR, log
from serve.limits import MAX_QUERY_BYTES, WRONG_PASSWORDS
from serve.metrics import Metrics
from serve.request_body import (
    RejectedRequest,
    check_arguments,
    check_fields,
    listed,
    parse_body,
    read_body,
    replay,
)

PROBES = ("/healthz", "/readyz")  # Kubernetes asks them without a password
DOWNLOAD = "/download/{weights}/{file}"  # of a model's file: serve/downloads.py
DOWNLOADS = route_pattern([DOWNLOAD])
ALLOWED_ROUTES = {
    "GET": route_pattern([*GRADIO_ROUTES["GET"], *PROBES, "/metrics", DOWNLOAD]),
    "POST": route_pattern(GRADIO_ROUTES["POST"]),
}
ALLOWED_ROUTES["HEAD"] = ALLOWED_ROUTES["GET"]
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # Nothing is loaded from other hosts. Gradio compiles its components in the browser, which needs
    # 'unsafe-eval'.
    (
        b"content-security-policy",
        b"default-src 'self' blob: data:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        b"style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; form-action 'self'",
    ),
]
CACHE_FOREVER = (b"cache-control", b"public, max-age=31536000, immutable")


class SecurityMiddleware:
    """ASGI middleware that rejects requests before they reach the app.

    Args:
        rate_limit: requests of one client that start a computation, and as many that fetch a
            result, like "300/minute"; empty for no limit.
        password: for HTTP Basic authentication with any user name; empty for none.
        root_path: prefix of all paths, which a reverse proxy may have removed or not.
        inputs: how many values each event handler takes, by `fn_index`.
        endpoints: the arguments of each named endpoint in order; True for a required one.
        has_result: whether there is a result to be fetched by a request's id.
        has_session: whether there are results for a session.
    """

    def __init__(
        self,
        app: Any,
        metrics: Metrics,
        rate_limit: str,
        password: str,
        root_path: str,
        inputs: dict[int, int],
        endpoints: dict[str, dict[str, bool]],
        has_result: Callable[[str], bool],
        has_session: Callable[[str], bool],
    ):
        self.app, self.metrics, self.root_path = app, metrics, root_path
        self.password = password.encode("utf-8")
        self.inputs, self.endpoints = inputs, endpoints
        self.has_result, self.has_session = has_result, has_session
        self.wrong_passwords = rate_limits.parse(WRONG_PASSWORDS)
        self.rate_limit = rate_limits.parse(rate_limit) if rate_limit else None
        self.limiter = limits.aio.strategies.MovingWindowRateLimiter(
            limits.aio.storage.MemoryStorage()
        )

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Passes a request on, or answers it with an error."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # WebSocket connections are closed without an answer
        path = scope["path"].removeprefix(self.root_path) or "/"
        started = queue_full = False

        async def send_response(message: dict) -> None:
            nonlocal started, queue_full
            if message["type"] == "http.response.start":
                # Gradio's body for a full queue is of no use to people; it is replaced below.
                queue_full = message["status"] == 503 and bool(QUEUED.fullmatch(path))
                started = not queue_full
                message["headers"] = [*message.get("headers", []), *HEADERS]
                if path.startswith("/assets/"):  # these file names contain a checksum
                    message["headers"].append(CACHE_FOREVER)
            if not queue_full:
                await send(message)

        try:
            receive = await self._check(scope, path, receive)
            inner = {**scope, "path": path, "raw_path": path.encode("utf-8")}
            await self.app(inner, receive, send_response)
            if queue_full:
                raise RejectedRequest(503, "queue_full", "The queue is full: try again soon.")
        except RejectedRequest as rejected:
            self.metrics.rejected.labels(rejected.reason).inc()
            await self._respond(send, rejected.status, str(rejected))
        except Exception:
            log.exception("request failed", extra={"path": path})
            self.metrics.rejected.labels("error").inc()
            if not started:
                await self._respond(send, 500, INTERNAL_ERROR)

    async def _check(self, scope: dict, path: str, receive: Any) -> Any:
        """Raises `RejectedRequest`, or returns the `receive` for the app."""
        client = (scope.get("client") or ("?", 0))[0]
        if self.password and path not in PROBES:
            await self._authenticate(scope, client)
        allowed = ALLOWED_ROUTES.get(scope["method"])
        if not allowed or not allowed.fullmatch(path) or ".." in path or "//" in path:
            raise RejectedRequest(404, "route", "There is nothing at this address.")
        if len(scope["query_string"]) > MAX_QUERY_BYTES:
            raise RejectedRequest(414, "route", "This address is too long.")
        if scope["method"] != "POST":
            if result := RESULT.fullmatch(path):
                await self._count("results", client)
                self._check_result(result, scope["query_string"])
            elif DOWNLOADS.fullmatch(path):
                await self._count("downloads", client)
            return receive
        body = await read_body(receive)
        if QUEUED.fullmatch(path):
            await self._count("requests", client)
        self._check_call(path, parse_body(body))
        return replay(body, receive)

    async def _count(self, kind: str, client: str) -> None:
        """Raises `RejectedRequest` for a client above the rate limit."""
        if self.rate_limit and not await self.limiter.hit(self.rate_limit, kind, client):
            text = f"Too many requests (limit: {per_time(self.rate_limit)}). Wait a moment."
            raise RejectedRequest(429, "rate_limit", text)

    def _check_result(self, result: re.Match[str], query: bytes) -> None:
        """Raises `RejectedRequest` for a result that is unknown, or fetched already."""
        if result["event"]:
            found = result["name"] in self.endpoints and self.has_result(result["event"])
        else:
            values = urllib.parse.parse_qs(query.decode("latin-1")).get("session_hash", [""])
            found = self.has_session(values[0])
        if not found:
            text = "There is no such result: its id is unknown, or it was fetched already."
            raise RejectedRequest(404, "route", text)

    def _check_call(self, path: str, fields: dict[str, Any]) -> None:
        """Raises `RejectedRequest` for a body that does not fit its endpoint."""
        if call := CALL.fullmatch(path):
            if call["name"] not in self.endpoints:
                text = f"There is no such endpoint; there are {', '.join(self.endpoints)}."
                raise RejectedRequest(404, "route", text)
            arguments = self.endpoints[call["name"]]
            if call["v2"]:
                check_arguments(fields, arguments)
                return
            check_fields(fields)
            given = len(fields["data"]) if isinstance(fields.get("data"), list) else -1
            if given != len(arguments):
                raise RejectedRequest(400, "body", f"data must be the list: {listed(arguments)}.")
            return
        check_fields(fields)
        if QUEUED.fullmatch(path) and not isinstance(fields.get("data"), list):
            raise RejectedRequest(400, "body", "The request body needs data, a list.")
        if "data" in fields and len(fields["data"]) != self.inputs.get(fields.get("fn_index")):
            raise RejectedRequest(400, "body", "fn_index and the length of data do not match.")

    async def _authenticate(self, scope: dict, client: str) -> None:
        """Raises `RejectedRequest` without the password, or after too many wrong ones."""
        limit, key = self.wrong_passwords, ("passwords", client)
        if not await self.limiter.test(limit, *key):  # also for the right one, or guessing goes on
            text = f"Too many wrong passwords (limit: {per_time(limit)}). Wait a moment."
            raise RejectedRequest(429, "authentication", text)
        header = dict(scope["headers"]).get(b"authorization", b"")
        if self._authenticated(header):
            return
        if header:  # a browser's first request has none
            await self.limiter.hit(limit, *key)
        raise RejectedRequest(401, "authentication", "This page needs a password.")

    def _authenticated(self, header: bytes) -> bool:
        scheme, _, encoded = header.partition(b" ")
        try:
            password = base64.b64decode(encoded, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
        return scheme.lower() == b"basic" and secrets.compare_digest(password, self.password)

    async def _respond(self, send: Any, status: int, text: str) -> None:
        headers = [(b"content-type", b"application/json"), *HEADERS]
        if status == 401:
            headers.append((b"www-authenticate", b'Basic realm="Cold Open", charset="UTF-8"'))
        if status in (429, 503):
            headers.append((b"retry-after", b"10"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = strict_json.dumps({"detail": text, "error": text}).encode("utf-8")
        await send({"type": "http.response.body", "body": body})


def per_time(limit: rate_limits.RateLimitItem) -> str:
    """A rate limit in words: "300 a minute", "10 in 5 minutes"."""
    unit = limit.GRANULARITY.name
    if limit.multiples == 1:
        return f"{limit.amount} {'an' if unit == 'hour' else 'a'} {unit}"
    return f"{limit.amount} in {limit.multiples} {unit}s"
