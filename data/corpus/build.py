"""Many shows made ready once: counted, numbered, and written as ids that need not fit into memory.

The work goes in pieces, in several processes (data/corpus/encode.py). A piece that is done is not
done again after an interruption, and no file appears under its name before all are whole.
"""

import bisect
import collections
import contextlib
import dataclasses
import fcntl
import hashlib
import itertools
import json
import os
import pathlib
import shlex
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from data import tokens, versions
from data.atomic import atomic_write
from data.command_line import DiskFull, UserError
from data.corpus.counts import MOST
from data.corpus.encode import Piece, number_piece, settle, split_piece
from data.corpus.fast_tokens import unix_lines
from data.corpus.pool import run_all
from data.corpus.prepared import (
    FORMAT,
    MANIFEST,
    SPLITS,
    WORK,
    Prepared,
    changed,
    read_manifest,
)
from data.corpus.scan import BLOCK, PIECE, Show, Span, scan, spans_of
from data.show.read import show_name

KINDS = (".txt", ".csv")
SAMPLES = {"train": 4_000_000, "valid": 200_000}  # bytes of text that stay text
STRETCHES = 64  # parts that make the sample of a longer text


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a prepared corpus depends on beside its texts; each is a flag."""

    min_count: int = 2
    vocab_size: int = 50_000
    valid_fraction: float = 0.05
    valid: str = ""

    def __post_init__(self) -> None:
        if self.min_count < 1:
            raise UserError(f"--min-count must be at least 1, not {self.min_count}")
        if self.vocab_size != 0 and self.vocab_size < 2:
            raise UserError(f"--vocab-size must be 0 or at least 2, not {self.vocab_size}")
        if not 0 < self.valid_fraction <= 0.5:
            rule = "above 0 and at most 0.5"
            raise UserError(f"--valid-fraction must be {rule}, not {self.valid_fraction}")


@dataclasses.dataclass(frozen=True)
class Portions:
    """How the work is divided; without influence on what comes of it."""

    processes: int = 1
    block: int = BLOCK
    piece: int = PIECE
    most_words: int = MOST


def prepare(
    sources: Sequence[str],
    out: str | pathlib.Path,
    settings: Settings,
    portions: Portions,
) -> bool:
    """Makes a prepared corpus of scripts, or goes on where an earlier call was interrupted.

    Args:
        sources: text files, CSVs, and folders of such.
        out: the folder of the corpus.

    Returns:
        Whether there was anything to do.

    Raises:
        UserError: if there are no texts, one is not usable, or `out` is something else; `DiskFull`
            if the disk is full. An earlier corpus in `out` stands until the new one is whole.
    """
    folder = pathlib.Path(out)
    paths = list_shows(sources)
    if settings.valid and _resolved(settings.valid) in map(_resolved, paths):
        raise UserError(f"{settings.valid} is among the texts to train on: move it elsewhere")
    if _is_made(folder, paths, settings):
        shutil.rmtree(folder / WORK, ignore_errors=True)
        return False
    try:
        work = folder / WORK
        work.mkdir(parents=True, exist_ok=True)
        with _alone(work / "lock"):
            plan = _plan(paths, work, settings, portions)
            if not (work / MANIFEST).exists():
                _make(plan, work, show_name(folder), settings, portions)
                _write_manifest(plan, work, _command(sources, folder, settings), settings)
            _give_names(folder)
    except OSError as error:
        raise DiskFull(folder, error) from None
    return True


def list_shows(sources: Sequence[str]) -> list[str]:
    """The files that are named, and those in the folders that are named, in order.

    Raises:
        UserError: if one does not exist or is named twice, or a folder holds no texts.
    """
    found: list[str] = []
    for source in map(pathlib.Path, sources):
        inside = [source]
        if source.is_dir():
            inside = sorted(
                path
                for path in source.rglob("*")
                if path.suffix.lower() in KINDS
                and not any(part.startswith(".") for part in path.relative_to(source).parts)
            )
            if not inside:
                raise UserError(f"{source} holds no texts: put .txt or .csv files into it")
        elif not source.exists():
            raise UserError(f"{source}: there is no such file")
        found += [path.as_posix() for path in inside]
    for path, count in collections.Counter(found).items():
        if count > 1:
            raise UserError(f"{path} is named twice")
    return found


def _resolved(path: str) -> pathlib.Path:
    return pathlib.Path(path).resolve()


def _is_made(folder: pathlib.Path, paths: list[str], settings: Settings) -> bool:
    """Whether the folder is this very corpus; raises `UserError` if it is none of ours."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: give --out a folder")
    if (folder / MANIFEST).is_file():
        manifest = read_manifest(folder)
        return (
            manifest["settings"] == dataclasses.asdict(settings)
            and [show["path"] for show in manifest["shows"]] == paths
            and not changed([*manifest["shows"], *manifest["held_out_file"]])
            and not Prepared(folder, manifest).damaged()
        )
    if folder.is_dir() and any(folder.iterdir()) and not (folder / WORK).is_dir():
        raise UserError(f"{folder} holds other files: give another --out")
    return False


