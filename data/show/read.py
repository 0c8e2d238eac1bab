"""A show's script: fetched, read from whatever file a person has, and split in two."""

import codecs
import contextlib
import csv
import io
import pathlib
from collections.abc import Iterator
from typing import TextIO

from data.command_line import UserError

LOW_TIDE = "data/shows/low_tide.txt"  # the embedded show, from the repository's root
MIN_WORDS = 200  # below this there is nothing to learn and nothing to hold out
CSV_COLUMNS = ("Character", "Dialogue")
WINDOW = 2000  # characters within which the end of a speech, or of a line, is looked for


def read_show(path: str | pathlib.Path) -> str:
    """Reads a script as text with "\n" line ends: any UTF-8 text file, or a CSV of dialogue.

    A CSV (by its name) needs the columns Character and Dialogue; other columns are ignored.

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
    need_words(len(text.split()), path)
    return text


@contextlib.contextmanager
def readable(path: pathlib.Path) -> Iterator[None]:
    """Around the reading of a file: what prevents it becomes a `UserError`."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: name one text file in it") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def decode(content: bytes, path: pathlib.Path, lines_before: int = 0) -> str:
    """A file, or a part of it from a line's start, as text; raises `UserError` if it is none."""
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


def need_words(count: int, path: pathlib.Path) -> None:
    """Raises `UserError` if a script has too few words to learn from."""
    if count == 0:
        raise UserError(f"{path} is empty: a show needs at least {MIN_WORDS} words")
    if count < MIN_WORDS:
        raise UserError(f"{path} holds {count} words: a show needs at least {MIN_WORDS}")


def is_csv(path: pathlib.Path) -> bool:
    """Whether a file is a table of dialogue, by its name."""
    return path.suffix.lower() == ".csv"


def script_of_csv(table: TextIO, path: pathlib.Path) -> Iterator[str]:
    """The speeches of a table of dialogue, one after another as a script has them."""
    csv.field_size_limit(1 << 24)
    try:
        reader = csv.DictReader(table, strict=True)
        missing = [name for name in CSV_COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise UserError(f"{path} lacks the column {' and '.join(missing)} in its first line")
        for row in reader:
            who = " ".join((row["Character"] or "").split())
            if what := " ".join((row["Dialogue"] or "").split()):
                yield f"{who}: {what}\n\n" if who else f"{what}\n\n"
    except csv.Error as error:
        raise UserError(f"{path} is not a well-formed CSV: {error}") from None


def split_show(text: str, valid_fraction: float) -> tuple[str, str]:
    """Holds out the end of a script: the last `valid_fraction` of it, from the start of a line.

    One contiguous block, because neighbouring lines answer each other: lines held out one by one
    would be half known.
    """
    cut = int(len(text) * (1 - valid_fraction))
    cut += border(text[cut : cut + WINDOW + 2], len(text) - cut)
    train, valid = text[:cut], text[cut:]
    need_both(bool(train.strip()), bool(valid.strip()), valid_fraction)
    return train, valid


def border(text: str, left: int) -> int:
    """The first place where a script may be cut: between speeches, or lines, or words.

    Args:
        text: the next `WINDOW` + 2 characters, or all that is left.
        left: how many characters are left.
    """
    speech, line, space = text.find("\n\n"), text.find("\n"), text.find(" ")
    if 0 <= speech < min(left - 2, WINDOW):
        return speech + 2
    if 0 <= line < min(left - 1, WINDOW):
        return line + 1
    return space + 1  # a file of one line


def need_both(train: bool, valid: bool, valid_fraction: float) -> None:
    """Raises `UserError` if one of the two parts of a script has nothing in it."""
    if not train or not valid:
        raise UserError(
            f"nothing is left to {'hold out' if train else 'train on'} with "
            f"valid_fraction = {valid_fraction}: give another, or a held-out file of its own"
        )


def show_name(path: str | pathlib.Path) -> str:
    """A show's name from its file's: data/shows/low_tide.txt is "Low Tide"."""
    stem = pathlib.Path(path).stem.replace("_", " ").replace("-", " ")
    return (
        " ".join(stem.removesuffix(" Scripts").removesuffix(" scripts").split()).title() or "Show"
    )
