"""A prepared corpus: what `python -m data prepare` has made, and how it is read.

A folder of ids that are mapped into memory, not loaded; docs/scaling.md describes its files.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from data import versions
from data.command_line import UserError
from data.vocab import Vocabulary

if TYPE_CHECKING:
    import numpy as np

FORMAT = "cold-open-corpus"
MANIFEST = "manifest.json"
WORK = ".work"  # where a prepare keeps what it has done so far
SPLITS = ("train", "valid")


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A prepared corpus that is whole."""

    folder: pathlib.Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | pathlib.Path) -> "Prepared":
        """Reads the manifest, and nothing else.

        Raises:
            UserError: if the folder is no prepared corpus, of another version, not whole, or if
                one of the files that it was made of is at hand and has changed.
        """
        folder = pathlib.Path(folder)
        prepared = cls(folder, read_manifest(folder))
        manifest = prepared.manifest
        if name := prepared.damaged():
            raise UserError(
                f"{folder / name} is not as it was prepared: give the prepare command again "
                f"({manifest['command']})"
            )
        if path := changed([*manifest["shows"], *manifest["held_out_file"]]):
            raise UserError(
                f"{path} has changed since {folder} was prepared: give the prepare command again "
                f"({manifest['command']})"
            )
        return prepared

    def damaged(self) -> str:
        """The first of the files that is not there, or not of the size it had; "" for none."""
        for name, size in self.manifest["files"].items():
            path = self.folder / name
            if not path.is_file() or path.stat().st_size != size:
                return name
        return ""

    def vocabulary(self) -> Vocabulary:
        """The vocabulary; raises `UserError` if it is not the one the ids were made with."""
        content = (self.folder / "vocab.json").read_bytes()
        if hashlib.sha256(content).hexdigest() != self.manifest["vocabulary"]["sha256"]:
            raise UserError(
                f"{self.folder / 'vocab.json'} is not the vocabulary of the ids beside it: "
                f"remove {self.folder} and prepare it again"
            )
        return Vocabulary.from_json(content.decode())

    def counts(self) -> list[int]:
        """How often each word of the vocabulary stands in the training text, by id."""
        return json.loads((self.folder / "counts.json").read_bytes())

    def ids(self, split: str) -> "np.memmap":
        """The ids of "train" or "valid" (words,), unsigned integers, read as they are needed."""
        import numpy as np  # not before: refusals and --help do without

        return np.memmap(self.folder / f"{split}.ids", self.manifest["dtype"], mode="r")

    def sample(self, split: str) -> str:
        """Text of "train" or "valid": all of it, or stretches from all over it."""
        with (self.folder / f"{split}.txt").open(encoding="utf-8", newline="") as file:
            return file.read()


def is_prepared(path: str | pathlib.Path) -> bool:
    """Whether a path is a prepared corpus and not a file; raises `UserError` for other folders."""
    folder = pathlib.Path(path)
    if not folder.is_dir() or (folder / MANIFEST).is_file():
        return folder.is_dir()
    if (folder / WORK).is_dir():
        raise UserError(f"{folder} is not prepared to its end: give the prepare command again")
    raise UserError(
        f"{folder} is a folder: name one text file in it, or prepare all of them with "
        f"python -m data prepare {folder} --out data/prepared/{folder.name or 'all'}"
    )


def read_manifest(folder: pathlib.Path) -> dict[str, Any]:
    """The manifest of a prepared corpus; raises `UserError` for anything else."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path} is not that of a prepared corpus: give another folder")
    if manifest.get("version") != versions.CORPUS:
        raise UserError(
            f"{folder} was prepared by another version ({manifest.get('version')}, this program "
            f"reads {versions.CORPUS}): remove it and prepare it again"
        )
    return manifest


def changed(shows: Iterable[dict[str, Any]]) -> str:
    """The first of a manifest's shows whose file has another content now; "" for none.

    A file that cannot be read is not asked for: the corpus is enough to train on. One of the same
    size and time is taken for the same; another is read.
    """
    for show in shows:
        try:
            status = os.stat(show["path"])
            if (status.st_size, status.st_mtime_ns) == (show["bytes"], show["modified"]):
                continue
            with open(show["path"], "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != show["sha256"]:
                    return show["path"]
        except OSError:
            continue
    return ""
