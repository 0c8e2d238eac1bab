"""Starts the real server in a process of its own, and makes hostile requests for it."""

import contextlib
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from tests.conftest import ROOT


def free_port() -> int:
    """A port that no process listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A running `python -m serve`."""

    def __init__(self, process: subprocess.Popen, address: str, log: pathlib.Path):
        self.process, self.address, self.log = process, address, log

    def stop(self, seconds: float = 30) -> int:
        """Stops it with SIGTERM, as container engines do; returns the exit code."""
        self.process.terminate()
        return self.process.wait(seconds)


@contextlib.contextmanager
def serving(
    model: pathlib.Path | None, folder: pathlib.Path, *flags: str, **env: str
) -> Iterator[Server]:
    """Runs a server, with its log in `folder`.

    Args:
        model: its bundle; None for those that `--artifacts` among the flags gives.
        env: additional environment variables.
    """
    port, log = free_port(), folder / f"server-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", "serve", "--port", str(port), *flags]
    command += ["--model", str(model)] if model else []
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **env},
        )
    with process:
        try:
            line = process.stdout.readline()
            assert line.startswith("Cold Open serves "), log.read_text()
            yield Server(process, f"http://127.0.0.1:{port}", log)
        finally:
            process.kill()


UNUSUAL_VALUES = [
    *(None, True, -1, 10**30, 1.5, float("nan"), "", "x" * 5_000, "\0", "\ud800", "Ann: hello"),
    *("{{7*7}}", "../../etc/passwd", "<script>alert(1)</script>", "' OR 1=1 --", "%s%n", "wild"),
    *([], {}, [[]], [None] * 60, ["Ann"], {"__class__": "x"}, {"temperature": "hot"}),
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
]
ENDPOINTS = {
    "write": (
        "prompt",
        "cast",
        "preset",
        "length",
        "temperature",
        "top_k",
        "seed",
        "model",
    ),
    "continue_scene": ("text", "line", "cast", "seed"),
    "rewrite_line": ("text", "line", "preset"),
    "take_alternative": ("text", "word", "alternative", "cast"),
    "open_scene": ("scene",),
    "alternatives": ("text", "word", "n", "model"),
    "surprise": ("text", "model"),
    "fountain": ("text", "model"),
    "compare": ("prompt", "one", "two", "cast", "seed"),
    "nothing": ("prompt",),
}


def functions_of(config: dict[str, Any]) -> list[tuple[int, int]]:
    """(number, how many values it takes) of each event handler, from Gradio's /config."""
    return [(each["id"], len(each["inputs"])) for each in config["dependencies"]]


def hostile(
    source: random.Random, functions: list[tuple[int, int]]
) -> tuple[str, str, str | bytes]:
    """A random invalid or malicious request: (method, path, body). Half have a valid envelope."""
    pick = source.choice
    kind = source.randrange(8)
    if kind < 3:  # an endpoint's arguments with unusual values
        endpoint = pick(list(ENDPOINTS))
        body = {name: pick(UNUSUAL_VALUES) for name in ENDPOINTS[endpoint]}
        return "POST", f"/gradio_api/call/v2/{endpoint}", json.dumps(body)
    if kind == 3:  # an event of the page
        number, count = pick(functions)
        data = [pick(UNUSUAL_VALUES) for _ in range(count)]
        body = {
            "data": data,
            "fn_index": number,
            "session_hash": "abc",
            "event_data": pick(UNUSUAL_VALUES),
        }
        return "POST", "/gradio_api/queue/join", json.dumps(body)
    if kind == 4:
        names = (
            "data",
            "fn_index",
            "session_hash",
            "event_data",
            "trigger_id",
            "request",
            "prompt",
        )
        body = {name: pick(UNUSUAL_VALUES) for name in source.sample(names, 4)}
        return "POST", pick(["/gradio_api/queue/join", "/gradio_api/call/write"]), json.dumps(body)
    if kind == 5:
        garbage = bytes(source.randrange(256) for _ in range(source.randrange(200)))
        return "POST", pick(["/gradio_api/queue/join", "/gradio_api/cancel"]), garbage
    parts = ("/", "..", "%2e", "a", "file=", "gradio_api", "\\", "?", "%00", "assets", "static")
    path = "/" + "".join(pick(parts) for _ in range(8)).lstrip("/")
    return pick(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]), path, b""
