"""The real server for tests: started as a person starts it, on a free port."""

import contextlib
import os
import pathlib
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
