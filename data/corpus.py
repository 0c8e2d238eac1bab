"""A show's script: fetched, read from whatever file a person has, and split in two."""

import csv
import io
import pathlib

from data.command_line import UserError

LOW_TIDE = "data/shows/low_tide.txt"  # the embedded show, from the repository's root
MIN_WORDS = 200  # below this there is nothing to learn and nothing to hold out
CSV_COLUMNS = ("Character", "Dialogue")


def read_show(path: str | pathlib.Path) -> str:
    """Reads a script as text with "\\n" line ends: any UTF-8 text file, or a CSV of dialogue.

    A CSV (by its name) needs the columns Character and Dialogue; other columns are ignored.

    Raises:
        UserError: if there is no such file, or it is empty, binary, not UTF-8 or too short.
    """
    path = pathlib.Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: name one text file in it") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if not content.strip():
        raise UserError(f"{path} is empty: a show needs at least {MIN_WORDS} words")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content:
        raise UserError(f"{path} is not plain text: save the script as UTF-8 text (.txt)")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path} is not UTF-8 (line {line}): convert it first, for example with "
            f"iconv -f WINDOWS-1252 -t UTF-8 {path}"
        ) from None
    if path.suffix.lower() == ".csv":
        text = _script_of_csv(text, path)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if (count := len(text.split())) < MIN_WORDS:
        raise UserError(f"{path} holds {count} words: a show needs at least {MIN_WORDS}")
    return text


def _script_of_csv(text: str, path: pathlib.Path) -> str:
    csv.field_size_limit(1 << 24)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        missing = [name for name in CSV_COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise UserError(f"{path} lacks the column {' and '.join(missing)} in its first line")
        speeches = [
            (" ".join((row["Character"] or "").split()), " ".join((row["Dialogue"] or "").split()))
            for row in reader
        ]
    except csv.Error as error:
        raise UserError(f"{path} is not a well-formed CSV: {error}") from None
    return "".join(f"{who}: {what}\n\n" if who else f"{what}\n\n" for who, what in speeches if what)


def split_show(text: str, valid_fraction: float) -> tuple[str, str]:
    """Holds out the end of a script: the last `valid_fraction` of it, from the start of a line.

    One contiguous block, because neighbouring lines answer each other: lines held out one by one
    would be half known.
    """
    cut = int(len(text) * (1 - valid_fraction))
    line = text.find("\n", cut)
    speech = text.find("\n\n", cut)
    if 0 <= speech < len(text) - 2 and speech - cut < 2000:
        cut = speech + 2
    elif 0 <= line < len(text) - 1 and line - cut < 2000:
        cut = line + 1
    else:  # a file of one line: between two words
        space = text.find(" ", cut)
        cut = space + 1 if space >= 0 else cut
    train, valid = text[:cut], text[cut:]
    if not train.strip() or not valid.strip():
        raise UserError(
            f"nothing is left to {'train on' if not train.strip() else 'hold out'} with "
            f"valid_fraction = {valid_fraction}: give another, or a held-out file of its own"
        )
    return train, valid


def show_name(path: str | pathlib.Path) -> str:
    """A show's name from its file's: data/shows/low_tide.txt is "Low Tide"."""
    stem = pathlib.Path(path).stem.replace("_", " ").replace("-", " ")
    return (
        " ".join(stem.removesuffix(" Scripts").removesuffix(" scripts").split()).title() or "Show"
    )
