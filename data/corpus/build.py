"""Prepares a corpus: tokenizes many shows once, into memory-mapped files of token ids.

The text is cut into shards, which several processes work on (data/corpus/encode.py). A completed
shard is not processed again after an interruption. No file gets its final name before all are
complete.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import pathlib
import shlex
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from data import strict_json, versions
from data.atomic import atomic_write
from data.command_line import DiskFull, UserError
from data.corpus.encode import build_vocabulary, encode_shard, tokenize_shard
from data.corpus.excerpt import EXCERPT_BYTES, excerpt
from data.corpus.plan import LOCK, PLAN, list_files, load_or_make_plan, shards_of
from data.corpus.pool import Workers
from data.corpus.prepared import (
    FORMAT,
    MANIFEST,
    SPLITS,
    WORK,
    Prepared,
    changed_file,
    read_manifest,
    source_files,
)
from data.corpus.settings import Resources, Settings
from data.show.read import show_name


def prepare(
    sources: Sequence[str],
    out: str | pathlib.Path,
    settings: Settings,
    resources: Resources,
) -> bool:
    """Prepares a corpus, or resumes an interrupted call. Does nothing if nothing has changed.

    A previous corpus in `out` stays in place until the new one is complete.

    Args:
        sources: text files, CSVs of dialogue, and folders of them.
        out: the folder of the corpus.
        settings: what the corpus depends on besides its texts.
        resources: processes and memory.

    Returns:
        Whether the corpus was prepared; False if it was up to date.

    Raises:
        UserError: if there are no texts, a text cannot be used, or `out` is something else.
        DiskFull: if a file cannot be written.
    """
    folder = pathlib.Path(out)
    paths = list_files(sources)
    if settings.valid and _resolved(settings.valid) in map(_resolved, paths):
        raise UserError(f"{settings.valid} is among the texts to train on: move it elsewhere")
    if _is_up_to_date(folder, paths, settings):
        shutil.rmtree(folder / WORK, ignore_errors=True)
        return False
    try:
        work = folder / WORK
        work.mkdir(parents=True, exist_ok=True)
        with _exclusive_lock(work / LOCK), Workers(resources.processes) as workers:
            named = {pathlib.Path(source).as_posix() for source in sources}
            plan = load_or_make_plan(paths, named, work, settings, resources, workers)
            if not (work / MANIFEST).exists():
                _build_files(plan, work, show_name(folder), settings, resources, workers)
                _write_manifest(plan, work, _command(sources, folder, settings), settings)
            _publish(folder)
    except OSError as error:
        raise DiskFull(folder, error) from None
    return True


def _resolved(path: str) -> pathlib.Path:
    return pathlib.Path(path).resolve()


def _is_up_to_date(folder: pathlib.Path, paths: list[str], settings: Settings) -> bool:
    """Whether the folder is this very corpus; raises `UserError` if it holds anything else."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: give --out a folder")
    if (folder / MANIFEST).is_file():
        manifest = read_manifest(folder)
        return (
            manifest["settings"] == dataclasses.asdict(settings)
            and sorted(each["path"] for each in [*manifest["shows"], *manifest["skipped"]])
            == sorted(paths)
            and not changed_file(source_files(manifest))
            and not Prepared(folder, manifest).damaged_file()
        )
    if folder.is_dir() and any(folder.iterdir()) and not (folder / WORK).is_dir():
        raise UserError(f"{folder} holds other files: give another --out")
    return False


@contextlib.contextmanager
def _exclusive_lock(path: pathlib.Path) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{path.parent.parent} is being prepared by another process") from None
        yield


