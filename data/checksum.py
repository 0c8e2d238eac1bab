"""Checksums of files."""

import hashlib
import pathlib


def file_sha256(path: str | pathlib.Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
