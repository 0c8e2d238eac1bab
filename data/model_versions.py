"""The versions of an exported model in its folder, and the pointer to the current one.

    NAME/versions/3f9c0a1b2c3d4e5f/   the files of one export, which are never changed
    NAME/current                      the pointer
    NAME/manifest.json ...            the files of the current version again, as hard links

A version is named by the first 16 hexadecimal digits of the SHA-256 of its manifest. The manifest
has the checksum of each file, so that a name stands for the content of all of them. The pointer is
a text file, because some volumes have no symbolic links. It lists the versions that were current,
one per line; the last line is the current one. Replacing it is atomic.
"""

import hashlib
import pathlib
import re

from data.command_line import UserError

POINTER, VERSIONS, MANIFEST = "current", "versions", "manifest.json"
VERSION = re.compile(r"[0-9a-f]{16}")


def version_of(manifest: bytes) -> str:
    """The version that a manifest belongs to.

    Args:
        manifest: the content of manifest.json.
    """
    return hashlib.sha256(manifest).hexdigest()[:16]


def version_folder(folder: pathlib.Path, version: str) -> pathlib.Path:
    """The folder of one version of the model in `folder`."""
    return folder / VERSIONS / version


def history(folder: pathlib.Path) -> list[str]:
    """The versions that were current, each once, the current one last; [] without a pointer.

    Raises:
        UserError: if the pointer is damaged.
    """
    path = folder / POINTER
    try:
        lines = path.read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): export again") from None
    if not lines or not all(map(VERSION.fullmatch, lines)):
        raise UserError(f"{path} is damaged: export again")
    return lines


def current_folder(folder: pathlib.Path) -> pathlib.Path:
    """The folder of the current version; `folder` itself if the model has no versions.

    Raises:
        UserError: if the pointer is damaged.
    """
    versions = history(folder)
    return version_folder(folder, versions[-1]) if versions else folder


def pinned_folder(folder: pathlib.Path, version: str) -> pathlib.Path:
    """The folder of a version, which may also be that of a model without versions.

    Raises:
        UserError: if `version` is no version, or the model does not have it.
    """
    if not VERSION.fullmatch(version):
        raise UserError(
            f"{folder.name}@{version}: a version is 16 hexadecimal digits, such as "
            "3f9c0a1b2c3d4e5f; python -m export versions lists them"
        )
    found = version_folder(folder, version)
    if (found / MANIFEST).is_file():
        return found
    plain = folder / MANIFEST
    if plain.is_file() and version_of(plain.read_bytes()) == version:
        return folder
    kept = sorted(path.name for path in folder.glob(f"{VERSIONS}/*/"))
    raise UserError(f"{folder} has no version {version}: it has {', '.join(kept) or 'none'}")
