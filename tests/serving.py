"""The real server for tests: started as a person starts it, on a free port."""

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

from tests.conftest import ROOT


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A running `python -m serve`."""

    def __init__(self, process: subprocess.Popen, address: str, log: pathlib.Path):
        self.process, self.address, self.log = process, address, log

    def stop(self, seconds: float = 30) -> int:
        """Asks it to stop as a container's engine does; its exit code."""
        self.process.terminate()
        return self.process.wait(seconds)


@contextlib.contextmanager
def serving(model: pathlib.Path, folder: pathlib.Path, *flags: str, **env: str) -> Iterator[Server]:
    """A server for one bundle; its log lies in `folder`.

    Args:
        env: further variables of its environment.
    """
    port, log = free_port(), folder / f"server-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", "serve", "--model", str(model), "--port", str(port), *flags]
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
            assert line.startswith("Cold Open is writing "), log.read_text()
            yield Server(process, f"http://127.0.0.1:{port}", log)
        finally:
            process.kill()


def hostile(source: random.Random, functions: int) -> tuple[str, str, str | bytes]:
    """A request that nobody honest sends: (method, path, body)."""
    strange = [
        *(
            None,
            True,
            -1,
            10**30,
            1.5,
            "",
            "x" * 5_000,
            "\0",
            "\ud800",
            "{{7*7}}",
            "../../etc/passwd",
        ),
        *(
            [],
            {},
            [[]],
            {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
            float("nan"),
        ),
        *("<script>alert(1)</script>", "' OR 1=1 --", "%s%n", [None] * 60, {"__class__": "x"}),
    ]
    pick = source.choice
    kind = source.randrange(6)
    if kind == 0:
        data = [pick(strange) for _ in range(source.randrange(16))]
        body = {"data": data, "fn_index": source.randrange(functions), "session_hash": "abc"}
        return "POST", "/gradio_api/queue/join", json.dumps(body)
    if kind == 1:
        names = (
            "data",
            "fn_index",
            "session_hash",
            "event_data",
            "trigger_id",
            "batched",
            "request",
        )
        body = {name: pick(strange) for name in source.sample(names, 4)}
        return "POST", "/gradio_api/queue/join", json.dumps(body)
    if kind == 2:
        endpoint = pick(["write", "surprise", "alternatives", "open_scene", "compare", "nothing"])
        names = ("prompt", "cast", "text", "word", "line", "n", "seed", "scene", "one", "model")
        body = {name: pick(strange) for name in source.sample(names, 3)}
        return "POST", f"/gradio_api/call/v2/{endpoint}", json.dumps(body)
    if kind == 3:
        return "POST", "/gradio_api/call/write", json.dumps({"data": pick(strange)})
    if kind == 4:
        garbage = bytes(source.randrange(256) for _ in range(source.randrange(200)))
        return "POST", pick(["/gradio_api/queue/join", "/gradio_api/cancel"]), garbage
    path = "".join(
        pick(["/", "..", "%2e", "a", "file=", "gradio_api", "\\", "?", "%00"]) for _ in range(8)
    )
    return pick(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]), "/" + path.lstrip("/"), b""
