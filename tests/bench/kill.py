"""python -m tests.bench.kill: commands killed with -9 at random moments, and started again.

Each case is a real command on a small show. It is killed at a random moment of its life, what lies
on the disk is checked, the same command is given again, and so on until it ends by itself; then its
result is compared with that of a command that nobody killed. `job` saves its state after every
step here, so that many kills fall into the middle of a save. A further case is one more function
that returns a `Case`, and its name in CASES.
"""

import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import torch

from data.command_line import Parser, run
from export.manifest import MANIFEST
from export.verify_bundle import verify
from job import checkpoint
from tests.conftest import TINY, write_show

OF_THE_CLOCK = {"seconds", "tokens_per_second"}  # scores that no two runs share


@dataclasses.dataclass(frozen=True)
class Case:
    """A command that may be killed.

    Args:
        begin: puts its folder into the state before the command, an earlier kill's mess removed.
        whole: asserts that no file under a real name is half written, at any moment.
        ended: asserts that the result is that of a command that nobody killed.
    """

    command: list[str]
    begin: Callable[[], None]
    whole: Callable[[], None]
    ended: Callable[[], None]


def main() -> None:
    """Kills as often as the command line says, and prints what became of it."""
    parser = Parser(prog="python -m tests.bench.kill", description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20, help="kills of each command")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="which")
    parser.add_argument("--seed", type=int, default=1, help="seed of the moments")
    options = parser.parse_args()
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            case = CASES[name](pathlib.Path(folder))
            ends = soak(case, options.runs, random.Random(options.seed))
        print(
            f"{name}: {options.runs} kills, every restart went on, {ends} times it came to its "
            "end, each time with the result of a command that nobody killed",
            flush=True,
        )


def soak(case: Case, kills: int, source: random.Random) -> int:
    """Kills a command so often, and lets it end; returns how many times it came to its end."""
    case.begin()
    start = time.monotonic()
    to_its_end(case.command)
    life = time.monotonic() - start
    case.ended()
    ends = 0
    while kills > 0:
        case.begin()
        while True:
            process = alive(case.command)
            try:
                moment = source.uniform(0, life) if kills > 0 else None
                _, errors = process.communicate(timeout=moment)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                kills -= 1
                case.whole()
                continue
            assert process.returncode == 0, errors
            break
        case.ended()
        ends += 1
    return ends


def alive(command: list[str]) -> subprocess.Popen:
    """The command, started in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def to_its_end(command: list[str]) -> None:
    """Runs the command, which nobody kills."""
    process = alive(command)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def job_case(folder: pathlib.Path) -> Case:
    """Training: resumes from resume.pt, and comes to the same weights and scores."""
    show, kept, unbroken = folder / "show.txt", folder / "run", folder / "unbroken"
    write_show(show, 150)
    settings = ["--data", str(show), *TINY, "--epochs", "3", "--save-seconds", "0"]
    names = {"checkpoint.pt", "resume.pt", "metrics.jsonl", "curves.png"}
    to_its_end(["job", *settings, "--out", str(unbroken)])
    expected = checkpoint.load(unbroken / "checkpoint.pt")

    def whole() -> None:
        for path in kept.iterdir() if kept.exists() else ():
            if path.name.startswith("."):
                continue
            assert path.name in names, f"{path.name} has no business here"
            if path.suffix == ".pt":
                checkpoint.load(path)  # every byte by its checksum
            elif path.suffix == ".jsonl":
                looks(kept)
            else:
                assert path.read_bytes().endswith(b"IEND\xaeB`\x82"), "half a picture"

    def ended() -> None:
        whole()
        assert {path.name for path in kept.iterdir()} == names
        found = checkpoint.load(kept / "checkpoint.pt")
        assert found["step"] == expected["step"]
        for name, weight in expected["model"].items():
            assert torch.equal(weight, found["model"][name]), f"{name} is another"
        for name in expected["scores"].keys() - OF_THE_CLOCK:
            assert found["scores"][name] == expected["scores"][name], f"{name} is another"
        assert looks(kept) == looks(unbroken)

    def begin() -> None:
        shutil.rmtree(kept, ignore_errors=True)

    return Case(["job", *settings, "--out", str(kept)], begin, whole, ended)


def looks(folder: pathlib.Path) -> list[dict]:
    """What metrics.jsonl tells, but for the clock's part."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [{name: row[name] for name in row.keys() - OF_THE_CLOCK} for row in rows]


def export_case(folder: pathlib.Path) -> Case:
    """Export over an older bundle: the old one is whole, or no manifest vouches for what lies."""
    job = job_case(folder)
    job.begin()
    to_its_end(job.command)
    kept = folder / "run"

    def whole() -> None:
        checkpoint.load(kept / "checkpoint.pt")
        if (kept / MANIFEST).exists():
            next(verify(kept))  # the checksum of every file

    def ended() -> None:
        next(verify(kept))
        assert not list(kept.glob(".*")), "an earlier export's folder still lies there"

    return Case(["export", "--checkpoint", str(kept / "checkpoint.pt")], lambda: None, whole, ended)


CASES: dict[str, Callable[[pathlib.Path], Case]] = {"job": job_case, "export": export_case}

if __name__ == "__main__":
    run(main)
