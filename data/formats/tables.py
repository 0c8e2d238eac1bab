"""Tables of dialogue: CSV with any delimiter, quoted or not, with or without a header."""

import contextlib
import csv
import io
import re
import statistics
from collections.abc import Sequence

from data.command_line import UserError
from data.formats import inner
from data.formats.columns import CHARACTER, DIALOGUE, find_columns, is_name, key, numbered_columns
from data.formats.script import Format, ReadOptions, Script
from data.formats.speeches import add_rows
from data.speakers import SPEAKER

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars", " ": "spaces"}
ENDINGS = (".csv", ".tsv", ".tab")
MAX_FIELD = 1 << 24  # characters
SAMPLE_LINES = 200
SEPARATOR_LINE = re.compile(r"\A\ufeff?sep=.\r?\n")
_CELL = r'"(?:[^"\\]|""|\\.)*"'
QUOTED = re.compile(rf'{_CELL}(?: (?:{_CELL}|[^\s"]+))+\s*')  # cells between spaces
MIN_LINES = 8  # of a cell that holds a whole script


def score(text: str, name: str) -> float:
    """How sure it is that a text is a table: known columns, or rows of equally many fields."""
    text = _unified(text)
    lines = [line for line in text.split("\n", SAMPLE_LINES)[:SAMPLE_LINES] if line.strip()]
    if len(lines) < 2:
        return 0.0
    found = max(_score(lines, delimiter) for delimiter in DELIMITERS)
    if _plain_name(name).endswith(ENDINGS):
        # So that a table that cannot be read is refused, not learned as text.
        has_columns = any(len(_fields(lines[0], delimiter)) > 1 for delimiter in DELIMITERS)
        found = max(found + 0.02, 0.5 if has_columns else 0.0)
    return found


def _unified(text: str) -> str:
    """A table without the line "sep=;" of Excel, and with tabs for the marks of Cornell's films."""
    return _without_padding(SEPARATOR_LINE.sub("", text).replace(" +++$+++ ", "\t"))


def _without_padding(text: str) -> str:
    """A table with semicolons without the commas that a program added which took it for a CSV.

    It cut each line at the commas, and filled it up with empty fields: "Ann;Hello, Bob.,,,".
    """
    head, _, _ = text.partition("\n")
    bare = head.rstrip("\r").rstrip(",")
    if "," in bare or len(head.rstrip("\r")) - len(bare) < 2 or not (";" in bare or "\t" in bare):
        return text
    return re.sub(r",{2,}(?=\r?$)", "", text, flags=re.MULTILINE)


def _plain_name(name: str) -> str:
    return name.lower().removesuffix(".gz").removesuffix(".xz")


def _score(lines: list[str], delimiter: str) -> float:
    if delimiter == " " and not all(map(QUOTED.fullmatch, lines[:20])):
        return 0.0  # else prose would be a table
    keys = [key(name) for name in _fields(lines[0], delimiter)]
    if len(keys) < 2:
        return 0.0
    roles = bool(set(keys) & set(CHARACTER)) + bool(set(keys) & set(DIALOGUE))
    if roles == 2 and all(len(each) < 40 for each in keys):
        return 0.96
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=False))[:-1]  # may be cut off
    except csv.Error:
        return 0.0
    if len(rows) < 2:
        return 0.0
    width = statistics.mode(map(len, rows))
    same = sum(len(row) == width for row in rows) / len(rows)
    if width < 2 or same < 0.95 or (roles == 0 and len(rows) < 8):
        return 0.0
    if roles == 1 or len(numbered_columns(rows[0])) >= 4:
        return 0.9
    if sum(bool(SPEAKER.match(line)) for line in lines) > 0.3 * len(lines):
        return 0.0  # `Name: speech`, with as many commas in each line
    # Prose may hold as many commas in each line by chance; names in a column are none.
    recurring = any(is_name(column) and _recurs(column) for column in zip(*rows, strict=False))
    return 0.85 if recurring and same == 1.0 else 0.0


