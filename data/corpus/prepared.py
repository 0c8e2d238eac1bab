"""Reader of a prepared corpus, the output of `python -m data prepare`.

A prepared corpus is a folder of memory-mapped token ids; docs/scaling.md describes its files.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterable
from typing import Any

from data import strict_json, versions
from data.checksum import file_sha256
from data.command_line import UserError
from data.vocab import Vocabulary

FORMAT = "cold-open-corpus"
MANIFEST = "manifest.json"
WORK = ".work"  # the folder in which prepare keeps intermediate results
SPLITS = ("train", "valid")


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A complete prepared corpus."""

    folder: pathlib.Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | pathlib.Path) -> "Prepared":
        """Opens a corpus; reads the manifest and no other file.

        Raises:
            UserError: if the folder is not a prepared corpus, has another version, is incomplete,
                or if one of its source files still exists and has changed.
        """
        folder = pathlib.Path(folder)
        corpus = cls(folder, read_manifest(folder))
        command = corpus.manifest["command"]
        if name := corpus.damaged_file():
            raise UserError(
                f"{folder / name} is missing or damaged: run the prepare command again ({command})"
            )
        if path := changed_file(source_files(corpus.manifest)):
            raise UserError(
                f"{path} has changed since {folder} was prepared: run the prepare command again "
                f"({command})"
            )
        return corpus

    def damaged_file(self) -> str:
        """The first file that is missing or not of the recorded size; "" if there is none."""
        for name, size in self.manifest["files"].items():
            path = self.folder / name
            if not path.is_file() or path.stat().st_size != size:
                return name
        return ""

    def vocabulary(self) -> Vocabulary:
        """The vocabulary; raises `UserError` if it is not the one that encoded the ids."""
        content = (self.folder / "vocab.json").read_bytes()
        if hashlib.sha256(content).hexdigest() != self.manifest["vocabulary"]["sha256"]:
            raise UserError(
                f"{self.folder / 'vocab.json'} is not the vocabulary of the ids beside it: "
                f"remove {self.folder} and prepare it again"
            )
        return Vocabulary.from_json(content.decode())

    def counts(self) -> list[int]:
        """The count of each vocabulary word in the training text, by id."""
        return strict_json.loads((self.folder / "counts.json").read_bytes())

    def ids(self, split: str) -> Any:
        """The ids of a split ("train" or "valid"): an np.memmap (words,) of unsigned integers."""
        import numpy as np  # imported here so that a command line is parsed without NumPy

        return np.memmap(self.folder / f"{split}.ids", self.manifest["dtype"], mode="r")

    def excerpt(self, split: str) -> str:
        """Text of a split ("train" or "valid"): all of it if it is short, else an excerpt."""
        with (self.folder / f"{split}.txt").open(encoding="utf-8", newline="") as file:
            return file.read()


def is_prepared(path: str | pathlib.Path) -> bool:
    """Whether a path is a prepared corpus, not a file or a folder of scripts.

    Raises:
        UserError: if it is not completely prepared.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir() or (folder / MANIFEST).is_file():
        return folder.is_dir()
    if (folder / WORK).is_dir():
        raise UserError(f"{folder} is not completely prepared: run the prepare command again")
    return False


def read_manifest(folder: pathlib.Path) -> dict[str, Any]:
    """The manifest of a prepared corpus.

    Raises:
        UserError: if there is none, it cannot be read, or it has another version.
    """
    path = folder / MANIFEST
    try:
        manifest = strict_json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path} is not the manifest of a prepared corpus: use another folder")
    if manifest.get("version") != versions.CORPUS:
        raise UserError(
            f"{folder} is a prepared corpus of version {manifest.get('version')}, this program "
            f"reads version {versions.CORPUS}: remove it and prepare it again"
        )
    return manifest


def source_files(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of all files that a corpus was prepared from."""
    return [*manifest["shows"], *manifest["valid_file"], *manifest["skipped"]]


def changed_file(entries: Iterable[dict[str, Any]]) -> str:
    """The path of the first source file whose content has changed; "" if there is none.

    A file that cannot be read is skipped: the corpus alone is enough to train on. A file of
    unchanged size and modification time counts as unchanged; of any other, the sha256 is compared.
    """
    for entry in entries:
        try:
            status = os.stat(entry["path"])
            if (status.st_size, status.st_mtime_ns) == (entry["bytes"], entry["mtime_ns"]):
                continue
            if file_sha256(entry["path"]) != entry["sha256"]:
                return entry["path"]
        except OSError:
            continue
    return ""
