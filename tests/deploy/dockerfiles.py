"""A parser for the Dockerfiles: stages, instructions, and the files that each COPY takes."""

import dataclasses
import fnmatch
import pathlib
import re

from tests.conftest import ROOT


@dataclasses.dataclass
class Stage:
    """One build stage: FROM and the instructions after it."""

    base: str
    instructions: list[tuple[str, str]]

    def values(self, name: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == name]

    def copied(self) -> set[str]:
        """The repository files that the COPY instructions of this stage take."""
        found: set[str] = set()
        for rest in self.values("COPY"):
            if rest.startswith("--from="):
                continue
            *sources, _target = rest.split()
            for source in sources:
                path = ROOT / source
                assert path.exists(), f"COPY {source}: no such file"
                files = [path] if path.is_file() else list(path.rglob("*"))
                paths = [str(each.relative_to(ROOT)) for each in files if each.is_file()]
                taken = {name for name in paths if not ignored(name)}
                assert taken, f"COPY {source}: excluded by .dockerignore"
                found |= taken
        return found


def stages(name: str) -> list[Stage]:
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: list[Stage] = []
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            found.append(Stage(rest.split()[0], []))
        elif found and word:
            found[-1].instructions.append((word, rest.strip()))
    return found


def ignored(name: str) -> bool:
    """Whether .dockerignore excludes a file: the last matching line decides."""
    path, excluded = pathlib.PurePath(name), False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pattern = line.strip().lstrip("!").rstrip("/")
        inner = pattern.removeprefix("**/")
        ancestors = [path, *path.parents[:-1]]
        matches = any(
            fnmatch.fnmatch(each.name if pattern != inner else str(each), inner)
            for each in ancestors
        )
        if matches:
            excluded = not line.startswith("!")
    return excluded