def _recurs(column: Sequence[str]) -> bool:
    filled = [cell for cell in column if cell]
    return 2 <= len(set(filled)) <= 0.5 * len(filled)


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def read(text: str, options: ReadOptions) -> Script:
    """The speeches of a table; see `data.formats.columns` for the columns.

    Raises:
        UserError: if the table is not well-formed, a row has more fields than columns, or a column
            is missing.
    """
    text = _unified(text)
    lines = [line for line in text.split("\n", SAMPLE_LINES)[:SAMPLE_LINES] if line.strip()]
    if not lines:
        raise UserError(f"{options.path} is empty")
    delimiter = max(DELIMITERS, key=lambda each: (_score(lines, each), _count(lines, each)))
    rows, line_numbers = _rows(text, delimiter, options.path)
    if not rows:
        raise UserError(f"{options.path} holds no fields")
    names, has_header = _header(rows)
    if has_header and len(rows) > 1 and all(len(row) == len(names) + 1 for row in rows[1:]):
        names = ["", *names]  # as R writes tables, with numbers of rows in front
    body, numbers = (rows[1:], line_numbers[1:]) if has_header else (rows, line_numbers)
    _refuse_long_rows(body, numbers, len(names), has_header, options.path)
    script = Script([], FORMAT.name)
    script.notes.append(f"fields separated by {DELIMITERS[delimiter]}")
    if not has_header:
        script.notes.append("the first line holds no column names")
    short = sum(0 < len(row) < len(names) for row in body)
    if short:
        first = next(
            number for row, number in zip(body, numbers, strict=True) if 0 < len(row) < len(names)
        )
        script.notes.append(
            f"{short:,} rows have fewer fields than the {len(names)} columns, first in line {first}"
        )
    if not options.columns and (places := numbered_columns(names)):
        _add_dialogues(script, body, names, places)
        return script
    if not options.columns and (texts := _whole_scripts(body, len(names))):
        return inner.read("\n\n".join(texts), options, FORMAT.name)
    columns = find_columns(names, body, options.columns, options.path)
    shown = [names[place] or f"column {place + 1}" for place in columns[:2] if place is not None]
    script.notes.append(
        f"speakers from {shown[0]}, speeches from {shown[1]}"
        if columns.character is not None
        else f"speeches{' with their speakers' if columns.names_inside else ''} from {shown[0]}"
    )
    add_rows(script, body, columns)
    return script


def _count(lines: list[str], delimiter: str) -> int:
    return lines[0].count(delimiter) if lines else 0


def _rows(text: str, delimiter: str, path: str) -> tuple[list[list[str]], list[int]]:
    """(rows that are not blank, the line on which each ends)."""
    csv.field_size_limit(MAX_FIELD)
    try:
        return _parse(text, delimiter, csv.QUOTE_MINIMAL)
    except csv.Error as error:
        # Tables with tabs are often written without quoting.
        if delimiter == "\t":
            return _parse(text, delimiter, csv.QUOTE_NONE)
        if '\\"' in text:
            with contextlib.suppress(csv.Error):
                return _parse(text, delimiter, csv.QUOTE_MINIMAL, escapechar="\\")
        raise UserError(f"{path} is not a well-formed table: {error}") from None


def _parse(
    text: str, delimiter: str, quoting: int, escapechar: str | None = None
) -> tuple[list[list[str]], list[int]]:
    text = text.replace("\0", "")
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=quoting,
        escapechar=escapechar,
        strict=True,
    )
    rows, numbers = [], []
    try:
        for row in reader:
            if any(map(str.strip, row)):
                rows.append(row)
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}: {error}") from None
    return rows, numbers


def _header(rows: list[list[str]]) -> tuple[list[str], bool]:
    """(the names of the columns, whether the first row holds them)."""
    first = [cell.strip() for cell in rows[0]]
    if {key(cell) for cell in first} & {*CHARACTER, *DIALOGUE} or len(rows) < 3:
        return first, True
    recurs = any(
        cell
        and not cell.isdigit()
        and sum(row[place : place + 1] == [cell] for row in rows[1:]) > 1
        for place, cell in enumerate(first)
    )
    has_speech = any(len(cell.split()) > 6 for cell in first)
    return ([""] * len(first), False) if recurs or has_speech else (first, True)


def _refuse_long_rows(
    rows: list[list[str]], numbers: list[int], width: int, has_header: bool, path: str
) -> None:
    for row, number in zip(rows, numbers, strict=True):
        if len(row) > width and any(cell.strip() for cell in row[width:]):
            than = f"the {width} columns of the first line" if has_header else f"{width} columns"
            raise UserError(
                f"{path} has {len(row)} fields in line {number}, more than {than}: put quotation "
                "marks around text that contains the delimiter, or save it as a table with tabs"
            )


def _whole_scripts(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The cells of a column of whole scripts, each of many lines; [] if there is none."""
    columns = [
        [row[place] for row in rows if place < len(row) and row[place].strip()]
        for place in range(width)
    ]
    long = [
        column
        for column in columns
        if column and statistics.median(cell.count("\n") for cell in column) >= MIN_LINES
    ]
    return max(long, key=lambda column: sum(map(len, column)), default=[])


def _add_dialogues(
    script: Script, rows: list[list[str]], names: Sequence[str], places: list[int]
) -> None:
    """A dialogue in each row: two people who take turns, in columns with numbers."""
    script.notes.append(
        f"a dialogue in each row, of {names[places[0]]} to {names[places[-1]]}: the speakers are "
        "guessed to be two who take turns"
    )
    for row in rows:
        turns = [row[place] if place < len(row) else "" for place in places]
        spoken = [" ".join(turn.split()) for turn in turns]
        spoken = [turn for turn in spoken if any(each.isalnum() for each in turn)]
        script.dropped["rows without a speech"] += not spoken
        cells = [[f"Speaker {1 + number % 2}", turn] for number, turn in enumerate(spoken)]
        add_rows(script, cells, find_columns(("character", "dialogue"), [["A", "b"]], {}, ""))
    script.dropped += type(script.dropped)()  # without reasons that were counted 0 times


FORMAT = Format("table", "table (CSV) with columns of speakers and speeches", score, read)
