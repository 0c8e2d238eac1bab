"""Checks of request bodies, before Gradio parses them."""

import re
from typing import Any

from data import strict_json
from serve.gradio_compat import BODY_FIELDS, FILE_KEY, IDENTIFIER
from serve.limits import MAX_BODY_BYTES, MAX_DIGITS, MAX_JSON_DEPTH


class RejectedRequest(Exception):
    """A request that is answered with an error.

    Args:
        status: the HTTP status.
        reason: a label for the metrics.
        text: a sentence for the client.
    """

    def __init__(self, status: int, reason: str, text: str):
        super().__init__(text)
        self.status, self.reason = status, reason


async def read_body(receive: Any) -> bytes:
    """The whole body of an ASGI request; rejects one above the body-size limit."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise RejectedRequest(400, "body", "The request ended early.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            limit = f"{MAX_BODY_BYTES // 1024} KB"
            raise RejectedRequest(413, "body", f"The request body is larger than {limit}.")
        if not message.get("more_body"):
            return b"".join(parts)


def replay(body: bytes, receive: Any) -> Any:
    """An ASGI `receive` that returns a body that was read already, then the original's messages."""
    sent = False

    async def receive_again() -> dict:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def parse_body(body: bytes) -> dict[str, Any]:
    """A body as a JSON object; rejects other JSON, deep nesting, long numbers, and files."""
    try:
        fields = strict_json.loads(body, parse_int=parse_int)
    except ValueError:
        raise RejectedRequest(400, "body", "The request body is not JSON.") from None
    if not isinstance(fields, dict):
        raise RejectedRequest(400, "body", "The request body must be a JSON object.")
    level: list[Any] = [fields]
    for _ in range(MAX_JSON_DEPTH + 1):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                if FILE_KEY in value:
                    raise RejectedRequest(400, "body", "This server accepts no files.")
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        level = inner
    if level:
        raise RejectedRequest(400, "body", "The request body is nested too deep.")
    for name, value in fields.items():
        if digits := long_number(value):
            text = (
                f"{name[:40]} has a number of {digits:,} digits; at most {MAX_DIGITS} are allowed."
            )
            raise RejectedRequest(400, "body", text)
    return fields


class LongNumber(int):
    """Stands for a whole number of JSON that is too long to be read; its value is the length."""


def parse_int(digits: str) -> int:
    """A whole number of JSON."""
    return int(digits) if len(digits) <= MAX_DIGITS else LongNumber(len(digits))


def long_number(value: Any) -> int:
    """The digits of a `LongNumber` in a JSON value; 0 if there is none."""
    if isinstance(value, LongNumber):
        return int(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((digits for each in inner if (digits := long_number(each))), 0)


def check_arguments(fields: dict[str, Any], arguments: dict[str, bool]) -> None:
    """Rejects a call with unknown or missing arguments.

    Args:
        arguments: of the endpoint; True for a required one.
    """
    if unknown := [name for name in fields if name not in arguments]:
        text = f"There is no argument {unknown[0][:40]!r}: {listed(arguments)}."
        raise RejectedRequest(400, "body", text)
    if missing := [name for name, need in arguments.items() if need and name not in fields]:
        raise RejectedRequest(400, "body", f"The argument {missing[0]} is missing.")


def check_fields(fields: dict[str, Any]) -> None:
    """Rejects a body in Gradio's own format with an unknown field or a wrong type."""
    for name, value in fields.items():
        if name not in BODY_FIELDS or not isinstance(value, BODY_FIELDS[name]):
            raise RejectedRequest(400, "body", "The request body has an unexpected field.")
    if not 0 <= (fields.get("trigger_id") or 0) < 10**6:
        raise RejectedRequest(400, "body", "trigger_id must be a small number.")
    for name in ("session_hash", "event_id"):
        if fields.get(name) is not None and not re.fullmatch(IDENTIFIER, fields[name]):
            raise RejectedRequest(400, "body", f"{name} must be letters and digits.")


def listed(arguments: dict[str, bool]) -> str:
    """The names of an endpoint's arguments, for an error message."""
    return ", ".join(arguments) or "it has none"
