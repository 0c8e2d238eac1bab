"""What stands before the page: only the doors it needs, bodies of a sane size, a password, a pace.

All as one ASGI middleware, so that nothing behind it, Gradio's own routes included, is reached
unguarded.
"""

import base64
import binascii
import json
import re
import secrets
from typing import Any

import limits
import limits.aio.storage
import limits.aio.strategies

from serve.calls import APOLOGY, log
from serve.metrics import Metrics

MAX_BODY = 256 * 1024  # bytes: several times the longest scene
DEEPEST = 8  # lists and objects within each other
PROBES = ("/healthz", "/readyz")
NAME = r"[A-Za-z0-9_-]{1,80}"
# Gradio has many more: uploads, files by path, proxies, recordings. This page needs none of them.
DOORS = {
    "GET": re.compile(
        r"/(|config|theme\.css|robots\.txt|manifest\.json|favicon\.ico|healthz|readyz|metrics|"
        r"pwa_icon(/\d{1,4})?|(static|assets|svelte)/[\w./@+-]{1,200}|gradio_api/(info|openapi\.json|"
        rf"startup-events|app_id|theme\.css|queue/data|heartbeat/{NAME}|"
        rf"call/(v2/)?{NAME}/{NAME}))/?"
    ),
    "POST": re.compile(rf"/gradio_api/(queue/join|cancel|reset|call/(v2/)?{NAME})/?"),
}
DOORS["HEAD"] = DOORS["GET"]
CALL = re.compile(rf"/gradio_api/call/(?P<free>v2/)?(?P<name>{NAME})/?")
WORK = re.compile(rf"/gradio_api/queue/join/?|{CALL.pattern}")  # what costs computing
KEEP = (b"cache-control", b"public, max-age=31536000, immutable")
# Of a call's body: what it may hold, and of what kind.
FIELDS: dict[str, tuple[type, ...]] = {
    "data": (list,),
    "fn_index": (int, type(None)),
    "trigger_id": (int, type(None)),
    "session_hash": (str, type(None)),
    "event_id": (str, type(None)),
    "event_data": (dict, type(None)),
    "simple_format": (bool,),
    "batched": (bool, type(None)),
}


class Refusal(Exception):
    """A request that is turned away: status, reason (for the metrics), a sentence."""

    def __init__(self, status: int, reason: str, text: str):
        super().__init__(text)
        self.status, self.reason = status, reason


