"""Checkpoints with one damaged field, or with damaged bytes."""

import copy
import io
import json
import math
import random
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

CHANGED = ("config", "scores", "cache", "versions", "speller")  # fields that are changed in place
STRANGE = (
    *(None, "", "x", "\ud800", "../x", 0, -1, 7, 10**20, 1.5, math.nan, math.inf, -math.inf, True),
    *([], {}, [[]], {"x": 1}, b"x"),
)


def damaged_file(content: dict[str, Any], source: random.Random) -> tuple[str, bytes]:
    """What was done to a checkpoint, and the content of the file."""
    kind = source.choice(["field", "field", "field", "vocabulary", "weight", "bytes", "end"])
    content = {**content, **{name: copy.deepcopy(content[name]) for name in CHANGED}}
    if kind == "vocabulary":
        vocabulary = json.loads(content["vocabulary"])
        done = _damage_field(vocabulary, source)
        content["vocabulary"] = json.dumps(vocabulary, default=str)
        if source.randrange(8) == 0:
            content["vocabulary"], done = "[" * 100_000, "is nested deeply"
        return f"vocabulary {done}", saved(content)
    if kind == "weight":
        weights = dict(source.choice(_weights(content)))
        name = source.choice(sorted(weights))
        weights[name], done = _damaged_weight(weights[name], source)
        if weights.keys() == content["model"].keys():
            content["model"] = weights
        else:
            content["speller"] = {**content["speller"], "weights": weights}
        return f"weight {name} {done}", saved(content)
    if kind == "field":
        return f"field {_damage_field(content, source)}", saved(content)
    file = bytearray(saved(content))
    if kind == "end":
        return "file is cut off", bytes(file[: source.randrange(len(file))])
    for _ in range(200):
        file[source.randrange(len(file))] ^= 1 << source.randrange(8)
    return "200 bits are flipped", bytes(file)


def saved(content: dict[str, Any]) -> bytes:
    """The bytes of a file as `torch.save` writes it."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def _weights(content: dict[str, Any]) -> list[dict[str, Tensor]]:
    found = [content["model"]]
    return [*found, content["speller"]["weights"]] if content["speller"] else found


def _damaged_weight(weight: Tensor, source: random.Random) -> tuple[Any, str]:
    kind = source.choice(["nan", "inf", "shape", "type", "stride", "sparse"])
    if kind in ("nan", "inf"):
        weight = weight.clone()
        weight.flatten()[source.randrange(weight.numel())] = float(kind)
        return weight, f"has {kind}"
    if kind == "shape":
        return weight[:-1].clone(), "has one row less"
    if kind == "type":
        return weight.to(source.choice([torch.int64, torch.float64, torch.bfloat16])), "is cast"
    if kind == "stride":
        return torch.zeros(1).expand(10**6, 10**6), "is larger than its file"
    return weight.to_sparse(), "is sparse"


def _damage_field(content: Any, source: random.Random) -> str:
    """Replaces or removes a value anywhere in nested dicts and lists; returns what was done."""
    places = [place for place in _places(content) if not isinstance(place[0][place[1]], Tensor)]
    held, key, path = source.choice(places)
    if source.randrange(4) == 0 and isinstance(held, dict):
        del held[key]
        return f"{path} is removed"
    held[key] = value = copy.deepcopy(source.choice(STRANGE))
    return f"{path} is {value!r}"


def _places(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[Any, Any, str]]:
    """(container, key, path) of the values in a container, at most eight of each list."""
    keys = list(value) if isinstance(value, dict) else range(min(8, len(value)))
    for key in keys:
        yield value, key, f"{path}.{key}".strip(".")
        if isinstance(value[key], dict | list) and depth < 3:
            yield from _places(value[key], f"{path}.{key}", depth + 1)