@contextlib.contextmanager
def _alone(path: pathlib.Path) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{path.parent.parent} is being prepared by another process") from None
        yield


def _plan(
    paths: list[str], work: pathlib.Path, settings: Settings, portions: Portions
) -> dict[str, Any]:
    """What is to be done: the files as they were found, and the pieces they are cut into."""
    path = work / "plan.json"
    asked = {"settings": dataclasses.asdict(settings), "paths": paths, "piece": portions.piece}
    if path.exists():
        plan = json.loads(path.read_bytes())
        if plan["asked"] == asked and not changed([*plan["shows"], *plan["held_out_file"]]):
            return plan
    path.unlink(missing_ok=True)  # first: it must never vouch for another's pieces
    for file in work.iterdir():
        if file.name != "lock":
            file.unlink()
    fraction = 0.0 if settings.valid else settings.valid_fraction
    tasks = [(show, work, fraction, portions.block) for show in paths]
    shows: list[Show] = run_all(scan, tasks, portions.processes, "looks through the files")
    file = [scan(settings.valid, work, 0.0, portions.block)] if settings.valid else []
    train = spans_of(shows, False, portions.piece)
    valid = spans_of(file or shows, not file, portions.piece)
    plan = {
        "asked": asked,
        "normalization": tokens.normalization_for(set().union(*(show.letters for show in shows))),
        "shows": [dataclasses.asdict(show) for show in shows],
        "held_out_file": [dataclasses.asdict(show) for show in file],
        "subwords": [
            (split, [dataclasses.astuple(span) for span in spans])
            for split, spans in (
                *zip(itertools.repeat("train"), train),
                *zip(itertools.repeat("valid"), valid),
            )
        ],
    }
    with atomic_write(path) as out:
        out.write(json.dumps(plan).encode())
    return json.loads(path.read_bytes())


def _pieces(plan: dict[str, Any], work: pathlib.Path) -> list[Piece]:
    return [
        Piece(work / f"{number}.npz", split, [Span(*span) for span in spans], plan["normalization"])
        for number, (split, spans) in enumerate(plan["subwords"])
    ]


def _make(
    plan: dict[str, Any], work: pathlib.Path, show: str, settings: Settings, portions: Portions
) -> None:
    """Makes all files of the corpus in `work`, but for the manifest."""
    pieces, processes = _pieces(plan, work), portions.processes
    if not (work / "settled.json").exists():
        todo = [(piece, portions.block) for piece in pieces if not piece.path.exists()]
        run_all(split_piece, todo, processes, "splits words")
        settle(pieces, work, show, settings.min_count, settings.vocab_size, portions.most_words)
    settled = json.loads((work / "settled.json").read_bytes())
    for split in SPLITS:
        with (work / f"{split}.ids").open("ab") as file:  # what is there stays
            file.truncate(settled["tokens"][split] * np.dtype(settled["dtype"]).itemsize)
    todo = [
        (piece, offset, settled["dtype"])
        for piece, offset in zip(pieces, settled["offsets"], strict=True)
        if piece.path.exists()  # the others are done
    ]
    run_all(number_piece, todo, processes, "numbers words")
    for split in SPLITS:
        spans = [span for piece in pieces if piece.split == split for span in piece.spans]
        with atomic_write(work / f"{split}.txt") as file:
            file.write(sample(spans, SAMPLES[split]))
    if path := changed([*plan["shows"], *plan["held_out_file"]]):
        (work / "plan.json").unlink()
        raise UserError(f"{path} was changed while it was read: start again")


