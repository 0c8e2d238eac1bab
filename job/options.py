"""The command line of `python -m job`: presets, flags, and what follows from a base network.

PyTorch is imported only to read a base, so that --help and refused flags take no time.
"""

import argparse
import dataclasses
from typing import Any

from data.command_line import Parser, UserError
from data.corpus.prepared import Prepared, is_prepared
from data.show import read as corpus
from job.config import DEFAULT_BASE, NO_BASE, Config

SIZES = ("cell", "embedding_dim", "hidden_dim", "n_layers", "tie_weights")  # follow the base

# From scratch. The defaults of `Config` are those of seinfeld.
PRESETS: dict[str, dict[str, Any]] = {
    "seinfeld": {"base": DEFAULT_BASE},
    "laptop": {
        "base": DEFAULT_BASE,
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
    # Trains a base on free text: `make base`.
    "base": {
        "data": "data/prepared/base",
        "show": "English",
        "dropout": 0.1,
        "dropout_between": 0.1,
        "dropout_input": 0.05,
        "dropout_words": 0.0,
        "weight_drop": 0.0,
        "weight_decay": 0.01,
        "grad_clip": 1.0,
        "learning_rate": 3e-3,
        "batch_size": 512,
        "epochs": 12,
        "eval_epochs": 4,
        "temperature": 1.0,
        "save_seconds": 300.0,
        "spell": False,
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

# Instead of the above where a base is fine-tuned: little dropout and a low learning rate, so that
# the base is not forgotten; docs/choices.md has the ablation.
FINE_TUNING: dict[str, Any] = {
    "subwords": 0,
    "dropout": 0.3,
    "dropout_between": 0.25,
    "dropout_input": 0.2,
    "dropout_words": 0.0,
    "weight_drop": 0.1,
    "learning_rate": 1e-3,
    "warmup": 0.05,
    "weight_decay": 0.01,
    "epochs": 9,
    "eval_epochs": 3,
    "temperature": 1.05,
}
FINE_TUNING_PRESETS: dict[str, dict[str, Any]] = {
    "seinfeld": {},
    # For a CPU: fewer epochs, and batches that use its matrix units better.
    "laptop": {
        "batch_size": 24,
        "sequence_length": 40,
        "learning_rate": 1.5e-3,
        "epochs": 3,
        "eval_epochs": 1,
        "vocab_size": 8000,
    },
}


def parse(arguments: list[str] | None = None) -> tuple[Config, argparse.Namespace]:
    """Parses the command line: (the settings, the options that are not settings).

    The options are `fresh` and `anyway`.

    Raises:
        UserError: for settings that are invalid, or fixed in a prepared corpus.
    """
    description = "Trains a network on a show's script. The same command resumes a run."
    parser = Parser(prog="python -m job", description=description)
    parser.add_argument(
        "--preset", choices=PRESETS, default="seinfeld", help="defaults of the settings"
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="start a new run; the files of an earlier one are moved to previous-1, previous-2 ...",
    )
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="train even if the script seems to hold markup, time stamps or a binary file",
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
    no_settings = ("preset", "fresh", "anyway")
    given = {key: value for key, value in vars(options).items() if key not in no_settings}
    settings = {**PRESETS[options.preset], **given}
    if given.get("valid") and "valid_fraction" in given:
        raise UserError("--valid and --valid-fraction exclude each other: give one of them")
    if settings.get("base", NO_BASE) != NO_BASE:
        settings = {**settings, **FINE_TUNING, **FINE_TUNING_PRESETS.get(options.preset, {})}
        settings = {**settings, **given, **sizes_of(settings["base"], given)}
    data = settings.get("data", Config.data)
    if is_prepared(data):
        fixed = Prepared.open(data).manifest["settings"]
        for name in ("valid", "valid_fraction", "min_count"):
            if name in given:
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag} is fixed in {data}: give it to python -m data prepare")
        for name in ("format", "columns"):
            if given.get(name) and not given.get("test"):
                raise UserError(f"--{name}: {data} is prepared; give it to python -m data prepare")
        if given.get("test_fraction"):
            raise UserError(f"--test-fraction: {data} has no test part; give --test FILE")
        # The checkpoint stores the values that apply.
        settings |= {name: fixed[name] for name in ("valid_fraction", "min_count")}
    if settings.get("n_layers") == 1 and "dropout_between" not in given:
        settings["dropout_between"] = 0.0
    return Config(**settings), options


def sizes_of(base: str, given: dict[str, Any]) -> dict[str, Any]:
    """The sizes of a base network, which a fine-tuned one has too.

    Raises:
        UserError: if there is no such base, or a flag contradicts it.
    """
    from job.base import find_base
    from job.checkpoint import load_config

    config = vars(load_config(find_base(base)))
    for name in SIZES:
        if name in given and given[name] != config[name]:
            flag = "--" + name.replace("_", "-")
            raise UserError(
                f"{flag} {given[name]}: the base {base} has {config[name]}; leave the flag out, or "
                "train from scratch with --base none"
            )
    return {name: config[name] for name in SIZES}
