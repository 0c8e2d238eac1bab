"""python -m tests.bench.steps: the time of one training step, from scratch and from the base.

Only steps are timed: no evaluation, no save, no imports. On a GPU, --profile lists the kernels of
a step by their time.
"""

import contextlib
import pathlib
import statistics
import tempfile
import time

import torch
from torch import profiler

from data.command_line import Parser, run
from job.options import parse
from job.train import Run
from tests.bench.runs import machine

WARM_UP = 10  # steps: kernels are compiled, the CUDA graph is recorded
ROUNDS = 5
PROFILED = 5  # steps
LONGEST_NAME = 60  # characters of a kernel's name


def main() -> None:
    """Prints one line for each kind of training."""
    parser = Parser(prog="python -m tests.bench.steps", description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="laptop", help="preset of `python -m job`")
    parser.add_argument("--steps", type=int, default=50, help="of each of 5 rounds")
    parser.add_argument("--profile", type=int, default=0, help="GPU kernels to list")
    parser.add_argument("rest", nargs="*", help="settings of the preset, after --")
    options = parser.parse_args()
    print(machine())
    for name, base in (("from scratch", ["--base", "none"]), ("from the base", [])):
        with tempfile.TemporaryDirectory() as folder:
            flags = ["--preset", options.preset, *base, *options.rest]
            training = Run(parse([*flags, "--out", str(pathlib.Path(folder) / "run")])[0])
            seconds = seconds_of_step(training, options.steps)
            words = training.config.batch_size * training.config.sequence_length
            print(f"{name}: {seconds * 1000:.2f} ms a step, {words / seconds:,.0f} tokens/s")
            if options.profile:
                print(kernels(training, options.profile))


def seconds_of_step(training: Run, steps: int) -> float:
    """The median over `ROUNDS` of the mean time of a step."""
    training.network.train()
    take(training, WARM_UP)
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        take(training, steps)
        rounds.append((time.perf_counter() - start) / steps)
    return statistics.median(rounds)


def take(training: Run, steps: int) -> None:
    """Trains some steps, from the beginning of the text again if it ends, and waits for them."""
    while steps > 0:
        training.step = 0
        with contextlib.closing(training.batches()) as batches:
            for inp, target in batches:
                training.train_step(inp, target)
                steps -= 1
                if steps == 0:
                    break
    if training.device == "cuda":
        torch.cuda.synchronize()


def kernels(training: Run, rows: int) -> str:
    """A table of the GPU kernels of a step, by their time."""
    with profiler.profile(activities=[profiler.ProfilerActivity.CUDA]) as profile:
        take(training, PROFILED)
    found = sorted(profile.key_averages(), key=lambda each: -each.self_device_time_total)[:rows]
    lines = [
        f"| `{each.key[:LONGEST_NAME]}` | {each.count / PROFILED:.0f} | "
        f"{each.self_device_time_total / PROFILED:,.0f} |"
        for each in found
    ]
    return "\n".join(["| kernel | launches a step | µs a step |", "| --- | --- | --- |", *lines])


if __name__ == "__main__":
    run(main)
