"""Versions of an exported model: publishes a new one, rolls back, lists and removes old ones.

`data.model_versions` describes the folder of a model.
"""

import contextlib
import dataclasses
import errno
import os
import pathlib
import shutil
import signal
from collections.abc import Iterator
from typing import Any

from data import atomic, model_versions, strict_json
from data.command_line import UserError, folder_error
from data.lock import Locked, exclusive_lock
from data.model_versions import MANIFEST

KEEP_VERSIONS = 3
# The files that some versions have and others do not.
OPTIONAL = ("model.int8.torchscript.pt", "model.int8.onnx", "speller.onnx", "model.pt2")
# Of the training run. A version has a copy; the file in the model's folder is the run's own.
METRICS = "metrics.jsonl"
LOCK = ".export.lock"
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@dataclasses.dataclass(frozen=True)
class Version:
    """One version of a model."""

    name: str
    created: str  # time of the export, UTC
    valid_loss: float
    is_current: bool


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
    """Holds the lock of the versions in a folder, if its file system has locks."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(exclusive_lock(folder / LOCK))
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        except Locked as other:
            raise Locked(f"{other}: wait until that export or rollback ends") from None
        yield


def publish(
    staged: pathlib.Path, folder: pathlib.Path, keep: int = KEEP_VERSIONS, version: str = ""
) -> str:
    """Makes the staged files the current version of the model in `folder`.

    SIGINT and SIGTERM are blocked until all is done.

    Args:
        staged: the folder of the files, on the same file system; it is moved.
        keep: how many versions are kept.
        version: an earlier version that the staged files are equal to; "" for none.

    Returns:
        The version.
    """
    with _signals_blocked():
        if version:
            # make compares times.
            os.utime(model_versions.version_folder(folder, version) / MANIFEST)
        else:
            version = model_versions.version_of((staged / MANIFEST).read_bytes())
            target = model_versions.version_folder(folder, version)
            target.parent.mkdir(exist_ok=True)
            os.replace(staged, target)
        _make_current(folder, [*_existing(folder), version])
        _remove_old(folder, keep)
    return version


def rollback(folder: pathlib.Path, to: str = "") -> str:
    """Makes an earlier version current; returns it.

    Args:
        folder: of the model.
        to: the version; empty for the one that was current before.

    Raises:
        UserError: if there is no such version, or the folder cannot be written to.
        DiskFull: if the disk is full.
        Locked: if another export or rollback uses the folder.
    """
    list_versions(folder)  # raises if there are none
    try:
        with locked(folder), _signals_blocked():
            versions = _existing(folder)
            if to:
                model_versions.pinned_folder(folder, to)
                versions.append(to)
            elif len(versions) < 2:
                kept = ", ".join(sorted(manifests(folder)))
                raise UserError(
                    f"{folder} has no version before the current one: it has {kept}; --to names one"
                )
            else:
                versions.pop()
            _make_current(folder, versions)
    except OSError as error:
        raise folder_error(folder, error) from None
    return versions[-1]


def list_versions(folder: pathlib.Path) -> list[Version]:
    """The versions of a model, the newest first.

    Raises:
        UserError: if there is none.
    """
    current = model_versions.history(folder)[-1:]
    found = [
        Version(name, manifest["created"], manifest["scores"]["valid_loss"], [name] == current)
        for name, manifest in manifests(folder).items()
    ]
    if not found:
        raise UserError(f"{folder} has no versions: make export writes the first one")
    return sorted(found, key=lambda version: version.created, reverse=True)


def manifests(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """The manifest of each version by its name; without those that a killed export left."""
    found = {}
    for path in folder.glob(f"{model_versions.VERSIONS}/*/{MANIFEST}"):
        with contextlib.suppress(OSError, ValueError):
            content = path.read_bytes()
            if model_versions.version_of(content) == path.parent.name:
                found[path.parent.name] = strict_json.loads(content)
    return found


def _make_current(folder: pathlib.Path, versions: list[str]) -> None:
    """Moves the pointer to the last of `versions`, and links its files into the model's folder."""
    current = versions[-1]
    earlier = [version for version in versions if version != current]
    atomic.write_text(
        folder / model_versions.POINTER, "".join(f"{each}\n" for each in [*earlier, current])
    )
    source = model_versions.version_folder(folder, current)
    names = sorted({path.name for path in source.iterdir()} - {MANIFEST, METRICS})
    # First, so that no manifest ever describes a mixture of files of two versions.
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in {*OPTIONAL} - {*names}:
        (folder / name).unlink(missing_ok=True)
    for name in [*names, MANIFEST]:
        _link(source / name, folder / name)


def _link(source: pathlib.Path, target: pathlib.Path) -> None:
    """Replaces `target` by a hard link to `source`, or by a copy on volumes without links."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copy2(source, temporary)
        os.replace(temporary, target)
    finally:
        # Replacing a link by another one to the same file leaves both.
        temporary.unlink(missing_ok=True)


def _remove_old(folder: pathlib.Path, keep: int) -> None:
    """Removes all but `keep` versions: those that were current last are kept first."""
    newest = [version.name for version in list_versions(folder)]
    ranked = list(dict.fromkeys([*reversed(_existing(folder)), *newest]))
    for path in (folder / model_versions.VERSIONS).iterdir():
        if path.name not in ranked[: max(1, keep)]:
            (path / MANIFEST).unlink(missing_ok=True)  # first: it says that the files are whole
            shutil.rmtree(path)


def _existing(folder: pathlib.Path) -> list[str]:
    """The versions that were current and are kept, the current one last."""
    return [name for name in model_versions.history(folder) if name in manifests(folder)]


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
