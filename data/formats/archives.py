"""The scripts in a zip file or a folder, in natural order: episode 2 before episode 10."""

import collections
import pathlib
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

from data.command_line import UserError
from data.formats import office
from data.formats.script import Script

MAX_BYTES = 512 << 20  # of all members of a zip file
# Files that often lie beside scripts and hold none.
NO_SCRIPTS = frozenset(
    (
        *(".jpg", ".jpeg", ".png", ".gif", ".webp", ".svg", ".ico", ".mp3", ".mp4", ".mkv", ".avi"),
        *(".wav", ".flac", ".ogg", ".mov", ".exe", ".dll", ".py", ".js", ".css", ".nfo", ".url"),
        *(".db", ".ini", ".lnk", ".opf", ".ncx", ".torrent", ".woff", ".woff2", ".ttf"),
    )
)
BOOK_FILES = ("META-INF", "mimetype")  # of an electronic book (.epub), which is a zip file


class Member(NamedTuple):
    """A file in a zip file or a folder."""

    name: str  # with its folders, for messages
    content: Callable[[], bytes]  # raises `UserError` if it cannot be read


def is_archive(path: pathlib.Path) -> bool:
    """Whether a path is a folder or a zip file, other than a document that is packed as one."""
    if path.is_dir() or not path.is_file() or not zipfile.is_zipfile(path):
        return path.is_dir()
    return not office.kind_of(path.read_bytes())


def natural_order(name: str) -> list[tuple[int, str]]:
    """A key that sorts the numbers in names by their value."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def is_hidden(name: str) -> bool:
    """Whether a file, or a folder that it is in, is hidden or of an operating system."""
    return any(
        part.startswith((".", "__MACOSX", "~$")) or part in BOOK_FILES for part in name.split("/")
    )


def is_no_script(name: str) -> bool:
    """Whether a file holds a picture, sound, video or program by its name."""
    return pathlib.PurePosixPath(name).suffix.lower() in NO_SCRIPTS


def members(path: pathlib.Path) -> Iterator[Member]:
    """The files in a folder or a zip file, in natural order, without hidden ones.

    Raises:
        UserError: if the zip file is damaged or too large.
    """
    if path.is_dir():
        names = [each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file()]
        for name in sorted(names, key=natural_order):
            if not is_hidden(name):
                yield Member(name, (path / name).read_bytes)
        return
    try:
        with zipfile.ZipFile(path) as file:
            found = [each for each in file.infolist() if not each.is_dir()]
            if sum(each.file_size for each in found) > MAX_BYTES:
                raise UserError(f"{path} holds more than {MAX_BYTES >> 20} MB: unpack it")
            for each in sorted(found, key=lambda each: natural_order(each.filename)):
                if not is_hidden(each.filename):
                    yield Member(each.filename, lambda each=each: file.read(each))
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path} is a damaged zip file: {error}") from None


def read(
    path: pathlib.Path, read_member: Callable[[bytes, str], Script], strict: bool = False
) -> Script:
    """The scripts in a zip file or a folder as one; a note names each file that is skipped.

    Args:
        path: the zip file or folder.
        read_member: reads the script in a file's bytes, given its name for messages.
        strict: whether a file that cannot be read ends the reading.

    Raises:
        UserError: if no file holds a script, or with `strict` one holds none.
    """
    scripts: list[Script] = []
    notes: list[str] = []
    for member in members(path):
        try:
            scripts.append(_read_one(path, member, read_member))
        except UserError as error:
            if strict:
                raise
            notes.append(f"skipped {error}")
    if not scripts:
        reasons = f" ({'; '.join(notes[:3])})" if notes else ""
        raise UserError(f"{path} holds no scripts{reasons}")
    return _joined(scripts, notes)


def _read_one(
    path: pathlib.Path, member: Member, read_member: Callable[[bytes, str], Script]
) -> Script:
    name = f"{path}/{member.name}"
    if is_no_script(member.name):
        raise UserError(f"{name}: no script, by its name")
    try:
        content = member.content()
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise UserError(f"{name} cannot be read: {error}") from None
    if content.startswith(b"PK\x03\x04") and not office.kind_of(content):
        raise UserError(f"{name} is packed itself: unpack it")
    if not content.strip():
        raise UserError(f"{name} is empty")
    return read_member(content, name)


def _joined(scripts: list[Script], notes: list[str]) -> Script:
    formats = collections.Counter(each.format for each in scripts)
    if len(scripts) > 1 or notes:
        shown = ", ".join(f"{count:,} {name}" for name, count in formats.most_common())
        notes.insert(0, f"{len(scripts):,} files are read: {shown}")
    texts = [each.text for each in scripts]
    verbatim = None if None in texts else "\n\n".join(text.strip("\n") for text in texts) + "\n"
    return Script(
        lines=[line for each in scripts for line in each.lines],
        format=formats.most_common(1)[0][0],
        dropped=sum((each.dropped for each in scripts), collections.Counter()),
        notes=[*notes, *dict.fromkeys(note for each in scripts for note in each.notes)],
        text=verbatim,
    )
