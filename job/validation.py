"""Checks of what a checkpoint holds: files come from other machines, and from other people.

Each function raises `ValueError`, whose message says which field is wrong and why. Nothing that the
checks allow ends in a traceback later, or in a file that other programs refuse.
"""

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor

from job.config import Config
from job.layers.cache import CacheConfig
from job.layers.speller import Speller, unpack_speller


def check_config(fields: Any) -> Config:
    """The settings of a run from a dict of fields."""
    defaults = {field.name: field.default for field in dataclasses.fields(Config)}
    for name, value in _dict("config", fields).items():
        if name not in defaults:
            raise ValueError(f"config has an unknown setting {name!r:.40}")
        kind = type(defaults[name])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise ValueError(f"config.{name} is {value!r:.40}, not of the type {kind.__name__}")
        if kind is str:
            check_text(f"config.{name}", value)
    return Config(**fields)


def check_scores(scores: Any) -> None:
    """Checks that scores are finite numbers, with the held-out loss among them."""
    for name, value in _dict("scores", scores).items():
        if type(value) is not bool:
            _number(f"scores.{name}", value, 0 if "loss" in name else -math.inf)
    for name in ("valid_loss", "perplexity"):
        if type(scores.get(name)) is not float:
            raise ValueError(f"scores has no {name}")


def check_versions(versions: Any) -> None:
    """Checks that versions has those of Python and PyTorch."""
    found = _dict("versions", versions)
    for name in ("python", "torch"):
        if not isinstance(found.get(name), str):
            raise ValueError(f"versions has no version of {name}")
    for name, value in found.items():
        check_text(f"versions.{name}", value)


def check_cache(fields: Any) -> None:
    """Checks the settings of a neural cache; {} is none."""
    limits = {"size": 0, "theta": 0, "weight": 0, "max_ratio": 1}
    if unknown := sorted(map(str, set(_dict("cache", fields)) - set(limits))):
        raise ValueError(f"cache has an unknown setting {unknown[0]!r:.40}")
    for name, value in fields.items():
        _number(f"cache.{name}", value, limits[name])
    cache = CacheConfig(**fields)
    if type(cache.size) is not int or cache.weight >= 1:
        raise ValueError("cache.size is not a whole number, or cache.weight is 1 or more")


def check_speller(packed: Any, features: int) -> None:
    """Checks a packed speller for a network of some number of features; {} is none."""
    if not _dict("speller", packed):
        return
    if set(packed) != {"letters", "weights"}:
        raise ValueError("speller does not consist of letters and weights")
    letters, weights = packed["letters"], check_weights("speller", packed["weights"])
    if not isinstance(letters, list) or len({*map(str, letters)}) < len(letters):
        raise ValueError("speller.letters is not a list of different letters")
    for letter in letters:
        if not isinstance(letter, str) or len(letter) != 1:
            raise ValueError(f"speller.letters has {letter!r:.40}, which is not one letter")
        check_text("speller.letters", letter)
    hidden = weights["gru.weight_hh_l0"].shape[1] if "gru.weight_hh_l0" in weights else 1
    with torch.device("meta"):  # takes no memory, however large a size is
        expected = Speller(letters, features, hidden)
    check_shapes("speller", weights, expected)
    unpack_speller(packed)


def check_weights(name: str, weights: Any) -> dict[str, Tensor]:
    """Checks that weights are dense float32 tensors without NaN and infinity."""
    for key, tensor in _dict(name, weights).items():
        # A tensor that is not contiguous can be larger than the file that it is read from.
        plain = isinstance(tensor, Tensor) and tensor.layout is torch.strided
        if not plain or tensor.dtype is not torch.float32 or not tensor.is_contiguous():
            raise ValueError(f"the weights {name}.{key} are not a dense tensor in float32")
        if tensor.is_meta or not torch.isfinite(tensor).all():
            raise ValueError(f"the weights {name}.{key} have a value that is not finite")
    return weights


def check_shapes(name: str, weights: dict[str, Tensor], expected: torch.nn.Module) -> None:
    """Checks that weights have the names and shapes of a module's."""
    shapes = {key: tuple(tensor.shape) for key, tensor in expected.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in weights.items()}
    for key in sorted({*shapes, *found}):
        if shapes.get(key) != found.get(key):
            have, need = (sizes.get(key, "none") for sizes in (found, shapes))
            reason = f"their sizes are {have} instead of {need}"
            raise ValueError(f"the weights {name}.{key:.40} do not fit the settings: {reason}")


def check_text(name: str, value: Any) -> None:
    """Checks that a value is text that UTF-8 can encode."""
    try:
        value.encode("utf-8")
    except (AttributeError, UnicodeEncodeError):
        raise ValueError(f"{name} is {value!r:.40}, not a text") from None


def _dict(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{name} is not a dict with names")
    return value


def _number(name: str, value: Any, least: float) -> None:
    if type(value) not in (int, float) or not math.isfinite(value) or value < least:
        raise ValueError(f"{name} is {value!r:.40}, not a number in its range")
