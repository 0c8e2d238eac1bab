"""Finds the columns of speakers and of speeches in a table, by name and by content."""

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from data.command_line import UserError
from data.speakers import SPEAKER

# Names of columns without case, spaces and signs; the first that fits in content is taken.
CHARACTER = (
    *("character", "rawcharactertext", "charactername", "speaker", "speakername", "speakers"),
    *("characters", "locutor", "personscene", "spokenby", "saidby", "who", "name", "names"),
    *("person", "author", "actor", "role", "player", "participant", "sender", "from", "user"),
    *("voice", "cast", "persona", "characterline", "talker"),
)
DIALOGUE = (
    *("dialogue", "dialog", "spokenwords", "utterance", "utterances", "line"),
    *(
        "fulltext",
        "characterwords",
        "linetext",
        "sentence",
        "quote",
        "text",
        "transcript",
        "speech",
        "words",
        "lines",
    ),
    *("content", "message", "dialoguetext", "linecontent", "spoken", "spokenline"),
    *("script", "caption", "subtitle", "response", "value", "rawtext", "normalizedtext", "quotes"),
)
ROLES = ("character", "dialogue")
SAMPLE_ROWS = 2000
NUMBERED = re.compile(r"(.*?)[ _.]?(\d+)")


class Columns(NamedTuple):
    """Positions of the columns that are read."""

    character: int | None  # None: no column of speakers
    dialogue: int
    names_inside: bool = False  # "Name: speech" in the column of speeches


def key(name: str) -> str:
    """The name of a column without case, spaces and signs."""
    return re.sub(r"[\W_]+", "", name).casefold()


def find_columns(
    names: Sequence[str], rows: Sequence[Sequence[str]], wanted: dict[str, str], where: str
) -> Columns:
    """The columns of speakers and speeches.

    Args:
        names: of the columns.
        rows: the cells of the first rows.
        wanted: the columns that the user names, by role: {"character": "Name"}; a number counts
            from 1, "" stands for no column.
        where: the file, for messages.

    Raises:
        UserError: if there is no such column, or two of this name; the columns are listed.
    """
    cells = [
        [row[place].strip() for row in rows[:SAMPLE_ROWS] if place < len(row)]
        for place in range(len(names))
    ]
    shown = ", ".join(name or f"(column {place + 1})" for place, name in enumerate(names))
    for role in wanted:
        if role not in ROLES:
            raise UserError(f"--columns {role}=...: give character=NAME, dialogue=NAME or both")
    chosen: dict[str, int | None] = {
        role: _named(name, names, where, shown) if name else None for role, name in wanted.items()
    }
    dialogue = chosen.get("dialogue")
    if dialogue is None:
        taken = {place for place in chosen.values() if place is not None}
        dialogue = _by_name(DIALOGUE, names, cells, is_speech, taken, where)
        if dialogue is None:
            dialogue = _best(cells, speech_score, taken)
    if dialogue is None:
        raise UserError(
            f"{where} has no column of speeches that is recognized among {shown}: name it with "
            "--columns dialogue=NAME,character=NAME"
        )
    if "character" in chosen:
        return Columns(chosen["character"], dialogue)
    character = _by_name(CHARACTER, names, cells, is_name, {dialogue}, where)
    if character is None and _has_speakers(cells[dialogue]):
        return Columns(None, dialogue, names_inside=True)
    if character is None:
        character = _best(cells, name_score, {dialogue})
    if character is None:
        raise UserError(
            f"{where} has no column of speakers that is recognized among {shown}: name it with "
            f"--columns character=NAME, or give --columns character=,dialogue="
            f"{names[dialogue] or dialogue + 1} for a text without speakers"
        )
    return Columns(character, dialogue)


def _named(wanted: str, names: Sequence[str], where: str, shown: str) -> int:
    same = [place for place, name in enumerate(names) if name.strip() == wanted.strip()]
    same = same or [place for place, name in enumerate(names) if key(name) == key(wanted)]
    if not same and wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    if not same:
        raise UserError(f"{where} has no column {wanted}; its columns are {shown}")
    _refuse_twins(same, names, where)
    return same[0]


def _refuse_twins(same: list[int], names: Sequence[str], where: str) -> None:
    if len(same) > 1:
        numbers = " and ".join(str(place + 1) for place in same)
        raise UserError(
            f"{where} has two columns named {names[same[0]]} (columns {numbers}): say which is "
            f"meant, by its number, with --columns character=NUMBER,dialogue=NUMBER"
        )


def _by_name(known, names, cells, fits, taken, where) -> int | None:
    keys = [key(name) for name in names]
    for name in known:
        same = [place for place, each in enumerate(keys) if each == name and place not in taken]
        fitting = [place for place in same if fits(cells[place])]
        if fitting:
            _refuse_twins(same, names, where)
            return fitting[0]
    return None


def _best(cells, score, taken) -> int | None:
    scores = [(score(column), -place) for place, column in enumerate(cells) if place not in taken]
    value, place = max(scores, default=(0.0, 0))
    return -place if value > 0 else None


def _filled(column: Sequence[str]) -> list[str]:
    return [cell for cell in column if cell and cell.lower() != "nan"]


def is_speech(column: Sequence[str]) -> bool:
    """Whether a column holds words, not numbers or marks."""
    filled = _filled(column)
    return sum(bool(re.search(r"[^\W\d]", cell)) for cell in filled) > 0.5 * len(filled)


def is_name(column: Sequence[str]) -> bool:
    """Whether a column holds short words."""
    filled = _filled(column)
    if not filled:
        return False
    short = sum(len(cell) <= 60 and bool(re.search(r"[^\W\d]", cell)) for cell in filled)
    return short > 0.7 * len(filled)


def speech_score(column: Sequence[str]) -> float:
    """How much a column looks like speeches: many different texts of several words."""
    filled = _filled(column)
    if not is_speech(column) or len(filled) < 2 or _is_address(filled):
        return 0.0
    words = sum(len(cell.split()) for cell in filled) / len(filled)
    return words * len(set(filled)) / len(filled) if words >= 2 else 0.0


def name_score(column: Sequence[str]) -> float:
    """How much a column looks like speakers: short words that recur and alternate."""
    filled = _filled(column)
    if not is_name(column) or len(filled) < 0.3 * len(column) or _is_address(filled):
        return 0.0
    different = len(set(filled))
    if not 2 <= different <= max(2, 0.7 * len(filled)):
        return 0.0
    pairs = list(itertools.pairwise(filled))
    changes = sum(one != other for one, other in pairs) / len(pairs)
    if changes < 0.2:  # an episode or a scene
        return 0.0
    capitals = sum(cell[0].isupper() for cell in filled) / len(filled)
    return changes * (0.5 + capitals)


def _is_address(cells: Sequence[str]) -> bool:
    return sum("://" in cell or "@" in cell for cell in cells) > 0.5 * len(cells)


def _has_speakers(column: Sequence[str]) -> bool:
    filled = _filled(column)
    return sum(bool(SPEAKER.search(cell)) for cell in filled) > 0.5 * len(filled) > 0


def numbered_columns(names: Sequence[str]) -> list[int]:
    """The columns of a dialogue in a row, in order: "sentence1", "sentence2"; [] if there is none.

    At least four columns are needed that differ only in their number.
    """
    groups: dict[str, list[tuple[int, int]]] = {}
    for place, name in enumerate(names):
        if match := NUMBERED.fullmatch(name.strip()):
            groups.setdefault(match[1], []).append((int(match[2]), place))
    found = max(groups.values(), key=len, default=[])
    return [place for _, place in sorted(found)] if len(found) >= 4 else []
