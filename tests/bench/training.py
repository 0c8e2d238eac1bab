"""python -m tests.bench.training: the speed record, and the recipes it is compared with.

Rules: the preset as it is, trained on one text and never on the other; the clock of training runs
from its first step, evaluations and saves counted; the clock of the whole process from its start
to its end, that is, with imports, start of the GPU, tokenising, and learning to spell. Every seed
given is run and counted. The baselines are this project's own, on the same machine, same texts,
same vocabulary: the course's recipe (preset `course`, but for its vocabulary) and AWD-LSTM's
(tests/bench/awd_lstm.py), each for as long as the preset took, or --seconds, and Kneser-Ney
(tests/bench/kneser_ney.py).
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import torch

from data.command_line import Parser, run
from data.show.read import LOW_TIDE, read_show, split_show
from data.vocab import Vocabulary
from job.checkpoint import git_commit
from job.config import Config
from tests.bench import awd_lstm
from tests.bench.kneser_ney import KneserNey

TRAINING_LOSS = 3.5  # the course's mission, here measured without dropout
TIME_IS_UP = 75
BASELINES = ("kneser-ney", "course", "awd-lstm")


def main() -> None:
    """Runs what the command line asks for and prints a table."""
    parser = Parser(prog="python -m tests.bench.training", description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=LOW_TIDE, help="text to train on")
    parser.add_argument(
        "--valid", default="", help="held-out text; by default the end of the other"
    )
    parser.add_argument("--preset", default="seinfeld", help="what is measured")
    parser.add_argument("--seeds", type=int, default=3, help="runs, with seeds from 1")
    parser.add_argument("--target", type=float, default=3.60, help="held-out loss to reach")
    parser.add_argument(
        "--baselines", nargs="*", choices=BASELINES, default=BASELINES, help="which"
    )
    parser.add_argument(
        "--course-epochs", type=int, default=2, help="epochs of the course's recipe"
    )
    parser.add_argument("--seconds", type=float, default=0, help="of each recurrent baseline")
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures")
    parser.add_argument("rest", nargs="*", help="settings for the preset, after --")
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": machine(), "runs": [], "baselines": {}}
    print(json.dumps(report["machine"]), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, options.seeds + 1):
            settings = ["--preset", options.preset, "--seed", str(seed), *options.rest]
            one = job(options, f"{folder}/{seed}", settings)
            report["runs"].append(one)
            print(f"seed {seed}: " + tell(one), flush=True)
        for name in options.baselines:
            took = statistics.mean(one["seconds"] for one in report["runs"] or [{"seconds": 60}])
            one = baseline(name, options, f"{folder}/{name}", options.seconds or took)
            report["baselines"][name] = one
            print(f"{name}: " + tell(one), flush=True)
    for line in summary(report, options.target):
        print(line)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


def machine() -> dict[str, str]:
    """Where and with what this was measured."""
    gpu = torch.cuda.is_available()
    return {
        "device": torch.cuda.get_device_name()
        if gpu
        else f"CPU, {torch.get_num_threads()} threads",
        "torch": str(torch.__version__),
        "cuda": str(torch.version.cuda or ""),
        "python": sys.version.split()[0],
        "commit": git_commit(),
    }


def job(options: Any, folder: str, settings: list[str]) -> dict[str, Any]:
    """One whole process of `python -m job`, and what its metrics say."""
    command = [sys.executable, "-m", "job", "--data", options.data]
    command += ["--valid", options.valid] if options.valid else []
    start = time.monotonic()
    done = subprocess.run(
        [*command, "--out", folder, *settings], capture_output=True, text=True, check=False
    )
    whole = time.monotonic() - start
    if done.returncode not in (0, TIME_IS_UP):
        raise SystemExit(
            f"{' '.join(settings)} ended with {done.returncode}: {done.stderr[-2000:]}"
        )
    lines = pathlib.Path(folder, "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    best = min(rows, key=lambda row: row["valid_loss"])
    kept = torch.load(f"{folder}/checkpoint.pt", weights_only=True, map_location="cpu")["scores"]
    return {
        "held_out_loss": best["valid_loss"],
        "with_cache": kept.get("valid_loss_with_cache"),
        "bits_per_character": kept.get("bits_per_character"),
        "seconds": rows[-1]["seconds"],
        "whole_process": whole,
        "tokens_per_second": max(row["tokens_per_second"] for row in rows),
        "seconds_to_target": first(rows, "valid_loss", options.target),
        "seconds_to_training_loss": first(rows, "train_loss_without_dropout", TRAINING_LOSS),
        "rows": rows,
        "scores": kept,
    }


def first(rows: list[dict[str, Any]], name: str, target: float) -> float | None:
    """Seconds of training until a figure was first seen at or below its target."""
    return next((row["seconds"] for row in rows if row[name] <= target), None)


def baseline(name: str, options: Any, folder: str, seconds: float) -> dict[str, Any]:
    """One of the recipes to compare with."""
    if name == "course":
        # With the vocabulary of the others: losses over different vocabularies do not compare.
        settings = ["--preset", "course", "--min-count", str(Config.min_count)]
        return job(
            options, folder, [*settings, "--epochs", "99", "--max-minutes", str(seconds / 60)]
        )
    text = read_show(options.data)
    if options.valid:
        valid_text = read_show(options.valid)
    else:
        text, valid_text = split_show(text, Config.valid_fraction)
    vocabulary = Vocabulary.build(text, "show", Config.min_count)
    train_ids, valid_ids = vocabulary.encode(text), vocabulary.encode(valid_text)
    if name == "kneser-ney":
        start = time.monotonic()
        model = KneserNey(train_ids, len(vocabulary), 4)
        return {"held_out_loss": model.loss(valid_ids), "seconds": time.monotonic() - start}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return awd_lstm.train(
        torch.tensor(train_ids, device=device),
        torch.tensor(valid_ids, device=device),
        vocabulary.encode(vocabulary.primer),
        len(vocabulary),
        seconds,
    )


def tell(one: dict[str, Any]) -> str:
    """The plain figures of a run in one line."""
    parts = [f"{name} {value:.4g}" for name, value in one.items() if isinstance(value, int | float)]
    return ", ".join(parts)


def summary(report: dict[str, Any], target: float) -> list[str]:
    """Mean and worst over the seeds, and ratios to the baselines."""
    lines = []
    names = {
        "held_out_loss": "held-out loss",
        "with_cache": "held-out loss with memory",
        "bits_per_character": "bits per character",
        "seconds_to_target": f"seconds to held-out {target}",
        "seconds_to_training_loss": f"seconds to training loss {TRAINING_LOSS}, no dropout",
        "seconds": "seconds of training",
        "whole_process": "seconds of the whole process",
    }
    for name, label in names.items():
        values = [one[name] for one in report["runs"]]
        if values and None not in values:
            mean, worst = statistics.mean(values), max(values)
            lines.append(f"{label}: mean {mean:.4g}, worst {worst:.4g} of {len(values)}")
        elif values:
            lines.append(f"{label}: not reached by {values.count(None)} of {len(values)}")
    for name, other in report["baselines"].items():
        if report["runs"]:
            ours = statistics.mean(one["held_out_loss"] for one in report["runs"])
            line = (
                f"against {name}: perplexity x {2.718281828 ** (ours - other['held_out_loss']):.3f}"
            )
            rate = other.get("tokens_per_second")
            if rate:
                mine = statistics.mean(one["tokens_per_second"] for one in report["runs"])
                line += f", tokens a second x {mine / rate:.1f}"
            lines.append(line)
    return lines


if __name__ == "__main__":
    run(main)
