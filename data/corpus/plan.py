"""The plan of a corpus: which files are prepared, and the shards that they are cut into.

The plan is kept in the work folder. After an interruption the same plan is resumed, unless a file,
a setting or the shard size has changed.
"""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from data import strict_json, tokens
from data.atomic import atomic_write
from data.checksum import file_sha256
from data.command_line import DiskFull, UserError
from data.corpus.byte_range import ByteRange
from data.corpus.encode import Shard
from data.corpus.pool import Workers
from data.corpus.prepared import changed_file, source_files
from data.corpus.scan import ScannedFile, scan_file, shard_ranges
from data.corpus.settings import Resources, Settings
from data.formats import archives

PLAN = "plan.json"
LOCK = "lock"


def list_files(sources: Sequence[str]) -> list[str]:
    """The named files and the files in the named folders, in natural order.

    Hidden files are left out.

    Raises:
        UserError: if a source does not exist, a folder holds no file, or a file is named twice.
    """
    files: list[str] = []
    for source in map(pathlib.Path, sources):
        inside = [source]
        if source.is_dir():
            names = [
                path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()
            ]
            inside = [
                source / name
                for name in sorted(names, key=archives.natural_order)
                if not archives.is_hidden(name)
            ]
            if not inside:
                raise UserError(f"{source} holds no texts: put scripts into it")
        elif not source.exists():
            raise UserError(f"{source}: there is no such file")
        files += [path.as_posix() for path in inside]
    for path, count in collections.Counter(files).items():
        if count > 1:
            raise UserError(f"{path} is named twice")
    return files


def load_or_make_plan(
    paths: list[str],
    named: set[str],
    work: pathlib.Path,
    settings: Settings,
    resources: Resources,
    workers: Workers,
) -> dict[str, Any]:
    """The plan of an interrupted call if it still applies, else a new plan in an empty folder.

    Args:
        paths: the files.
        named: those that the user names, which are never skipped.
        work: the work folder.
        settings: of the corpus.
        resources: processes and memory.
        workers: that scan the files.

    The plan's keys:
        request: what the plan was made for.
        normalization: the normalization table of all training text.
        shows, valid_file: the `ScannedFile` of each show, and that of the validation file if any.
        skipped: path and reason of each file in a folder that holds no script.
        shards: (split, byte ranges) of each shard.
    """
    path = work / PLAN
    request = {
        "settings": dataclasses.asdict(settings),
        "paths": paths,
        "shard_bytes": resources.shard_bytes,
    }
    if path.exists():
        plan = strict_json.loads(path.read_bytes())
        if plan.get("request") == request and not changed_file(source_files(plan)):
            return plan
    path.unlink(missing_ok=True)  # first: an old plan must never apply to new shards
    for file in work.iterdir():
        if file.name != LOCK:
            file.unlink()
    plan = _make_plan(request, named, work, settings, resources, workers)
    with atomic_write(path) as out:
        out.write(strict_json.dumps(plan).encode())
    return strict_json.loads(path.read_bytes())


def _scan_or_skip(may_skip: bool, path: str, *arguments: Any) -> ScannedFile | dict[str, Any]:
    """`scan_file`, or the reason why a file is skipped."""
    try:
        if may_skip and archives.is_no_script(path):
            raise UserError(f"{path}: no script, by its name")
        return scan_file(path, *arguments)
    except DiskFull:
        raise
    except UserError as error:
        if not may_skip:
            raise
        reason = str(error)
    try:
        status = os.stat(path)
        found = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
        return {"path": path, "reason": reason, **found, "sha256": file_sha256(path)}
    except OSError:  # a change is not noticed then
        return {"path": path, "reason": reason, "bytes": 0, "mtime_ns": 0, "sha256": ""}


def _make_plan(
    request: dict[str, Any],
    named: set[str],
    work: pathlib.Path,
    settings: Settings,
    resources: Resources,
    workers: Workers,
) -> dict[str, Any]:
    fraction = 0.0 if settings.valid else settings.valid_fraction
    how = (resources.block_bytes, settings.format, settings.columns)
    tasks = [
        (not settings.strict and show not in named, show, work, fraction, *how)
        for show in request["paths"]
    ]
    scanned = workers.run_all(_scan_or_skip, tasks, "scan files")
    shows = [each for each in scanned if isinstance(each, ScannedFile)]
    skipped = [each for each in scanned if not isinstance(each, ScannedFile)]
    if not shows:
        raise UserError(f"no file holds a script; the first: {skipped[0]['reason']}")
    valid_file = []
    if settings.valid:
        valid_file = [scan_file(settings.valid, work, 0.0, *how)]
    train = shard_ranges(shows, False, resources.shard_bytes)
    valid = shard_ranges(valid_file or shows, not valid_file, resources.shard_bytes)
    letters = set().union(*(show.letters for show in shows))
    return {
        "request": request,
        "normalization": tokens.normalization_table(letters),
        "shows": [dataclasses.asdict(show) for show in shows],
        "valid_file": [dataclasses.asdict(file) for file in valid_file],
        "skipped": skipped,
        "shards": [
            (split, [dataclasses.astuple(each) for each in ranges])
            for split, shards in (("train", train), ("valid", valid))
            for ranges in shards
        ],
    }


def shards_of(plan: dict[str, Any], work: pathlib.Path) -> list[Shard]:
    """The shards of a plan, those of the training text first."""
    return [
        Shard(
            work / f"{number}.npz",
            split,
            [ByteRange(*each) for each in ranges],
            plan["normalization"],
        )
        for number, (split, ranges) in enumerate(plan["shards"])
    ]
