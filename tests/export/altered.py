"""Alterations of a bundle whose author also corrects the manifest."""

import json
import pathlib
import random
from collections.abc import Callable
from typing import Any

from data.checksum import file_sha256


def edit_manifest(folder: pathlib.Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Applies a change to the fields of manifest.json."""
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def update_checksum(folder: pathlib.Path, name: str) -> None:
    """Sets the manifest's checksum and size of a file to the current ones."""
    new = {"sha256": file_sha256(folder / name), "bytes": (folder / name).stat().st_size}
    edit_manifest(folder, lambda manifest: manifest["files"][name].update(new))


def flip_bits(path: pathlib.Path, count: int, start: int, end: int) -> None:
    """Flips bits at random places of a range of a file."""
    content, source = bytearray(path.read_bytes()), random.Random(7)
    for _ in range(count):
        content[source.randrange(start, end)] ^= 1 << source.randrange(8)
    path.write_bytes(content)
