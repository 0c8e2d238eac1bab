"""python -m tests.bench.parallel: training speed of several processes against one.

The same network on the same streams, trained by one process and by several with the same global
batch, without dropout, so that the losses must agree up to rounding. On a CPU each process has one
thread; a further row gives one process as many threads as there are processes. Efficiency is the
speed of N processes over N times the speed of one. Speed is taken between the first and the last
evaluation of a run, evaluations included: one process evaluates while the others wait.
"""

import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import torch

from data.command_line import Parser, UserError, run
from tests.bench.runs import ROOT

WITHOUT_DROPOUT = [
    *("--dropout", "0", "--dropout-between", "0", "--dropout-input", "0"),
    *("--dropout-words", "0", "--weight-drop", "0"),
]
ONLY_TRAINING = ["--no-spell", "--cache-size", "0", "--save-seconds", "1e6"]

Rows = list[dict[str, Any]]


def main() -> None:
    """Prints speed, efficiency and the largest difference between losses."""
    parser = Parser(prog="python -m tests.bench.parallel", description=__doc__.split("\n")[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[2], help="numbers to try")
    parser.add_argument("--epochs", type=int, default=3, help="of each run, 2 or more")
    parser.add_argument("--preset", default="laptop", help="preset of `python -m job`")
    parser.add_argument("rest", nargs="*", help="settings of the preset, after --")
    options = parser.parse_args()
    settings = [
        "--preset",
        options.preset,
        "--base",
        "none",
        *WITHOUT_DROPOUT,
        *ONLY_TRAINING,
        "--eval-epochs",
        "1",
    ]
    settings += ["--epochs", str(options.epochs), *options.rest]
    gpu = torch.cuda.is_available()
    one = measure(1, settings)
    device = torch.cuda.get_device_name() if gpu else "CPU"
    print(f"{os.cpu_count()} cores, {device}", flush=True)
    print("| processes | tokens/s | efficiency | largest difference of a loss |")
    print("| --- | --- | --- | --- |")
    print(f"| 1 | {speed(one):,.0f} | | |", flush=True)
    for processes in options.processes:
        if not gpu:
            threaded = speed(measure(1, settings, threads=processes))
            print(f"| 1, {processes} threads | {threaded:,.0f} | | |", flush=True)
        many = measure(processes, settings)
        efficiency = speed(many) / speed(one) / processes
        cells = f"{speed(many):,.0f} | {efficiency:.0%} | {difference(one, many):.1e}"
        print(f"| {processes} | {cells} |", flush=True)


def measure(processes: int, settings: list[str], threads: int = 1) -> Rows:
    """The evaluations of one run by this number of processes, with `threads` each."""
    with tempfile.TemporaryDirectory() as folder:
        start = [sys.executable, "-m"]
        if processes > 1:
            start += ["job.engine.launch", "--nproc-per-node", str(processes), "-m"]
        done = subprocess.run(
            [*start, "job", *settings, "--out", folder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
        if done.returncode:
            raise UserError(f"{processes} processes: exit code {done.returncode}: {done.stderr}")
        lines = pathlib.Path(folder, "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]


def speed(rows: Rows) -> float:
    """Mean tokens per second between the first and the last evaluation.

    The first epoch is left out: it holds the start of the device.
    """
    tokens = sum(tokens_between(*pair) for pair in itertools.pairwise(rows))
    return tokens / (rows[-1]["seconds"] - rows[0]["seconds"])


def tokens_between(before: dict[str, Any], after: dict[str, Any]) -> float:
    """Tokens trained on between two evaluations."""
    return after["tokens_per_second"] * (after["seconds"] - before["seconds"])


def difference(one: Rows, other: Rows) -> float:
    """The largest absolute difference of a training or held-out loss over the evaluations."""
    names = ("train_loss", "valid_loss")
    return max(abs(a[n] - b[n]) for a, b in zip(one, other, strict=True) for n in names)


if __name__ == "__main__":
    run(main)
