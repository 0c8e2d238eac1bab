"""Every setting of a training run: its default, its help, and what is refused."""

import argparse
import dataclasses
import math
from typing import Any

from data.command_line import Parser, UserError
from data.corpus.prepared import Prepared, is_prepared
from data.show import read as corpus

SEINFELD = "data/raw/Seinfeld_Scripts.txt"


def setting(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    """A field of `Config` with its help and, if it has any, the only values allowed."""
    return dataclasses.field(default=default, metadata={"help": text, "choices": choices})


@dataclasses.dataclass(frozen=True)
class Config:
    """One training run. The defaults are the `seinfeld` preset; docs/choices.md justifies them."""

    data: str = setting(SEINFELD, "script to learn: UTF-8 text, CSV of dialogue, prepared corpus")
    valid: str = setting("", "held-out script; without one, the end of the script is held out")
    valid_fraction: float = setting(0.05, "share of the script to hold out")
    out: str = setting("", "folder of the run; by default artifacts/ and the script's name")
    show: str = setting("", "the show's name; by default the script file's")
    min_count: int = setting(2, "words seen less often become <unk>")
    cell: str = setting("lstm", "recurrent cell", ("lstm", "gru"))
    embedding_dim: int = setting(512, "numbers that stand for a word")
    hidden_dim: int = setting(1024, "units of each recurrent layer")
    n_layers: int = setting(2, "recurrent layers, 1 to 3")
    tie_weights: bool = setting(True, "use the embedding's matrix for the output too")
    subwords: int = setting(3, "character n-grams in at least N words get a vector; 0: none")
    dropout: float = setting(0.6, "share of the last layer's outputs left out")
    dropout_between: float = setting(0.35, "the same between recurrent layers")
    dropout_input: float = setting(0.5, "the same on embedded words")
    dropout_words: float = setting(0.1, "share of the vocabulary hidden from a batch")
    weight_drop: float = setting(0.4, "share of recurrent weights left out")
    objective: str = setting(
        "stream",
        "stream: loss at every word of long streams; window: the course's way, the last word only",
        ("stream", "window"),
    )
    batch_size: int = setting(64, "streams, or windows, side by side")
    sequence_length: int = setting(70, "words between two updates")
    epochs: int = setting(30, "passes over the script")
    learning_rate: float = setting(6e-3, "AdamW's highest learning rate")
    schedule: str = setting("cosine", "learning rate after the warm-up", ("cosine", "constant"))
    warmup: float = setting(0.03, "share of all steps in which the learning rate rises")
    weight_decay: float = setting(0.4, "AdamW's weight decay")
    grad_clip: float = setting(0.5, "largest norm of the gradient; 0 for no clipping")
    seed: int = setting(1, "seed of all that is random")
    device: str = setting("auto", "where to train", ("auto", "cpu", "cuda"))
    precision: str = setting(
        "auto", "auto is bf16 on CUDA, float32 elsewhere", ("auto", "bf16", "float32")
    )
    temperature: float = setting(1.1, "what the trained network's scores are divided by")
    cache_size: int = setting(1000, "words that the neural cache holds; 0 for none")
    spell: bool = setting(True, "learn to spell words that are not in the vocabulary")
    eval_epochs: int = setting(2, "epochs between two looks at the held-out text")
    patience: int = setting(0, "stop after so many looks without a better one; 0 for never")
    max_minutes: float = setting(0.0, "stop, to go on another time, after so long; 0 for no limit")
    save_seconds: float = setting(30.0, "seconds between two saves of the state to resume from")
    tensorboard: bool = setting(False, "write events for TensorBoard too")

    def __post_init__(self) -> None:
        for name in (
            "min_count",
            "embedding_dim",
            "hidden_dim",
            "batch_size",
            "epochs",
            "eval_epochs",
        ):
            self._need(name, getattr(self, name) >= 1, "at least 1")
        self._need("sequence_length", self.sequence_length >= 1, "at least 1")
        self._need("n_layers", 1 <= self.n_layers <= 3, "1, 2 or 3")
        self._need("valid_fraction", 0 < self.valid_fraction <= 0.5, "above 0 and at most 0.5")
        self._need("warmup", 0 <= self.warmup < 1, "in [0, 1)")
        for name in ("dropout", "dropout_between", "dropout_input", "dropout_words", "weight_drop"):
            self._need(name, 0 <= getattr(self, name) < 1, "in [0, 1)")
        self._need("learning_rate", 0 < self.learning_rate < math.inf, "above 0")
        zero_or_above = ("weight_decay", "grad_clip", "save_seconds", "max_minutes")
        for name in (*zero_or_above, "subwords", "cache_size", "patience"):
            self._need(name, 0 <= getattr(self, name) < math.inf, "0 or above")
        self._need("temperature", 0.1 <= self.temperature <= 10, "from 0.1 to 10")
        self._need("seed", 0 <= self.seed < 2**31, "from 0 to 2147483647")
        for field in dataclasses.fields(self):
            if choices := field.metadata["choices"]:
                self._need(field.name, getattr(self, field.name) in choices, " or ".join(choices))
        if self.device == "cpu" and self.precision == "bf16":
            raise UserError("--precision bf16 needs a GPU: leave it out with --device cpu")
        if self.n_layers == 1 and self.dropout_between > 0:
            # Not silently without effect: the same flag would act with another --n-layers.
            raise UserError("--dropout-between acts between layers: with --n-layers 1 give 0")

    def _need(self, name: str, holds: bool, rule: str) -> None:
        if not holds:
            flag = "--" + name.replace("_", "-")
            raise UserError(f"{flag} must be {rule}, not {getattr(self, name)}")

    @property
    def show_name(self) -> str:
        """What the show is called."""
        return self.show.strip() or corpus.show_name(self.data)

    @property
    def folder(self) -> str:
        """Where the run is kept."""
        name = self.show_name.lower().replace(" ", "-")
        return self.out or f"artifacts/{name}"


PRESETS: dict[str, dict[str, Any]] = {
    "seinfeld": {},
    "laptop": {
        "data": corpus.LOW_TIDE,
        "embedding_dim": 192,
        "hidden_dim": 384,
        "n_layers": 1,
        "dropout_between": 0.0,
        "weight_drop": 0.55,
        "batch_size": 12,
        "sequence_length": 40,
        "epochs": 30,
    },
    "course": {
        "min_count": 1,
        "embedding_dim": 256,
        "hidden_dim": 512,
        "tie_weights": False,
        "dropout": 0.5,
        "dropout_between": 0.5,
        "dropout_input": 0.0,
        "dropout_words": 0.0,
        "weight_drop": 0.0,
        "subwords": 0,
        "temperature": 1.0,
        "cache_size": 0,
        "spell": False,
        "eval_epochs": 1,
        "objective": "window",
        "batch_size": 256,
        "sequence_length": 10,
        "epochs": 3,
        "learning_rate": 1e-3,
        "schedule": "constant",
        "warmup": 0.0,
        "weight_decay": 0.0,
        "grad_clip": 5.0,
    },
}


def parse(arguments: list[str] | None = None) -> tuple[Config, argparse.Namespace]:
    """The command line as (Config, the few options that are not a setting of the run)."""
    parser = Parser(prog="python -m job", description="Trains a network on a show's script.")
    parser.add_argument(
        "--preset", choices=PRESETS, default="seinfeld", help="where settings start"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="start anew; an earlier run's files are set aside"
    )
    for field in dataclasses.fields(Config):
        kind: dict[str, Any] = {"type": field.type}
        if field.type is bool:
            kind = {"action": argparse.BooleanOptionalAction}
        elif field.metadata["choices"]:
            kind["choices"] = field.metadata["choices"]
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            default=argparse.SUPPRESS,
            help=f"{field.metadata['help']} (default: {field.default!r})",
            **kind,
        )
    options = parser.parse_args(arguments)
    given = {key: value for key, value in vars(options).items() if key not in ("preset", "fresh")}
    settings = {**PRESETS[options.preset], **given}
    data = settings.get("data", Config.data)
    if is_prepared(data):
        settled = Prepared.open(data).manifest["settings"]
        for name in ("valid", "valid_fraction", "min_count"):
            if name in given:
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag} is settled in {data}: give it to python -m data prepare")
        # So that the checkpoint tells what holds.
        settings |= {name: settled[name] for name in ("valid_fraction", "min_count")}
    if settings.get("n_layers") == 1 and "dropout_between" not in given:
        settings["dropout_between"] = 0.0
    return Config(**settings), options
