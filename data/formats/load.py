"""Reads a script from a file: unpacks, decodes, detects the format and reads it."""

import dataclasses
import pathlib
import re

from data.command_line import UserError
from data.formats import archives, encoding, names, office, pdf, registry
from data.formats.columns import ROLES
from data.formats.script import ReadOptions, Script

WITH_COLUMNS = ("table", "json")


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
    """The script in a file, or in all files of a folder or zip file, in natural order.

    Args:
        path: the file or folder.
        format: the name of a format in the registry; "" detects it by the content.
        columns: columns of a table or fields of JSON: "character=Name,dialogue=Line".

    Raises:
        UserError: if the file cannot be read, or not in this format.
    """
    path = pathlib.Path(path)
    wanted = parse_columns(columns)
    if format:
        registry.by_name(format)  # raises for an unknown name
    encodings: list[str] = []

    def read(content: bytes, name: str) -> Script:
        script, shown = _read(content, ReadOptions(wanted, name), format)
        encodings.append(shown)
        return script

    with encoding.readable(path):
        if archives.is_archive(path):
            script = names.tidy(archives.read(path, read))  # one spelling in all files
        else:
            script = read(path.read_bytes(), str(path))
    return Loaded(path, script, ", ".join(dict.fromkeys(encodings)))


def _read(content: bytes, options: ReadOptions, format: str) -> tuple[Script, str]:
    """(the script in a file's bytes, its encoding)."""
    path = pathlib.Path(options.path)
    content = encoding.decompress(content, path)
    if pdf.is_pdf(content):
        decoded = encoding.Decoded(pdf.text_of(content, options.path), "PDF")
    elif kind := office.kind_of(content):
        decoded = encoding.Decoded(office.text_of(content, options.path), kind)
    else:
        decoded = encoding.decode(content, path)
    try:
        script = registry.read(decoded.text, format, options)
    except ImportError as error:  # the readers' libraries are installed for training only
        raise UserError(f"{path} needs the package {error.name}: run make setup") from None
    if options.columns and script.format not in WITH_COLUMNS:
        raise UserError(
            f"{path} is read as {script.format}, which has no columns: leave --columns out, or "
            "give --format table"
        )
    if decoded.note:
        script.notes.insert(0, decoded.note)
    return script, decoded.encoding


def parse_columns(columns: str) -> dict[str, str]:
    """{"character": "Name", "dialogue": "Line"} of "character=Name,dialogue=Line".

    Raises:
        UserError: for another form.
    """
    if not columns.strip():
        return {}
    role = "|".join(ROLES)
    pair = rf"\s*(?:{role})\s*=.*?"
    if not re.fullmatch(rf"{pair}(?:,{pair})*", columns):
        raise UserError(f"--columns {columns}: give character=NAME,dialogue=NAME")
    found = re.findall(rf"(?:^|,)\s*({role})\s*=\s*(.*?)\s*(?=,\s*(?:{role})\s*=|$)", columns)
    return dict(found)
