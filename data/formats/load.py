"""Reads a script from a file: decompresses, decodes, detects the format and reads it."""

import dataclasses
import pathlib
import re

from data.command_line import UserError
from data.formats import encoding, registry
from data.formats.columns import ROLES
from data.formats.script import ReadOptions, Script


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A script with what is known about its file."""

    path: pathlib.Path
    script: Script
    encoding: str  # as to be shown

    @property
    def description(self) -> str:
        """The format in words."""
        return registry.by_name(self.script.format).description


def load(path: str | pathlib.Path, format: str = "", columns: str = "") -> Loaded:
    """The script in a file.

    Args:
        path: the file.
        format: the name of a format in the registry; "" detects it by the content.
        columns: columns of a table or fields of JSON: "character=Name,dialogue=Line".

    Raises:
        UserError: if the file cannot be read, or not in this format.
    """
    path = pathlib.Path(path)
    options = ReadOptions(parse_columns(columns), str(path))
    if format:
        registry.by_name(format)  # raises for an unknown name
    with encoding.readable(path):
        content = path.read_bytes()
    decoded = encoding.decode(encoding.decompress(content, path), path)
    script = registry.read(decoded.text, format, options)
    if columns and script.format not in ("table", "json"):
        raise UserError(
            f"--columns is for tables and JSON, and {path} is read as {script.format}: leave it "
            "out, or give --format table"
        )
    if decoded.note:
        script.notes.insert(0, decoded.note)
    return Loaded(path, script, decoded.encoding)


def parse_columns(columns: str) -> dict[str, str]:
    """{"character": "Name", "dialogue": "Line"} of "character=Name,dialogue=Line".

    Raises:
        UserError: for another form.
    """
    if not columns.strip():
        return {}
    role = "|".join(ROLES)
    found = re.findall(rf"(?:^|,)\s*({role})\s*=\s*(.*?)(?=,\s*(?:{role})\s*=|$)", columns)
    if not found or sum(len(name) for _, name in found) < len(
        re.sub(rf"[\s,=]|{role}", "", columns)
    ):
        raise UserError(f"--columns {columns}: give character=NAME,dialogue=NAME")
    return {key: name.strip() for key, name in found}
