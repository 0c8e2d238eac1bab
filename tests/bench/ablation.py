"""python -m tests.bench.ablation: held-out loss of a preset with one setting changed at a time.

Every row is a whole run of `python -m job` on the same machine; the first row is the preset. The
speller is left out, because it changes nothing in the network. With `--scaling` the rows change
the size of the network and the amount of training text instead, and a chart of both is drawn. An
interrupted bench resumes from its --json file; several processes may share the rows by --shard.
"""

import argparse
import json
import pathlib
import tempfile
import time
from typing import Any

from data.command_line import Parser, run
from data.show.read import LOW_TIDE, read_show
from job.config import Config
from job.options import parse
from tests.bench.charts import draw_scaling
from tests.bench.runs import Texts, machine, read_checkpoint, train_job

SIZES = (0.25, 0.5, 1.0, 1.5)  # of the preset's units
FRACTIONS = (0.125, 0.25, 0.5, 1.0)  # of the training text
HEADINGS = "held-out | with neural cache | training, no dropout | s | tokens/s"

Row = dict[str, Any]


def main() -> None:
    """Prints a Markdown table and writes the figures as JSON."""
    parser = Parser(prog="python -m tests.bench.ablation", description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=LOW_TIDE, help="training text")
    parser.add_argument("--valid", default="", help="held-out text (default: the end of --data)")
    parser.add_argument("--preset", default="seinfeld", help="preset of `python -m job`")
    parser.add_argument("--epochs", type=int, default=0, help="in place of the preset's epochs")
    parser.add_argument("--only", nargs="*", help="rows whose names contain one of these words")
    parser.add_argument("--scaling", action="store_true", help="vary network size and text size")
    parser.add_argument("--shard", default="1/1", help="2/3: the second of three equal shards")
    parser.add_argument("--max-seconds", type=float, default=1e9, help="start no row after this")
    parser.add_argument("--json", type=pathlib.Path, required=True, help="file for the figures")
    parser.add_argument("rest", nargs="*", help="settings of every row, after --")
    options = parser.parse_args()
    print(json.dumps(machine()), flush=True)
    print(f"| {'network or text' if options.scaling else 'changed'} | {HEADINGS} |")
    print("|" + " --- |" * 6, flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        bench = Bench(options, Texts.prepare(options.data, options.valid, "", folder), folder)
        if options.scaling:
            scaling(bench)
            draw_scaling(bench.rows, options.json.with_suffix(".png"))
        else:
            ablation(bench)


class Bench:
    """The rows measured so far, also those of an earlier, interrupted call, and their file."""

    def __init__(self, options: argparse.Namespace, texts: Texts, folder: pathlib.Path):
        self.texts, self.folder, self.path = texts, folder, options.json
        self.only, self.max_seconds = options.only or [""], options.max_seconds
        shard, self.shards = map(int, options.shard.split("/"))
        self.shard = shard - 1
        self.settings = ["--preset", options.preset, "--base", "none", *options.rest]
        self.settings += ["--epochs", str(options.epochs)] if options.epochs else []
        self.preset: Config = parse(self.settings)[0]
        self.rows: list[Row] = []
        if self.path.exists():
            self.rows = json.loads(self.path.read_text(encoding="utf-8"))["rows"]

    def measure(
        self, name: str, flags: list[str], texts: Texts | None = None, **facts: Any
    ) -> None:
        """Trains once and adds a row; does nothing if the file has the row already."""
        if name in {row["name"] for row in self.rows}:
            return
        with tempfile.TemporaryDirectory(dir=self.folder) as run_folder:
            out = pathlib.Path(run_folder)
            inputs = (texts or self.texts).flags
            trained = train_job([*inputs, *self.settings, "--no-spell", *flags], out)
            weights = read_checkpoint(out)["model"]
        rows, scores = trained["rows"], trained["scores"]
        self.rows.append(
            {
                "name": name,
                **facts,
                "parameters": count_parameters(weights),
                "epochs": rows[-1]["epoch"],
                "seconds": rows[-1]["seconds"],
                "tokens_per_second": max(row["tokens_per_second"] for row in rows),
                "best": scores,
            }
        )
        report = {"machine": machine(), "rows": self.rows}
        self.path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(table_row(self.rows[-1]), flush=True)


def count_parameters(weights: dict[str, Any]) -> int:
    """Numbers in a state dict; a matrix that embedding and output share counts once."""
    return sum({weight.data_ptr(): weight.numel() for weight in weights.values()}.values())


def table_row(row: Row) -> str:
    """A row as Markdown."""
    best = row["best"]
    with_cache = best.get("valid_loss_with_cache", best["valid_loss"])
    return (
        f"| {row['name']} | {best['valid_loss']:.3f} | {with_cache:.3f} | "
        f"{best['train_loss_without_dropout']:.3f} | {row['seconds']:.0f} | "
        f"{row['tokens_per_second']:,.0f} |"
    )


def ablation(bench: Bench) -> None:
    """One row for each variation of this shard."""
    start = time.monotonic()
    chosen = {
        name: flags
        for name, flags in variations(bench.preset).items()
        if any(word in name for word in bench.only)
    }
    for place, (name, flags) in enumerate(chosen.items()):
        if time.monotonic() - start > bench.max_seconds:
            break
        if place % bench.shards == bench.shard:
            bench.measure(name, flags)


def variations(preset: Config) -> dict[str, list[str]]:
    """The flags that change one thing each, by the row's name."""

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
    for layers in sorted({1, 2, 3} - {preset.n_layers}):
        between = preset.dropout_between or preset.weight_drop
        more = flags(dropout_between=between) if layers > 1 else []
        rows["one layer" if layers == 1 else f"{layers} layers"] = flags(n_layers=layers) + more
    rows |= {
        "GRU": ["--cell=gru"],
        "output not tied, no subwords": ["--no-tie-weights", "--subwords=0"],
        "no subwords": flags(subwords=0),
    }
    for name in ("dropout", "dropout_between", "dropout_input", "dropout_words", "weight_drop"):
        value = getattr(preset, name)
        if value > 0 or name == "dropout_words":
            label = name.replace("_", " ")
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
        "no gradient clipping": flags(grad_clip=0),
        "constant learning rate": ["--schedule=constant"],
        "no warm-up": flags(warmup=0),
        "temperature 1": flags(temperature=1),
        "half the epochs": flags(epochs=preset.epochs // 2),
        "twice the epochs": flags(epochs=2 * preset.epochs),
    }


def scaling(bench: Bench) -> None:
    """Networks of several sizes on all the text, and the preset's network on parts of it.

    A part of the text gets more epochs, by the square root of its fraction, so that every row has
    time to converge. It has a vocabulary of its own, so these rows train the speller and compare
    by bits per character.
    """
    preset = bench.preset
    for factor in SIZES:
        embedding, hidden = int(factor * preset.embedding_dim), int(factor * preset.hidden_dim)
        flags = ["--embedding-dim", str(embedding), "--hidden-dim", str(hidden)]
        bench.measure(f"hidden {hidden}", flags, kind="size")
    text = read_show(bench.texts.train)
    path = bench.folder / "fraction.txt"
    for fraction in FRACTIONS:
        part = text[: int(fraction * len(text))]
        path.write_text(part, encoding="utf-8")
        texts = Texts(str(path), bench.texts.valid)
        flags = ["--spell", "--epochs", str(round(preset.epochs / fraction**0.5))]
        tokens = len(texts.vocabulary().encode(part))
        bench.measure(f"{fraction:.1%} of the text", flags, texts, kind="text", tokens=tokens)


if __name__ == "__main__":
    run(main)