class Guard:
    """ASGI middleware.

    Args:
        rate: as in "300/minute", how often one client may ask for work; empty is no limit.
        password: for HTTP Basic authentication, any user name; empty is none.
        root_path: what a proxy may leave before a path; taken off.
        inputs: how many values each function on the server takes, by `fn_index`.
        endpoints: of each named one, its arguments in order; True for those that must be given.
    """

    def __init__(
        self,
        app: Any,
        metrics: Metrics,
        rate: str,
        password: str,
        root_path: str,
        inputs: dict[int, int],
        endpoints: dict[str, dict[str, bool]],
    ):
        self.app, self.metrics, self.root_path = app, metrics, root_path
        self.password = password.encode("utf-8")
        self.inputs, self.endpoints = inputs, endpoints
        self.rate = limits.parse(rate) if rate else None
        self.pace = limits.aio.strategies.MovingWindowRateLimiter(
            limits.aio.storage.MemoryStorage()
        )

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Lets a request through, or answers it with one sentence."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no web sockets: closed without an answer
        path = scope["path"].removeprefix(self.root_path) or "/"
        begun = full = False

        async def answer(message: dict) -> None:
            nonlocal begun, full
            if message["type"] == "http.response.start":
                # Gradio's own words for a full queue are numbers; ours follow.
                full = message["status"] == 503 and bool(WORK.fullmatch(path))
                begun = not full
                message["headers"] = [*message.get("headers", []), *HEADERS]
                if path.startswith("/assets/"):  # their names hold a checksum
                    message["headers"].append(KEEP)
            if not full:
                await send(message)

        try:
            receive = await self._let_in(scope, path, receive)
            inner = {**scope, "path": path, "raw_path": path.encode("utf-8")}
            await self.app(inner, receive, answer)
            if full:
                raise Refusal(503, "full", "Everyone here is writing already: try again soon.")
        except Refusal as refusal:
            self.metrics.refused.labels(refusal.reason).inc()
            await self._say(send, refusal.status, str(refusal))
        except Exception:
            log.exception("failed", extra={"path": path})
            self.metrics.refused.labels("error").inc()
            if not begun:
                await self._say(send, 500, APOLOGY)

    async def _let_in(self, scope: dict, path: str, receive: Any) -> Any:
        """What the request's body is read from, once it is seen to be harmless."""
        if self.password and path not in PROBES and not self._knows_password(scope):
            raise Refusal(401, "password", "This page has a password.")
        door = DOORS.get(scope["method"])
        if not door or not door.fullmatch(path) or ".." in path or "//" in path:
            raise Refusal(404, "path", "There is nothing at this address.")
        if len(scope["query_string"]) > 2000:
            raise Refusal(414, "path", "This address is too long.")
        if scope["method"] != "POST":
            return receive
        body = await self._body(receive)
        if WORK.fullmatch(path):
            client = (scope.get("client") or ("?", 0))[0]
            if self.rate and not await self.pace.hit(self.rate, client):
                raise Refusal(429, "pace", f"That was too fast: at most {self.rate}, please.")
        fields = read_body(body)
        if named := CALL.fullmatch(path):
            if named["name"] not in self.endpoints:
                raise Refusal(404, "path", f"The endpoints are {', '.join(self.endpoints)}.")
            arguments = self.endpoints[named["name"]]
            if named["free"]:
                check_arguments(fields, arguments)
                return _again(body, receive)
            check_fields(fields)
            given = len(fields["data"]) if isinstance(fields.get("data"), list) else -1
            if given != len(arguments):
                raise Refusal(400, "body", f"data must be the list: {_listed(arguments)}.")
        else:
            check_fields(fields)
            if WORK.fullmatch(path) and not isinstance(fields.get("data"), list):
                raise Refusal(400, "body", "The request's body needs data, a list.")
            if "data" in fields and len(fields["data"]) != self.inputs.get(fields.get("fn_index")):
                raise Refusal(400, "body", "There is no such function for so many values.")
        return _again(body, receive)

    async def _body(self, receive: Any) -> bytes:
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise Refusal(400, "body", "The request was cut off.")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > MAX_BODY:
                raise Refusal(413, "body", f"A request may have {MAX_BODY // 1024} KB at most.")
            if not message.get("more_body"):
                return b"".join(parts)

    def _knows_password(self, scope: dict) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"")
        kind, _, coded = given.partition(b" ")
        try:
            word = base64.b64decode(coded, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
        return kind.lower() == b"basic" and secrets.compare_digest(word, self.password)

    async def _say(self, send: Any, status: int, text: str) -> None:
        headers = [(b"content-type", b"application/json"), *HEADERS]
        if status == 401:
            headers.append((b"www-authenticate", b'Basic realm="Cold Open", charset="UTF-8"'))
        if status in (429, 503):
            headers.append((b"retry-after", b"10"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = json.dumps({"detail": text, "error": text}).encode("utf-8")
        await send({"type": "http.response.body", "body": body})


HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # Nothing is loaded from anywhere else, whatever a text on the page may say. Gradio's components
    # are compiled in the browser: that is what eval is for.
    (
        b"content-security-policy",
        b"default-src 'self' blob: data:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        b"style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; form-action 'self'",
    ),
]


def read_body(body: bytes) -> dict[str, Any]:
    """A body as JSON; raises `Refusal` for one that cannot be a call's."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "body", "The request's body is not JSON.") from None
    if not isinstance(fields, dict):
        raise Refusal(400, "body", "The request's body must be a JSON object.")
    _check_values(fields)
    return fields


def check_arguments(fields: dict[str, Any], arguments: dict[str, bool]) -> None:
    """Raises `Refusal` where an endpoint's arguments are not those that it has."""
    if strange := [name for name in fields if name not in arguments]:
        told = f"There is no argument {strange[0][:40]!r}: {_listed(arguments)}."
        raise Refusal(400, "body", told)
    if missing := [name for name, must in arguments.items() if must and name not in fields]:
        raise Refusal(400, "body", f"The argument {missing[0]} is missing.")


def check_fields(fields: dict[str, Any]) -> None:
    """Raises `Refusal` for a call that Gradio could stumble over."""
    for name, value in fields.items():
        if name not in FIELDS or not isinstance(value, FIELDS[name]):
            raise Refusal(400, "body", "The request's body has a field that is strange here.")
    if not 0 <= (fields.get("trigger_id") or 0) < 10**6:
        raise Refusal(400, "body", "trigger_id must be a small number.")
    for name in ("session_hash", "event_id"):
        if fields.get(name) is not None and not re.fullmatch(NAME, fields[name]):
            raise Refusal(400, "body", f"{name} must be letters and digits.")


def _again(body: bytes, receive: Any) -> Any:
    """A `receive` that gives a body that was read already."""
    sent = False

    async def again() -> dict:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _listed(names: dict[str, bool]) -> str:
    return ", ".join(names) or "it takes none"


def _check_values(value: Any) -> None:
    """Raises `Refusal` for what is nested too deep, and for what Gradio takes for a file."""
    level = [value]
    for _ in range(DEEPEST + 1):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                if "meta" in each:
                    raise Refusal(400, "body", "This page takes no files.")
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        level = inner
    if level:
        raise Refusal(400, "body", "The request's body is nested too deep.")
