"""Reads a show's script from a text file or CSV; splits it into train, validation and test text."""

import codecs
import contextlib
import csv
import io
import pathlib
from collections.abc import Iterator
from typing import TextIO

from data.command_line import UserError

LOW_TIDE = "data/shows/low_tide.txt"  # the embedded show, from the repository's root
MIN_WORDS = 200  # fewer are not enough to train on and to hold out
CSV_COLUMNS = ("Character", "Dialogue")
WINDOW = 2000  # characters searched for the end of a speech, or of a line, to split at


def read_show(path: str | pathlib.Path) -> str:
    """The script in a UTF-8 text file or a CSV of dialogue, as text with "\n" line ends.

    A file named .csv needs the columns Character and Dialogue; other columns are ignored.

    Raises:
        UserError: if there is no such file, or it is empty, binary, not UTF-8 or too short.
    """
    path = pathlib.Path(path)
    with readable(path):
        content = path.read_bytes()
    text = decode(content.removeprefix(codecs.BOM_UTF8), path)
    if is_csv(path):
        text = "".join(script_of_csv(io.StringIO(text, newline=""), path))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    require_words(len(text.split()), path)
    return text


@contextlib.contextmanager
def readable(path: pathlib.Path) -> Iterator[None]:
    """Context manager around reading a file: an `OSError` becomes a `UserError`."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: name one text file in it") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def decode(content: bytes, path: pathlib.Path, lines_before: int = 0) -> str:
    """Decoded UTF-8 content of a file, or of a chunk that begins at a line start.

    Args:
        content: the bytes.
        path: the file, for the error message.
        lines_before: the number of lines before the chunk, for the error message.

    Raises:
        UserError: if the content is binary or not UTF-8.
    """
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or b"\0" in content:
        raise UserError(f"{path} is not plain text: save the script as UTF-8 text (.txt)")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = lines_before + content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path} is not UTF-8 (line {line}): convert it first, for example with "
            f"iconv -f WINDOWS-1252 -t UTF-8 {path}"
        ) from None


def require_words(count: int, path: pathlib.Path) -> None:
    """Raises `UserError` if a script has fewer than `MIN_WORDS` words."""
    if count == 0:
        raise UserError(f"{path} is empty: a show needs at least {MIN_WORDS} words")
    if count < MIN_WORDS:
        raise UserError(f"{path} holds {count} words: a show needs at least {MIN_WORDS}")


def is_csv(path: pathlib.Path) -> bool:
    """Whether a file is a CSV of dialogue, by its name."""
    return path.suffix.lower() == ".csv"


def script_of_csv(table: TextIO, path: pathlib.Path) -> Iterator[str]:
    """The speeches of a CSV of dialogue in script format, one at a time."""
    csv.field_size_limit(1 << 24)
    try:
        reader = csv.DictReader(table, strict=True)
        missing = [name for name in CSV_COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise UserError(f"{path} lacks the column {' and '.join(missing)} in its first line")
        for row in reader:
            speaker = " ".join((row["Character"] or "").split())
            if speech := " ".join((row["Dialogue"] or "").split()):
                yield f"{speaker}: {speech}\n\n" if speaker else f"{speech}\n\n"
    except csv.Error as error:
        raise UserError(f"{path} is not a well-formed CSV: {error}") from None


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
    stem = pathlib.Path(path).stem.replace("_", " ").replace("-", " ")
    return (
        " ".join(stem.removesuffix(" Scripts").removesuffix(" scripts").split()).title() or "Show"
    )
