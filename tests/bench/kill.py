"""python -m tests.bench.kill: commands killed with -9 at random moments, then run again.

Each case is a real command on a small show. It is killed at a random moment, the files on the disk
are checked, the same command is run again, and so on until it ends by itself; then its result is
compared with that of an uninterrupted command. `job` saves its state after every step here, so
that many kills fall into a save. To add a case, add a function that returns a `Case` to CASES.
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
import zipfile
from collections.abc import Callable
from typing import Any

import torch

from data.command_line import Parser, run
from data.corpus.prepared import MANIFEST as CORPUS_MANIFEST
from data.corpus.prepared import Prepared
from export.manifest import MANIFEST
from export.verify_bundle import verify
from tests.conftest import ROOT, TINY, write_show

# Values of a checkpoint or a row of metrics that differ between equal runs.
PER_RUN = {"seconds", "tokens_per_second", "created", "out", "git_commit"}
END_OF_PNG = b"IEND\xaeB`\x82"


@dataclasses.dataclass(frozen=True)
class Case:
    """A command that may be killed.

    Attributes:
        begin: restores the folder to its state before the command.
        check_files: asserts that no file under its final name is incomplete; called after a kill.
        check_result: asserts that the result equals that of an uninterrupted command.
    """

    command: list[str]
    begin: Callable[[], None]
    check_files: Callable[[], None]
    check_result: Callable[[], None]


def main() -> None:
    """Kills each command as often as asked and prints a line for each."""
    parser = Parser(prog="python -m tests.bench.kill", description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20, help="kills of each command")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="cases")
    parser.add_argument("--seed", type=int, default=1, help="random seed of the moments")
    options = parser.parse_args()
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            case = CASES[name](pathlib.Path(folder))
            completed = soak(case, options.runs, random.Random(options.seed))
        print(
            f"{name}: {options.runs} kills, resumed after each; completed {completed} times, each "
            "time with the result of an uninterrupted command",
            flush=True,
        )


def soak(case: Case, kills: int, source: random.Random) -> int:
    """Kills a command `kills` times in all; returns how many times it was completed."""
    case.begin()
    start = time.monotonic()
    run_to_end(case.command)
    duration = time.monotonic() - start
    case.check_result()
    completed = 0
    while kills > 0:
        case.begin()
        while True:
            process = start_process(case.command)
            try:
                moment = source.uniform(0, duration) if kills > 0 else None
                _, errors = process.communicate(timeout=moment)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                kills -= 1
                case.check_files()
                continue
            assert process.returncode == 0, errors
            break
        case.check_result()
        completed += 1
    return completed


def start_process(command: list[str]) -> subprocess.Popen:
    """The command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def run_to_end(command: list[str]) -> None:
    """Runs the command without interruption."""
    process = start_process(command)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def job_case(folder: pathlib.Path, *more: str) -> Case:
    """Training: resumes from resume.pt and reaches the same weights and scores."""
    show, out, uninterrupted = folder / "show.txt", folder / "run", folder / "uninterrupted"
    write_show(show, 150)
    settings = ["--data", str(show), *TINY, "--epochs", "3", "--save-seconds", "0", *more]
    run_to_end(["job", *settings, "--out", str(uninterrupted)])
    names = {path.name for path in uninterrupted.iterdir()}

    def check_files() -> None:
        for path in out.iterdir() if out.exists() else ():
            if path.name.startswith("."):
                continue
            assert path.name in names, f"unexpected file {path.name}"
            if path.suffix == ".pt":
                load(path)
            elif path.suffix == ".jsonl":
                read_rows(out)
            elif path.suffix == ".png":
                assert path.read_bytes().endswith(END_OF_PNG), "incomplete picture"

    def check_result() -> None:
        check_files()
        assert {path.name for path in out.iterdir()} == names
        paths = [path / "checkpoint.pt" for path in (out, uninterrupted)]
        assert_equal(*(load(path) for path in paths))
        assert_equal(read_rows(out), read_rows(uninterrupted))

    def begin() -> None:
        shutil.rmtree(out, ignore_errors=True)

    return Case(["job", *settings, "--out", str(out)], begin, check_files, check_result)


def fine_tuning_case(folder: pathlib.Path) -> Case:
    """Training that starts from a base network, itself a small run on another script."""
    script, base = folder / "base.txt", folder / "base"
    write_show(script, 100)
    settings = ["--data", str(script), *TINY, "--epochs", "1", "--no-spell", "--out", str(base)]
    run_to_end(["job", *settings])
    return job_case(folder, "--base", str(base))


def prepare_case(folder: pathlib.Path) -> Case:
    """Preparing a corpus: no manifest, or the complete corpus with the same files."""
    shows, out = folder / "shows", folder / "corpus"
    uninterrupted = folder / "uninterrupted" / "corpus"  # its folder names the corpus
    shows.mkdir()
    for number in range(4):
        write_show(shows / f"show_{number}.txt", 3_000)
    command = ["data", "prepare", str(shows), "--processes", "2", "--out"]
    run_to_end([*command, str(uninterrupted)])
    names = {path.name for path in uninterrupted.iterdir()}

    def check_files() -> None:
        if (out / CORPUS_MANIFEST).exists():
            assert not Prepared.open(out).damaged_file()

    def check_result() -> None:
        assert {path.name for path in out.iterdir()} == names
        for name in names - {CORPUS_MANIFEST}:
            assert (out / name).read_bytes() == (uninterrupted / name).read_bytes(), name

    def begin() -> None:
        shutil.rmtree(out, ignore_errors=True)

    return Case([*command, str(out)], begin, check_files, check_result)


def load(path: pathlib.Path) -> Any:
    """The content of a file of torch.save, with every checksum in it verified."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None, f"{path} is damaged"
    return torch.load(path, map_location="cpu", weights_only=True)


def read_rows(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def assert_equal(one: Any, other: Any, name: str = "") -> None:
    """Asserts that nested values and tensors are equal, except for those named in PER_RUN."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), f"{name}: other keys"
        for key in one.keys() - PER_RUN:
            assert_equal(one[key], other[key], f"{name}.{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        assert len(one) == len(other), f"{name}: other length"
        for place, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{name}[{place}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), f"{name} differs"
    else:
        assert one == other, f"{name} differs: {one!r}, {other!r}"


def export_case(folder: pathlib.Path) -> Case:
    """Export over an earlier bundle: either that bundle is complete, or there is no manifest."""
    job = job_case(folder)
    job.begin()
    run_to_end(job.command)
    out = folder / "run"

    def check_files() -> None:
        load(out / "checkpoint.pt")
        if (out / MANIFEST).exists():
            next(verify(out))  # the checksum of every file

    def check_result() -> None:
        next(verify(out))
        assert not list(out.glob(".*")), "a temporary folder of an earlier export is left"

    command = ["export", "--checkpoint", str(out / "checkpoint.pt")]
    return Case(command, lambda: None, check_files, check_result)


CASES: dict[str, Callable[[pathlib.Path], Case]] = {
    "job": job_case,
    "fine-tuning": fine_tuning_case,
    "prepare": prepare_case,
    "export": export_case,
}

if __name__ == "__main__":
    run(main)
