"""The settings of a training run: defaults, help texts and validation; no PyTorch."""

import dataclasses
import math
import re
from typing import Any

from data.command_line import UserError
from data.show import read as corpus

SEINFELD = "data/raw/Seinfeld_Scripts.txt"
NO_BASE = "none"
DEFAULT_BASE = "artifacts/base"
MAX_CACHE_SIZE = 1000  # `job.layers.cache.HISTORY`: writers keep no more words
MAX_FOLDER_NAME = 60  # characters, of up to 4 bytes each; file systems allow 255 bytes
MAX_COUNT = 10**9
# Largest values of settings that are at least 1. Larger numbers do not fit into any memory.
MAX_SIZES = {
    "min_count": MAX_COUNT,
    "vocab_size": 10**7,
    "embedding_dim": 2**16,
    "hidden_dim": 2**16,
    "batch_size": 2**20,
    "sequence_length": 2**20,
    "epochs": MAX_COUNT,
    "eval_epochs": MAX_COUNT,
}


def setting(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    """A field of `Config` with its help text and, if there are any, its allowed values."""
    return dataclasses.field(default=default, metadata={"help": text, "choices": choices})


@dataclasses.dataclass(frozen=True)
class Config:
    """The settings of one run. The defaults train from scratch; see docs/choices.md."""

    data: str = setting(
        SEINFELD, "training script in any format (docs/scripts.md), or prepared corpus"
    )
    format: str = setting(
        "", "format of the scripts: a name in docs/scripts.md; by default found by the content"
    )
    columns: str = setting(
        "", "columns of a table or fields of JSON: character=NAME,dialogue=NAME; by default found"
    )
    valid: str = setting("", "validation script; without one, a part of the training script")
    valid_fraction: float = setting(0.05, "fraction of the script held out for validation")
    test: str = setting("", "test script, scored once at the end and used for no choice")
    test_fraction: float = setting(0.0, "fraction held out as test part, at the script's end")
    base: str = setting(
        "none", "base network to fine-tune: a checkpoint or its folder; none: train from scratch"
    )
    vocab_size: int = setting(
        16_000, "words of the vocabulary with a base: the show's, then the base's most frequent"
    )
    out: str = setting("", "folder of the run; by default artifacts/ and the show's name")
    show: str = setting("", "the show's name; by default from the script's file name")
    min_count: int = setting(2, "minimum count of a word; rarer ones are out-of-vocabulary (<unk>)")
    cell: str = setting("lstm", "recurrent cell", ("lstm", "gru"))
    embedding_dim: int = setting(512, "embedding size")
    hidden_dim: int = setting(1024, "hidden units of each recurrent layer")
    n_layers: int = setting(2, "number of recurrent layers, 1 to 3")
    tie_weights: bool = setting(True, "share the weights of embedding and output layer")
    subwords: int = setting(
        3, "vectors for character n-grams of at least N words (fastText subwords); 0: none"
    )
    dropout: float = setting(0.6, "dropout probability after the last recurrent layer")
    dropout_between: float = setting(0.35, "dropout probability between recurrent layers")
    dropout_input: float = setting(0.5, "dropout probability on embedded words")
    dropout_words: float = setting(0.1, "embedding dropout: probability of dropping a whole word")
    weight_drop: float = setting(0.4, "dropout probability on recurrent weights (DropConnect)")
    objective: str = setting(
        "stream",
        "stream: truncated BPTT, loss at every word; window: course baseline, loss at the last "
        "word of each window",
        ("stream", "window"),
    )
    batch_size: int = setting(64, "streams, or windows, in a batch")
    sequence_length: int = setting(70, "BPTT length in words; of a window, its length")
    epochs: int = setting(30, "passes over the training script")
    learning_rate: float = setting(6e-3, "peak learning rate of AdamW")
    schedule: str = setting(
        "cosine", "learning-rate schedule after the warm-up", ("cosine", "constant")
    )
    warmup: float = setting(0.03, "warm-up fraction: share of all steps with a rising rate")
    weight_decay: float = setting(0.4, "weight decay of AdamW")
    grad_clip: float = setting(0.5, "gradient clipping: maximum norm; 0 disables it")
    seed: int = setting(1, "random seed")
    device: str = setting("auto", "device to train on", ("auto", "cpu", "cuda"))
    precision: str = setting(
        "auto",
        "auto: mixed precision (bf16) on CUDA, float32 elsewhere",
        ("auto", "bf16", "float32"),
    )
    temperature: float = setting(1.1, "divisor of the trained network's scores (calibration)")
    cache_size: int = setting(
        MAX_CACHE_SIZE, f"words in the neural cache, at most {MAX_CACHE_SIZE}; 0 disables it"
    )
    spell: bool = setting(True, "train a speller for out-of-vocabulary words")
    eval_epochs: int = setting(2, "epochs between evaluations on the validation part")
    patience: int = setting(
        0, "early stopping: evaluations without improvement before the run ends; 0 disables it"
    )
    max_minutes: float = setting(
        0.0, "time limit in minutes: the run saves its state and exits with 75; 0 disables it"
    )
    save_seconds: float = setting(30.0, "seconds between saves of the state to resume from")
    tensorboard: bool = setting(False, "also write TensorBoard events")

    def __post_init__(self) -> None:
        for name, most in MAX_SIZES.items():
            self._need(name, 1 <= getattr(self, name) <= most, f"from 1 to {most:,}")
        self._need("n_layers", 1 <= self.n_layers <= 3, "1, 2 or 3")
        self._need("valid_fraction", 0 < self.valid_fraction <= 0.5, "above 0 and at most 0.5")
        self._need("test_fraction", 0 <= self.test_fraction <= 0.5, "from 0 to 0.5")
        if self.valid_fraction + self.test_fraction > 0.5:
            raise UserError("--valid-fraction and --test-fraction must add up to at most 0.5")
        if self.test and self.test_fraction:
            raise UserError("--test and --test-fraction exclude each other: give one of them")
        self._need("warmup", 0 <= self.warmup < 1, "in [0, 1)")
        for name in ("dropout", "dropout_between", "dropout_input", "dropout_words", "weight_drop"):
            self._need(name, 0 <= getattr(self, name) < 1, "in [0, 1)")
        self._need("learning_rate", 0 < self.learning_rate < math.inf, "above 0")
        for name in ("weight_decay", "grad_clip", "save_seconds", "max_minutes"):
            self._need(name, 0 <= getattr(self, name) < math.inf, "0 or above")
        for name in ("subwords", "patience"):
            self._need(name, 0 <= getattr(self, name) <= MAX_COUNT, f"from 0 to {MAX_COUNT:,}")
        self._need(
            "cache_size", 0 <= self.cache_size <= MAX_CACHE_SIZE, f"from 0 to {MAX_CACHE_SIZE}"
        )
        self._need("temperature", 0.1 <= self.temperature <= 10, "from 0.1 to 10")
        self._need("seed", 0 <= self.seed < 2**31, "from 0 to 2147483647")
        for field in dataclasses.fields(self):
            if choices := field.metadata["choices"]:
                self._need(field.name, getattr(self, field.name) in choices, " or ".join(choices))
        if self.base != NO_BASE and self.objective == "window":
            raise UserError("--objective window trains from scratch: give --base none")
        if self.device == "cpu" and self.precision == "bf16":
            raise UserError("--precision bf16 needs a GPU: leave it out with --device cpu")
        if self.n_layers == 1 and self.dropout_between > 0:
            # Refused, not ignored: with another --n-layers the same flag has an effect.
            raise UserError("--dropout-between acts between layers: with --n-layers 1 give 0")

    def _need(self, name: str, holds: bool, rule: str) -> None:
        if not holds:
            flag = "--" + name.replace("_", "-")
            raise UserError(f"{flag} must be {rule}, not {getattr(self, name)}")

    @property
    def show_name(self) -> str:
        """The show's name."""
        return self.show.strip() or corpus.show_name(self.data)

    @property
    def folder(self) -> str:
        """The run's folder."""
        return self.out or f"artifacts/{folder_name(self.show_name)}"


def folder_name(show: str) -> str:
    """A show's name as the name of one folder: "face-off" for "Face/Off"."""
    words = re.sub(r"[^\w.]+", "-", re.sub("['’]", "", show.lower()))
    return words[:MAX_FOLDER_NAME].strip("-._") or "show"
