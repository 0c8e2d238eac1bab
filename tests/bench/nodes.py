"""python -m tests.bench.nodes: training on two nodes, each in a network namespace of its own.

The nodes share no port and no loopback device, only a virtual cable. While they train, one is
killed with all its processes and started again: first the other node, then the one that hosts the
rendezvous. Needs root and iproute2 (`ip`).
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from data.command_line import Parser, UserError, run
from job.checkpoint import load_checkpoint, read_file
from job.state import FORMAT, NAME
from tests.bench.runs import machine
from tests.conftest import ROOT, TINY, write_show

ADDRESSES = ("10.213.7.1", "10.213.7.2")
PORT = 29400
SECONDS = 180  # the longest wait for a step or for the end
# Which node is killed, and the case whose network is the base; "" trains from scratch.
CASES: dict[str, tuple[int | None, str]] = {
    "complete": (None, ""),
    "other node killed": (1, ""),
    "rendezvous node killed": (0, ""),
    "fine-tuning, other node killed": (1, "complete"),
}


def main() -> None:
    """Prints one line for each case."""
    parser = Parser(prog="python -m tests.bench.nodes", description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("ip"):
        raise UserError("network namespaces need root and the program ip (package iproute2)")
    print("machine", json.dumps(machine()), flush=True)
    with tempfile.TemporaryDirectory() as name, two_namespaces() as namespaces:
        folder = pathlib.Path(name)
        show = write_show(folder / "the_cafe.txt")
        for case, (killed, network) in CASES.items():
            out = folder / case.replace(",", "").replace(" ", "-")
            base = ["--base", str(folder / network), *TINY[8:]] if network else TINY
            flags = ["--data", str(show), "--out", str(out), *base, "--save-seconds", "0.2"]
            flags += ["--epochs", str(options.epochs), "--eval-epochs", str(options.epochs)]
            print(case, json.dumps(train(namespaces, folder, out, flags, killed)), flush=True)


@contextlib.contextmanager
def two_namespaces() -> Iterator[list[str]]:
    """The names of two network namespaces that a virtual cable joins."""
    names = [f"cold-open-{os.getpid()}-{number}" for number in (0, 1)]
    try:
        for name in names:
            ip("netns", "add", name)
        cable = ("link", "add", "cable", "netns", names[0], "type", "veth")
        ip(*cable, "peer", "name", "cable", "netns", names[1])
        for name, address in zip(names, ADDRESSES, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            for device in ("cable", "lo"):
                ip("-n", name, "link", "set", device, "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)


def ip(*arguments: str) -> None:
    """Runs the program `ip`; raises `UserError` with its own words if it fails."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def start(namespace: str, node: int, flags: list[str], log: pathlib.Path) -> subprocess.Popen:
    """Starts the launcher of a node in its namespace, as the leader of a process group."""
    command = ["ip", "netns", "exec", namespace, sys.executable, "-m", "job.engine.launch"]
    command += ["--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", "3"]
    command += ["--rdzv-backend", "c10d", "--rdzv-id", "nodes"]
    command += ["--rdzv-endpoint", f"{ADDRESSES[0]}:{PORT}", "--local-addr", ADDRESSES[node]]
    command += ["--rdzv-conf", f"is_host={int(node == 0)},timeout={SECONDS}", "-m", "job", *flags]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "cable"}
    with log.open("a") as errors:
        return subprocess.Popen(
            command, cwd=ROOT, stderr=errors, env=environment, start_new_session=True
        )


def train(
    namespaces: list[str],
    folder: pathlib.Path,
    out: pathlib.Path,
    flags: list[str],
    killed: int | None,
) -> dict[str, object]:
    """Trains on both nodes, and kills one of them at a step; returns what came of it."""
    logs = [folder / f"{out.name}-{node}.log" for node in (0, 1)]
    nodes = [start(namespaces[node], node, flags, logs[node]) for node in (0, 1)]
    result: dict[str, object] = {}
    begin = time.monotonic()
    try:
        if killed is not None:
            result["killed_at_step"] = wait_for_step(out, 20)
            os.killpg(nodes[killed].pid, signal.SIGKILL)
            nodes[killed].wait()
            if killed == 0:  # without the rendezvous the other node ends by itself
                result["exit_code_of_the_other"] = nodes[1].wait(SECONDS)
                nodes[1] = start(namespaces[1], 1, flags, logs[1])
            nodes[killed] = start(namespaces[killed], killed, flags, logs[killed])
        result["exit_codes"] = [node.wait(SECONDS) for node in nodes]
    finally:
        for node in nodes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)
    result["seconds"] = round(time.monotonic() - begin, 1)
    text = "".join(log.read_text() for log in logs)
    result["resumed"] = "resumes at step" in text
    result["finished"] = load_checkpoint(out / "checkpoint.pt").finished
    return result


def wait_for_step(out: pathlib.Path, step: int) -> int:
    """Waits until a state after `step` steps is saved; returns its step."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if (out / NAME).exists() and (saved := read_file(out / NAME, FORMAT)["step"]) >= step:
            return saved
        time.sleep(0.1)
    raise UserError(f"step {step} was not reached within {SECONDS} seconds")


if __name__ == "__main__":
    run(main)
