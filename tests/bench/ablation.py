"""python -m tests.bench.ablation: what each setting of a preset is worth, one changed at a time.

Every row is a whole training run of the preset with one thing changed, all in one process and on
the same machine; the first row is the preset. They do not learn to spell: that changes no network.
`--scaling` instead changes the size of the network and the amount of text, and draws both. A call
that was cut short goes on from its --json; several calls may share the rows by --part.
"""

import json
import pathlib
import sys
import tempfile
import time
from typing import Any

import torch

from data.command_line import Parser, run
from data.show.read import LOW_TIDE, read_show, split_show
from job.config import Config, parse
from job.train import Run, Stopped
from tests.bench.training import machine

SIZES = (0.25, 0.5, 1.0, 1.5)  # of the preset's units
SHARES = (0.125, 0.25, 0.5, 1.0)  # of the text


def variations(preset: Config) -> dict[str, list[str]]:
    """What is changed in each row, as it stands on the command line."""

    def flags(**changes: float) -> list[str]:
        return [f"--{name.replace('_', '-')}={value}" for name, value in changes.items()]

    def size(factor: float) -> list[str]:
        sizes = preset.embedding_dim, preset.hidden_dim
        return flags(embedding_dim=int(factor * sizes[0]), hidden_dim=int(factor * sizes[1]))

    rows = {
        "the preset": [],
        "another seed": flags(seed=preset.seed + 1),
        "half the units": size(0.5),
        "1.5 times the units": size(1.5),
    }
    for layers in {1, 2, 3} - {preset.n_layers}:
        between = preset.dropout_between or preset.weight_drop
        more = flags(dropout_between=between) if layers > 1 else []
        rows["one layer" if layers == 1 else f"{layers} layers"] = flags(n_layers=layers) + more
    rows |= {
        "GRU": ["--cell=gru"],
        "output not tied, no letter groups": ["--no-tie-weights", "--subwords=0"],
        "no letter groups": flags(subwords=0),
    }
    for name in ("dropout", "dropout_between", "dropout_input", "dropout_words", "weight_drop"):
        value = getattr(preset, name)
        if value > 0 or (name == "dropout_words"):
            label = name.replace("_", " ") + ("" if name == "weight_drop" else " rate")
            for other in sorted({0.0, round(value - 0.15, 2), round(value + 0.15, 2)}):
                if 0 <= other < 1 and other != value:
                    rows[f"{label} {other:g} instead of {value:g}"] = flags(**{name: other})
    for name in ("batch_size", "sequence_length", "learning_rate", "weight_decay", "grad_clip"):
        value = getattr(preset, name)
        for factor in (0.5, 2):
            other = type(value)(factor * value)
            label = f"{name.replace('_', ' ')} {other:g} instead of {value:g}"
            rows[label] = flags(**{name: other})
    return rows | {
        "weight decay 0.01": flags(weight_decay=0.01),
        "gradients not clipped": flags(grad_clip=0),
        "constant learning rate": ["--schedule=constant"],
        "no warm-up": flags(warmup=0),
        "temperature 1": flags(temperature=1),
        "half the epochs": flags(epochs=preset.epochs // 2),
        "twice the epochs": flags(epochs=2 * preset.epochs),
    }


def main() -> None:
    """Prints a Markdown table, and keeps the figures as JSON."""
    parser = Parser(prog="python -m tests.bench.ablation", description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=LOW_TIDE, help="text to train on")
    parser.add_argument("--valid", default="", help="held-out text; by default the other's end")
    parser.add_argument("--preset", default="seinfeld", help="what is varied")
    parser.add_argument("--epochs", type=int, default=0, help="instead of the preset's")
    parser.add_argument("--only", nargs="*", help="the rows whose names hold one of these words")
    parser.add_argument("--scaling", action="store_true", help="sizes and amounts of text instead")
    parser.add_argument("--part", default="1/1", help="2/3: of three equal parts the second")
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
    part, parts = map(int, options.part.split("/"))
    rows = earlier(options)
    done = {row["name"] for row in rows}
    start = time.monotonic()
    chosen = {
        name: more
        for name, more in variations(settings(options)).items()
        if not options.only or any(word in name for word in options.only)
    }
    for place, (name, more) in enumerate(chosen.items()):
        if place % parts != part - 1 or name in done:
            continue
        if time.monotonic() - start > options.seconds:
            break
        keep(rows, name, options, options.data, more)


def earlier(options: Any) -> list[dict[str, Any]]:
    """The rows that an earlier, interrupted call left in the file: they are not run again."""
    if not options.json.exists():
        return []
    return json.loads(options.json.read_text(encoding="utf-8"))["rows"]


def settings(options: Any) -> Config:
    """The preset as the command line changes it."""
    epochs = ["--epochs", str(options.epochs)] if options.epochs else []
    return parse(["--preset", options.preset, *epochs])[0]


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
        try:
            best = training.train()
        except Stopped as stopped:  # the rows so far are kept
            sys.exit(stopped.exit_code)
    row = {
        "name": name,
        "parameters": sum(weight.numel() for weight in training.network.parameters()),
        "words": len(training.dataset.train_ids),
        "epochs": config.epochs,
        "seconds": training.history[-1]["seconds"],
        "best": best,
    }
    rows.append(row)
    options.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    print(
        f"| {name} | {best['valid_loss']:.3f} | {best['valid_loss_with_cache']:.3f} | "
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
    rows = earlier(options)
    done = {row["name"] for row in rows}
    preset = settings(options)
    for factor in SIZES:
        embedding, hidden = int(factor * preset.embedding_dim), int(factor * preset.hidden_dim)
        if f"hidden {hidden}" in done:
            continue
        more = ["--embedding-dim", str(embedding), "--hidden-dim", str(hidden)]
        keep(rows, f"hidden {hidden}", options, options.data, more)["kind"] = "size"
    text = read_show(options.data)
    if options.valid:
        valid_text = read_show(options.valid)
    else:
        text, valid_text = split_show(text, preset.valid_fraction)
    for share in SHARES:
        if f"{share:.1%} of the text" in done:
            continue
        with tempfile.TemporaryDirectory() as folder:
            part, valid = pathlib.Path(folder, "part.txt"), pathlib.Path(folder, "valid.txt")
            part.write_text(text[: int(share * len(text))], encoding="utf-8")
            valid.write_text(valid_text, encoding="utf-8")
            more = ["--spell", "--epochs", str(round(preset.epochs / share**0.5))]
            more += ["--valid", str(valid)]
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
        figures = {"held-out loss": "valid_loss", "with memory": "valid_loss_with_cache"}
        if kind == "text":
            figures = {"bits per character": "bits_per_character"}
        for shown, figure_name in figures.items():
            axes.plot(x, [row["best"][figure_name] for row in some], "o-", label=shown)
        axes.set(xscale="log", xlabel=label, ylabel="bits" if kind == "text" else "nats per token")
        axes.set_xticks(x, [f"{value:,}" for value in x], minor=False)
        axes.set_xticks([], minor=True)
        time_axes = axes.twinx()
        time_axes.plot(x, [row["seconds"] for row in some], "^:", color="grey")
        time_axes.set(ylabel="seconds (dotted)", ylim=(0, None))
        axes.legend(loc="lower left" if kind == "text" else "upper center")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    run(main)
