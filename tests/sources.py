"""What the source files of this repository import from each other."""

import ast
import pathlib

from tests.conftest import ROOT


def imported_files(path: pathlib.Path) -> set[str]:
    """The files of this repository that a Python file imports, relative to its root."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    files = {name.replace(".", "/") + ".py" for name in names}
    return {file for file in files if (ROOT / file).is_file()}
