"""Checks of callers' values: each returns the value to use, or names the argument that is wrong."""

from typing import Any

from data.command_line import UserError
from serve.limits import MAX_SHOWN_VALUE, MAX_TEXT


class ArgumentError(UserError):
    """A caller's value that cannot be used; the text begins with the argument's name."""

    def __init__(self, name: str, text: str):
        super().__init__(f"{name} {text}")


def clean_text(value: Any, name: str) -> str:
    """A text with "\\n" as its only line end, without null characters and lone surrogates.

    Raises:
        ArgumentError: if it is no text or longer than `MAX_TEXT`.
    """
    if not isinstance(value, str):
        raise ArgumentError(name, f"must be a text, not {shortened(value)}")
    if len(value) > MAX_TEXT:
        raise ArgumentError(
            name, f"has {len(value):,} characters; at most {MAX_TEXT:,} are allowed"
        )
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return value.encode("utf-8", "replace").decode("utf-8")


def name_list(value: Any, name: str, most: int) -> tuple[str, ...]:
    """A caller's list of speakers; raises `ArgumentError` for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ArgumentError(name, f"must be a list of speakers' names, not {shortened(value)}")
    if len(value) > most:
        raise ArgumentError(name, f"has {len(value):,} names; at most {most} are allowed")
    return tuple(clean_text(each, name) for each in value)


def whole_number(value: Any, name: str, largest: int, smallest: int = 0) -> int:
    """A caller's value as an int in a range; raises `ArgumentError` for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not smallest <= value <= largest or value != int(value):
        raise ArgumentError(
            name, f"must be a whole number from {smallest} to {largest}, not {shortened(value)}"
        )
    return int(value)


def shortened(value: Any) -> str:
    """A wrong value as an error message shows it."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # an int of more than 4,300 digits, or nested too deep
        return "a number this long"
    return shown if len(shown) <= MAX_SHOWN_VALUE else shown[:MAX_SHOWN_VALUE] + "..."
