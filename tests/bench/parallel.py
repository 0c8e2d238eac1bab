"""python -m tests.bench.parallel: one process against several, in one run.

The same network on the same streams, trained by one process and by several at the same global
batch, without dropout, so that the losses must be equal but for rounding. On a CPU each process
has one thread; a further row gives one process as many threads as there are processes. Efficiency
is the speed of N processes over N times the speed of one.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

import torch

from data.command_line import Parser, run
from job.config import parse

WITHOUT_DROPOUT = [
    *("--dropout", "0", "--dropout-between", "0", "--dropout-input", "0"),
    *("--dropout-words", "0", "--weight-drop", "0"),
]
WARM_UP = 5  # steps before the clock starts


def main() -> None:
    """Prints speed, efficiency and the largest difference of a loss."""
    parser = Parser(prog="python -m tests.bench.parallel", description=__doc__.split("\n")[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[2], help="how many")
    parser.add_argument("--steps", type=int, default=50, help="steps of each run")
    parser.add_argument("--preset", default="laptop", help="what is trained")
    parser.add_argument("--worker", help="for the processes themselves: where the figures go")
    parser.add_argument("rest", nargs="*", help="settings for the preset, after --")
    options = parser.parse_args()
    if options.worker:
        work(pathlib.Path(options.worker), options.steps, options.rest)
        return
    settings = ["--preset", options.preset, *WITHOUT_DROPOUT, *options.rest]
    one = measure(1, options.steps, settings)
    print(f"{os.cpu_count()} cores, {one['device']}", flush=True)
    print("| processes | tokens/s | efficiency | largest difference of a loss |")
    print("| --- | --- | --- | --- |")
    print(f"| 1 | {one['tokens_per_second']:,.0f} | | |", flush=True)
    for processes in options.processes:
        if one["device"] == "cpu":
            wide = measure(1, options.steps, settings, processes)["tokens_per_second"]
            print(f"| 1, {processes} threads | {wide:,.0f} | | |", flush=True)
        many = measure(processes, options.steps, settings)
        speed = many["tokens_per_second"] / one["tokens_per_second"]
        print(
            f"| {processes} | {many['tokens_per_second']:,.0f} | {speed / processes:.0%} "
            f"| {difference(one, many):.1e} |",
            flush=True,
        )


def measure(processes: int, steps: int, settings: list[str], threads: int = 1) -> dict[str, Any]:
    """Losses and speed of so many processes, started as a person starts them."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "found.json")
        start = [sys.executable, "-m"]
        if processes > 1:
            start += ["job.engine.launch", "--nproc-per-node", str(processes), "-m"]
        command = [*start, "tests.bench.parallel", "--worker", str(path), "--steps", str(steps)]
        done = subprocess.run(
            [*command, "--", "--out", f"{folder}/run", *settings],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
        if done.returncode:
            raise SystemExit(f"{processes} processes ended with {done.returncode}: {done.stderr}")
        return json.loads(path.read_text(encoding="utf-8"))


def work(path: pathlib.Path, steps: int, settings: list[str]) -> None:
    """Some steps of `python -m job`, without its evaluations and files."""
    from job.train import Run

    training = Run(parse(settings)[0])
    training.network.train()
    losses: list[Any] = []
    while training.step < steps:
        for inp, target in training.batches():
            if training.step == WARM_UP:
                settle(training.device)
                start = time.monotonic()
            loss = training.train_step(inp, target)
            losses.append(loss.clone() if isinstance(loss, torch.Tensor) else loss)
            if training.step == steps:
                break
    settle(training.device)
    seconds = time.monotonic() - start
    config = training.config
    tokens = (steps - WARM_UP) * config.batch_size * config.sequence_length
    if training.group.is_rank0:
        gpu = training.device == "cuda"
        found = {
            "losses": [float(loss) for loss in losses],
            "tokens_per_second": tokens / seconds,
            "device": torch.cuda.get_device_name() if gpu else "cpu",
        }
        path.write_text(json.dumps(found), encoding="utf-8")
    training.group.shutdown()


def settle(device: str) -> None:
    """Waits until a GPU has done all it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    """The largest over the steps."""
    pairs = zip(one["losses"], other["losses"], strict=True)
    return max(abs(a - b) for a, b in pairs)


if __name__ == "__main__":
    run(main)
