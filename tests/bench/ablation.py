"""python -m tests.bench.ablation: what each setting of a preset is worth, one changed at a time.

Every row is a whole training run of the preset with one thing changed, all in one process and on
the same machine; the first row is the preset. They do not learn to spell: that changes no network.
`--scaling` instead changes the size of the network and the amount of text, and draws both.
"""

import json
import pathlib
import tempfile
import time
from typing import Any

import torch

from data.command_line import Parser, run
from data.corpus import read_show
from job.config import parse
from job.train import Run
from tests.bench.training import machine

VARIATIONS: dict[str, list[str]] = {
    "the preset": [],
    "another seed": ["--seed", "2"],
    "embedding 384, hidden 768": ["--embedding-dim", "384", "--hidden-dim", "768"],
    "embedding 768, hidden 1536": ["--embedding-dim", "768", "--hidden-dim", "1536"],
    "one layer": ["--n-layers", "1"],
    "three layers": ["--n-layers", "3"],
    "GRU": ["--cell", "gru"],
    "output not tied": ["--no-tie-weights", "--pieces", "0"],
    "no letter groups": ["--pieces", "0"],
    "no output dropout": ["--dropout", "0"],
    "output dropout 0.5": ["--dropout", "0.5"],
    "output dropout 0.7": ["--dropout", "0.7"],
    "no dropout between layers": ["--dropout-between", "0"],
    "dropout between layers 0.5": ["--dropout-between", "0.5"],
    "no input dropout": ["--dropout-input", "0"],
    "input dropout 0.6": ["--dropout-input", "0.6"],
    "no word dropout": ["--dropout-words", "0"],
    "word dropout 0.2": ["--dropout-words", "0.2"],
    "no weight drop": ["--weight-drop", "0"],
    "weight drop 0.5": ["--weight-drop", "0.5"],
    "batch 32": ["--batch-size", "32"],
    "batch 128": ["--batch-size", "128"],
    "sequence length 35": ["--sequence-length", "35"],
    "sequence length 140": ["--sequence-length", "140"],
    "learning rate 0.0015": ["--learning-rate", "0.0015"],
    "learning rate 0.006": ["--learning-rate", "0.006"],
    "constant learning rate": ["--schedule", "constant"],
    "no warm-up": ["--warmup", "0"],
    "weight decay 0.02": ["--weight-decay", "0.02"],
    "weight decay 0.2": ["--weight-decay", "0.2"],
    "weight decay 0.8": ["--weight-decay", "0.8"],
    "gradient norm 0.25": ["--grad-clip", "0.25"],
    "gradients not clipped": ["--grad-clip", "0"],
    "temperature 1": ["--temperature", "1"],
    "twice the epochs": [],  # filled in from the preset
}
SIZES = ((128, 256), (256, 512), (512, 1024), (768, 1536))  # embedding, hidden
SHARES = (0.125, 0.25, 0.5, 1.0)  # of the text


