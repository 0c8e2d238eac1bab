"""python -m tests.bench.training: a preset's scores and times over several seeds, and its peers'.

Each seed is one whole process of `python -m job` with the preset as it is; every seed counts.
"Seconds of training" run from the first step and include evaluations and saves; "seconds of the
whole process" also include imports, the start of the GPU, tokenization, the cache and the speller.
The best epoch, the neural cache's settings and every peer's best weights are chosen on the held-out
text; a text given by --test is scored once, at the end.

The peers train in the same command on the same machine, texts and vocabulary:

    kneser-ney  4-grams with modified Kneser-Ney smoothing (kneser_ney.py)
    course      the recipe of Udacity's deep-learning course (`--preset course`)
    awd-lstm    AWD-LSTM's regularization with Adam (awd_lstm.py)
    char-gpt    nanoGPT's train_shakespeare_char settings on the same characters (char_gpt.py)

`course` and `awd-lstm` train for as long as the preset did on average, or for --peer-seconds and
--awd-seconds; `char-gpt` runs its published 5,000 iterations, which takes minutes on a GPU and
days on a CPU: leave it out there (--without char-gpt). Each peer is run with one seed.
"""

import dataclasses
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch

from data.command_line import Parser, run
from data.show.read import LOW_TIDE
from tests.bench import awd_lstm, char_gpt
from tests.bench.kneser_ney import KneserNey
from tests.bench.runs import MIN_COUNT, Texts, machine, train_job
from tests.bench.tables import peers_table, preset_table, summary_line

TRAINING_LOSS = 3.5  # nats per token on training text, measured without dropout
DEFAULT_SECONDS = 60  # of a peer where no preset run says how long


def main() -> None:
    """Runs the preset and the peers, and prints two Markdown tables."""
    parser = Parser(prog="python -m tests.bench.training", description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=LOW_TIDE, help="training text")
    parser.add_argument("--valid", default="", help="held-out text (default: the end of --data)")
    parser.add_argument("--test", default="", help="second held-out text, scored once at the end")
    parser.add_argument("--preset", default="seinfeld", help="preset of `python -m job`")
    parser.add_argument("--seeds", type=int, default=3, help="number of runs, with seeds from 1")
    parser.add_argument("--target", type=float, default=3.60, help="held-out loss to be timed")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=[*PEERS], help="peers to run")
    parser.add_argument(
        "--without", nargs="*", choices=PEERS, default=[], help="peers to leave out"
    )
    parser.add_argument(
        "--peer-seconds", type=float, default=0, help="training time of course and awd-lstm"
    )
    parser.add_argument("--awd-seconds", type=float, default=0, help="training time of awd-lstm")
    parser.add_argument("--gpt-steps", type=int, default=5000, help="iterations of char-gpt")
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures")
    parser.add_argument("rest", nargs="*", help="settings of the preset, after --")
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": machine(), "runs": [], "peers": {}}
    print(json.dumps(report["machine"]), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        texts = Texts.prepare(options.data, options.valid, options.test, folder)
        for seed in range(1, options.seeds + 1):
            flags = ["--preset", options.preset, "--seed", str(seed), *options.rest]
            one = measure(texts, folder / str(seed), flags, options.target)
            report["runs"].append(one)
            print(f"seed {seed}: {summary_line(one)}", flush=True)
            save(report, options.json)
        taken = [one["seconds"] for one in report["runs"]]
        seconds = options.peer_seconds or statistics.mean(taken or [DEFAULT_SECONDS])
        budget = Budget(seconds, options.awd_seconds or seconds, options.gpt_steps, options.target)
        for name in options.peers:
            if name not in options.without:
                one = PEERS[name](texts, folder, budget)
                report["peers"][name] = one
                print(f"{name}: {summary_line(one)}", flush=True)
                save(report, options.json)
    print("\n".join(["", *preset_table(report["runs"], options.target, TRAINING_LOSS)]))
    print("\n".join(["", *peers_table(report["runs"], report["peers"])]))


def save(report: dict[str, Any], path: pathlib.Path | None) -> None:
    """Writes the figures so far, so that an interrupted bench leaves them."""
    if path:
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measure(
    texts: Texts, folder: pathlib.Path, settings: list[str], target: float
) -> dict[str, Any]:
    """One process of `python -m job`: its scores, times and evaluations."""
    trained = train_job([*texts.flags, *settings], folder)
    rows, scores = trained["rows"], trained["scores"]
    figures = ("valid_loss", "valid_loss_with_cache", "bits_per_character")
    return {
        **{name: scores.get(name) for name in figures},
        **{name: scores[name] for name in sorted(scores) if name.startswith("test_")},
        "seconds_to_target": seconds_to(rows, "valid_loss", target),
        "seconds_to_training_loss": seconds_to(rows, "train_loss_without_dropout", TRAINING_LOSS),
        "seconds": rows[-1]["seconds"],
        "whole_process": trained["whole_process"],
        "tokens_per_second": max(row["tokens_per_second"] for row in rows),
        "rows": rows,
        "scores": scores,
    }


def seconds_to(rows: list[dict[str, Any]], name: str, target: float) -> float | None:
    """Seconds of training until a figure is first at or below its target; None if it never is."""
    return next((row["seconds"] for row in rows if row[name] <= target), None)


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long the peers train, and the held-out loss to be timed."""

    seconds: float
    awd_seconds: float
    gpt_steps: int
    target: float


def run_kneser_ney(texts: Texts, _folder: pathlib.Path, _budget: Budget) -> dict[str, Any]:
    """Counting takes as long as it takes."""
    vocabulary = texts.vocabulary()
    ids = texts.ids(vocabulary)
    start = time.monotonic()
    model = KneserNey(ids["train"], len(vocabulary), 4)
    losses = {"valid_loss": model.loss(ids["valid"])}
    seconds = time.monotonic() - start
    if "test" in ids:
        losses["test_loss"] = model.loss(ids["test"])
    return {**losses, "seconds": seconds}


def run_course(texts: Texts, folder: pathlib.Path, budget: Budget) -> dict[str, Any]:
    """With the vocabulary of the others: losses over different vocabularies do not compare."""
    settings = ["--preset", "course", "--min-count", str(MIN_COUNT), "--epochs", "99"]
    settings += ["--max-minutes", str(budget.seconds / 60)]
    return measure(texts, folder / "course", settings, budget.target)


def run_awd_lstm(texts: Texts, _folder: pathlib.Path, budget: Budget) -> dict[str, Any]:
    """On the GPU where there is one."""
    vocabulary = texts.vocabulary()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    ids = {
        part: torch.tensor(found, device=device) for part, found in texts.ids(vocabulary).items()
    }
    return awd_lstm.train(
        ids["train"],
        ids["valid"],
        vocabulary.encode(vocabulary.primer),
        len(vocabulary),
        seconds=budget.awd_seconds,
        test_ids=ids.get("test"),
    )


def run_char_gpt(texts: Texts, _folder: pathlib.Path, budget: Budget) -> dict[str, Any]:
    """On the normalized characters that the bits per character of `job` are measured on."""
    recipe = char_gpt.Recipe(steps=budget.gpt_steps)
    return char_gpt.train_on_this_machine(texts.normalized(texts.vocabulary()), recipe)


PEERS: dict[str, Callable[[Texts, pathlib.Path, Budget], dict[str, Any]]] = {
    "kneser-ney": run_kneser_ney,
    "course": run_course,
    "awd-lstm": run_awd_lstm,
    "char-gpt": run_char_gpt,
}


if __name__ == "__main__":
    run(main)
