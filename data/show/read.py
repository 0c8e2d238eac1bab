"""Reads a show's script from a file; splits it into train, validation and test text."""

import pathlib

from data.command_line import UserError
from data.formats.load import load

LOW_TIDE = "data/shows/low_tide.txt"  # the embedded show, from the repository's root
MIN_WORDS = 200  # fewer are not enough to train on and to hold out
WINDOW = 2000  # characters searched for the end of a speech, or of a line, to split at


def read_show(path: str | pathlib.Path, format: str = "", columns: str = "") -> str:
    """The script in a file of any format of `data.formats`, as `Name: speech` text.

    Text that is `Name: speech` already is returned as it stands, with "\n" line ends.

    Args:
        path: the file.
        format: its format; "" detects it by the content.
        columns: columns of a table, "character=Name,dialogue=Line"; "" finds them.

    Raises:
        UserError: if there is no such file, or it is empty, binary, too short or not in the format.
    """
    text = load(path, format, columns).script.to_text()
    require_words(len(text.split()), pathlib.Path(path))
    return text


def require_words(count: int, path: pathlib.Path) -> None:
    """Raises `UserError` if a script has fewer than `MIN_WORDS` words."""
    if count == 0:
        raise UserError(f"{path} is empty: a show needs at least {MIN_WORDS} words")
    if count < MIN_WORDS:
        raise UserError(f"{path} holds {count} words: a show needs at least {MIN_WORDS}")


def split_show(text: str, valid_fraction: float) -> tuple[str, str]:
    """(train, validation) text: the last `valid_fraction` of a script is held out.

    Raises:
        UserError: if one of the two is empty.
    """
    train, valid, _ = split_with_test(text, valid_fraction, 0.0)
    return train, valid


def split_with_test(text: str, valid_fraction: float, test_fraction: float) -> tuple[str, str, str]:
    """(train, validation, test) text: three consecutive parts of a script, in this order.

    Each part is contiguous, because neighboring lines answer each other: with random lines, the
    held-out text would be half known from training. The parts begin between speeches if possible
    (see `next_split`).

    Args:
        text: the script.
        valid_fraction: the fraction of the text in the validation part; 0 for no such part ("").
        test_fraction: the fraction of the text in the test part; 0 for no such part ("").

    Raises:
        UserError: if a requested part, or the train part, is empty.
    """
    train_end = split_position(text, valid_fraction + test_fraction)
    valid_end = max(train_end, split_position(text, test_fraction))
    train, valid, test = text[:train_end], text[train_end:valid_end], text[valid_end:]
    for part, name, fraction in (
        (valid, "valid_fraction", valid_fraction),
        (test, "test_fraction", test_fraction),
    ):
        if fraction:
            require_parts(bool(train.strip()), bool(part.strip()), name, fraction)
    return train, valid, test


def split_position(text: str, fraction: float) -> int:
    """Where the last `fraction` of a text begins, moved on to the next good place to split."""
    if not fraction:
        return len(text)
    start = int(len(text) * (1 - fraction))
    return start + next_split(text[start : start + WINDOW + 2], len(text) - start)


def next_split(text: str, remaining: int) -> int:
    """The first place to split a script: between speeches, else between lines, else words.

    Args:
        text: the next `WINDOW` + 2 characters, or all that remain.
        remaining: the number of characters to the end of the script.
    """
    speech, line, space = text.find("\n\n"), text.find("\n"), text.find(" ")
    if 0 <= speech < min(remaining - 2, WINDOW):
        return speech + 2
    if 0 <= line < min(remaining - 1, WINDOW):
        return line + 1
    return space + 1  # a file of one line


def require_parts(train: bool, held_out: bool, setting: str, fraction: float) -> None:
    """Raises `UserError` if the training part or the held-out part of a script has no text."""
    if not train or not held_out:
        raise UserError(
            f"nothing is left to {'hold out' if train else 'train on'} with "
            f"{setting} = {fraction}: give another fraction, or a held-out file of its own"
        )


def show_name(path: str | pathlib.Path) -> str:
    """The show's name, derived from the file name: "Low Tide" for data/shows/low_tide.txt."""
    file = pathlib.Path(path)
    file = file.with_suffix("") if file.suffix in (".gz", ".xz") else file
    stem = file.stem.replace("_", " ").replace("-", " ")
    return (
        " ".join(stem.removesuffix(" Scripts").removesuffix(" scripts").split()).title() or "Show"
    )