def sample(spans: Sequence[Span], limit: int) -> bytes:
    """The text of spans, or stretches of whole lines from all over it, of `limit` bytes at most."""
    ends = list(itertools.accumulate(span.end - span.start for span in spans))
    if ends[-1] <= limit:
        return unix_lines(b"".join(block for span in spans for block in span.blocks()))
    found = []
    for number in range(STRETCHES):
        place = number * ends[-1] // STRETCHES
        span = spans[bisect.bisect_right(ends, place)]
        start = span.end - (ends[bisect.bisect_right(ends, place)] - place)
        end = min(start + limit // STRETCHES, span.end)
        text = unix_lines(b"".join(Span(span.show, span.path, start, end).blocks()))
        border = b"\n" if b"\n" in text else b" "
        if start > span.start:
            text = text[text.index(border) + 1 :] if border in text else b""
        if end < span.end:
            text = text[: text.rfind(border) + 1]
        found.append(text if text.endswith(b"\n") else text + b"\n")
    return b"".join(found)


def _write_manifest(
    plan: dict[str, Any], work: pathlib.Path, command: str, settings: Settings
) -> None:
    settled = json.loads((work / "settled.json").read_bytes())
    vocabulary = (work / "vocab.json").read_bytes()
    shows, held_out = map(_told, plan["shows"]), map(_told, plan["held_out_file"])
    told = {"train": list(shows), "valid": list(held_out)}
    told["valid"] = told["valid"] or told["train"]
    for piece, offset, sizes in zip(
        _pieces(plan, work), settled["offsets"], settled["sizes"], strict=True
    ):
        for span, size in zip(piece.spans, sizes, strict=True):
            show = told[piece.split][span.show]  # whose spans follow each other
            show.setdefault(piece.split, {"offset": offset, "tokens": 0})["tokens"] += size
            offset += size
    own = (*(f"{split}.ids" for split in SPLITS), *(f"{split}.txt" for split in SPLITS))
    manifest = {
        "format": FORMAT,
        "version": versions.CORPUS,
        "command": command,
        "settings": dataclasses.asdict(settings),
        "dtype": settled["dtype"],
        "tokens": settled["tokens"],
        "unknown_share": settled["unknown"],
        "bytes": sum(show["bytes"] for show in plan["shows"]),
        "vocabulary": {
            "words": len(json.loads((work / "counts.json").read_bytes())),
            "sha256": hashlib.sha256(vocabulary).hexdigest(),
        },
        "files": {
            name: (work / name).stat().st_size for name in (*own, "vocab.json", "counts.json")
        },
        "shows": told["train"],
        "held_out_file": told["valid"] if plan["held_out_file"] else [],
    }
    with atomic_write(work / MANIFEST) as file:
        file.write(json.dumps(manifest, indent=1, ensure_ascii=False).encode())


def _told(show: dict[str, Any]) -> dict[str, Any]:
    """What the manifest tells of a file."""
    return {name: show[name] for name in ("path", "bytes", "modified", "sha256")}


def _command(sources: Sequence[str], folder: pathlib.Path, settings: Settings) -> str:
    """What was typed, for whoever has to type it again."""
    words = ["python", "-m", "data", "prepare", *map(str, sources), "--out", str(folder)]
    for field in dataclasses.fields(settings):
        if (value := getattr(settings, field.name)) != field.default:
            words += ["--" + field.name.replace("_", "-"), str(value)]
    return shlex.join(words)


def _give_names(folder: pathlib.Path) -> None:
    """Moves the files to their place; the manifest, which vouches for all of them, last."""
    work = folder / WORK
    names = json.loads((work / MANIFEST).read_bytes())["files"]
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in names:
        if (work / name).exists():  # else an interrupted call has moved it
            os.replace(work / name, folder / name)
    os.replace(work / MANIFEST, folder / MANIFEST)
    shutil.rmtree(work)
