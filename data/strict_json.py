"""JSON without NaN and Infinity, which the standard does not have: RFC 8259.

Python writes and reads both by default. Other programs refuse the whole file. All packages use
these two functions (ruff's rule TID251 bans the module `json`), except for reading a fan's script.
"""

import json
import math
from typing import Any

from data.command_line import UserError


def dumps(value: Any, **options: Any) -> str:
    """A value as JSON text.

    Args:
        value: of dicts with text keys, lists, text, numbers, booleans and None.
        options: those of `json.dumps`.

    Raises:
        UserError: if a number in it is not finite; the message has its place.
    """
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:
        if not (place := _non_finite(value)):
            raise
        raise UserError(f"{place}, which JSON cannot hold: nothing was written") from None


def loads(text: str | bytes, **options: Any) -> Any:
    """The value of a JSON text.

    Args:
        text: the text, or its bytes in UTF-8.
        options: those of `json.loads`.

    Raises:
        ValueError: if it is not JSON, has a number that is not finite, or is nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite, **options)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def _non_finite(value: Any, place: str = "") -> str:
    """The place and value of the first number that is not finite, like "scores.loss is nan"."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{place or 'the number'} is {value}"
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list | tuple):
        pairs = enumerate(value)
    else:
        return ""
    inner = (_non_finite(each, f"{place}.{key}" if place else str(key)) for key, each in pairs)
    return next((found for found in inner if found), "")