def _build_files(
    plan: dict[str, Any],
    work: pathlib.Path,
    show: str,
    settings: Settings,
    resources: Resources,
    workers: Workers,
) -> None:
    """Writes all files of the corpus except the manifest to `work`."""
    shards = shards_of(plan, work)
    if not (work / "layout.json").exists():
        todo = [(shard, resources.block_bytes) for shard in shards if not shard.path.exists()]
        workers.run_all(tokenize_shard, todo, "tokenize")
        workers.end()  # the vocabulary needs memory, and encoding little
        sizes = settings.min_count, settings.vocab_size, resources.max_words
        build_vocabulary(shards, work, show, *sizes)
    layout = strict_json.loads((work / "layout.json").read_bytes())
    for split in SPLITS:
        with (work / f"{split}.ids").open("ab") as file:  # keeps what an interrupted call wrote
            file.truncate(layout["tokens"][split] * np.dtype(layout["dtype"]).itemsize)
    todo = [
        (shard, offset, layout["dtype"])
        for shard, offset in zip(shards, layout["offsets"], strict=True)
        if shard.path.exists()  # the others are encoded already
    ]
    workers.run_all(encode_shard, todo, "encode")
    for split in SPLITS:
        ranges = [each for shard in shards if shard.split == split for each in shard.ranges]
        with atomic_write(work / f"{split}.txt") as file:
            file.write(excerpt(ranges, EXCERPT_BYTES[split]))
    if path := changed_file(source_files(plan)):
        (work / PLAN).unlink()
        raise UserError(f"{path} was changed while it was read: run the same command again")


def _write_manifest(
    plan: dict[str, Any], work: pathlib.Path, command: str, settings: Settings
) -> None:
    layout = strict_json.loads((work / "layout.json").read_bytes())
    vocabulary = (work / "vocab.json").read_bytes()
    shows, valid_file = (list(map(_file_entry, plan[name])) for name in ("shows", "valid_file"))
    entries = {"train": shows, "valid": valid_file or shows}
    for shard, offset, sizes in zip(
        shards_of(plan, work), layout["offsets"], layout["sizes"], strict=True
    ):
        for each, size in zip(shard.ranges, sizes, strict=True):
            entry = entries[shard.split][each.show]  # a show's byte ranges are consecutive
            entry.setdefault(shard.split, {"offset": offset, "tokens": 0})["tokens"] += size
            offset += size
    names = [f"{split}.{suffix}" for suffix in ("ids", "txt") for split in SPLITS]
    names += ["vocab.json", "counts.json"]
    manifest = {
        "format": FORMAT,
        "version": versions.CORPUS,
        "command": command,
        "settings": dataclasses.asdict(settings),
        "dtype": layout["dtype"],
        "tokens": layout["tokens"],
        "oov_rate": layout["oov_rate"],
        "bytes": sum(show["bytes"] for show in plan["shows"]),
        "vocabulary": {
            "words": len(strict_json.loads((work / "counts.json").read_bytes())),
            "sha256": hashlib.sha256(vocabulary).hexdigest(),
        },
        "files": {name: (work / name).stat().st_size for name in names},
        "shows": shows,
        "valid_file": valid_file,
        "skipped": plan["skipped"],
    }
    with atomic_write(work / MANIFEST) as file:
        file.write(strict_json.dumps(manifest, indent=1, ensure_ascii=False).encode())


def _file_entry(scanned: dict[str, Any]) -> dict[str, Any]:
    """The manifest's entry of a source file, without its place in the splits."""
    return {name: scanned[name] for name in ("path", "bytes", "mtime_ns", "sha256", "remark")}


def _command(sources: Sequence[str], folder: pathlib.Path, settings: Settings) -> str:
    """The command line that prepares this corpus, for messages that ask to run it again."""
    words = ["python", "-m", "data", "prepare", *map(str, sources), "--out", str(folder)]
    for field in dataclasses.fields(settings):
        if (value := getattr(settings, field.name)) != field.default:
            words += ["--" + field.name.replace("_", "-")]
            words += [] if field.type is bool else [str(value)]
    return shlex.join(words)


def _publish(folder: pathlib.Path) -> None:
    """Moves the files to their final place; the manifest last, because it vouches for the rest."""
    work = folder / WORK
    names = strict_json.loads((work / MANIFEST).read_bytes())["files"]
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in names:
        if (work / name).exists():  # otherwise an interrupted call has moved it already
            os.replace(work / name, folder / name)
    os.replace(work / MANIFEST, folder / MANIFEST)
    shutil.rmtree(work)