def main() -> None:
    """Prints a Markdown table, and keeps the figures as JSON."""
    parser = Parser(prog="python -m tests.bench.ablation", description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="text to train on")
    parser.add_argument("--valid", required=True, help="held-out text")
    parser.add_argument("--preset", default="seinfeld", help="what is varied")
    parser.add_argument("--epochs", type=int, default=0, help="instead of the preset's")
    parser.add_argument("--only", nargs="*", choices=VARIATIONS, help="some of the rows")
    parser.add_argument("--scaling", action="store_true", help="sizes and amounts of text instead")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no row after so long")
    parser.add_argument("--json", type=pathlib.Path, required=True, help="file for the figures")
    options = parser.parse_args()
    print(json.dumps(machine()), flush=True)
    if options.scaling:
        rows = scaling(options)
        draw(rows, options.json.with_suffix(".png"))
        return
    print("| changed | held-out | with memory | training, no dropout | s | tokens/s |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    rows = []
    start = time.monotonic()
    for name in options.only or VARIATIONS:
        if time.monotonic() - start > options.seconds:
            break
        more = VARIATIONS[name]
        if name == "twice the epochs":
            more = ["--epochs", str(2 * settings(options).epochs)]
        keep(rows, name, options, options.data, more)


def settings(options: Any, *more: str):
    """The preset as the command line changes it."""
    epochs = ["--epochs", str(options.epochs)] if options.epochs else []
    return parse(["--preset", options.preset, *epochs, *more])[0]


def keep(rows: list, name: str, options: Any, data: str, more: list[str]) -> dict[str, Any]:
    """Trains once, prints a row, and writes all rows so far."""
    epochs = ["--epochs", str(options.epochs)] if options.epochs else []
    with tempfile.TemporaryDirectory() as folder:
        config, _ = parse(
            [
                *("--preset", options.preset, "--data", data, "--valid", options.valid),
                *("--out", folder, "--no-spell", "--eval-epochs", "2"),
                *epochs,
                *more,
            ]
        )
        training = Run(config)
        best = training.train()
    row = {
        "name": name,
        "parameters": sum(weight.numel() for weight in training.network.parameters()),
        "words": len(training.train_ids),
        "epochs": config.epochs,
        "seconds": training.history[-1]["seconds"],
        "best": best,
    }
    rows.append(row)
    options.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    print(
        f"| {name} | {best['valid_loss']:.3f} | {best['valid_loss_with_memory']:.3f} | "
        f"{best['train_loss_without_dropout']:.3f} | {row['seconds']:.0f} | "
        f"{max(r['tokens_per_second'] for r in training.history):,.0f} |",
        flush=True,
    )
    if torch.cuda.is_available():
        del training
        torch.cuda.empty_cache()
    return row


def scaling(options: Any) -> list[dict[str, Any]]:
    """Networks of several sizes on all the text, and the preset's on parts of it.

    Less text is read more often, by the root of its share: each row has time to learn what it can.
    A part of the text has a vocabulary of its own, so these rows learn to spell and are compared by
    bits per character.
    """
    print("| network or text | held-out | with memory | training, no dropout | s | tokens/s |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    rows: list[dict[str, Any]] = []
    for embedding, hidden in SIZES:
        more = ["--embedding-dim", str(embedding), "--hidden-dim", str(hidden)]
        keep(rows, f"hidden {hidden}", options, options.data, more)["kind"] = "size"
    text = read_show(options.data)
    epochs = settings(options).epochs
    for share in SHARES:
        with tempfile.TemporaryDirectory() as folder:
            part = pathlib.Path(folder, "part.txt")
            part.write_text(text[: int(share * len(text))], encoding="utf-8")
            more = ["--spell", "--epochs", str(round(epochs / share**0.5))]
            row = keep(rows, f"{share:.1%} of the text", options, str(part), more)
            row["kind"] = "text"
    options.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    return rows


def draw(rows: list[dict[str, Any]], path: pathlib.Path) -> None:
    """Held-out loss and time against parameters and against words."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    sides = (("size", "parameters", "parameters"), ("text", "words", "words of training text"))
    for axes, (kind, name, label) in zip(panels, sides, strict=True):
        some = [row for row in rows if row["kind"] == kind]
        x = [row[name] for row in some]
        figures = {"held-out loss": "valid_loss", "with memory": "valid_loss_with_memory"}
        if kind == "text":
            figures = {"bits per character": "bits_per_character"}
        for shown, figure_name in figures.items():
            axes.plot(x, [row["best"][figure_name] for row in some], "o-", label=shown)
        axes.set(xscale="log", xlabel=label, ylabel="bits" if kind == "text" else "nats per token")
        time_axes = axes.twinx()
        time_axes.plot(x, [row["seconds"] for row in some], "^:", color="grey")
        time_axes.set(ylabel="seconds (dotted)", ylim=(0, None))
        axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    run(main)
