"""What the Dockerfiles say, read for the tests: stages, instructions, and what each COPY takes."""

import dataclasses
import fnmatch
import pathlib
import re

from tests.conftest import ROOT


@dataclasses.dataclass
class Stage:
    """One FROM and what follows it."""

    base: str
    instructions: list[tuple[str, str]]

    def values(self, name: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == name]

    def copied(self) -> set[str]:
        """The files of the repository that this stage's COPYs take."""
        found: set[str] = set()
        for rest in self.values("COPY"):
            if rest.startswith("--from="):
                continue
            *sources, _target = rest.split()
            for source in sources:
                path = ROOT / source
                assert path.exists(), f"COPY {source}: there is no such file"
                files = [path] if path.is_file() else list(path.rglob("*"))
                names = [str(each.relative_to(ROOT)) for each in files if each.is_file()]
                taken = {name for name in names if not ignored(name)}
                assert taken, f"COPY {source}: .dockerignore keeps it out"
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
    """Whether .dockerignore keeps a file of the repository out: the last line that fits decides."""
    path, out = pathlib.PurePath(name), False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pattern = line.strip().lstrip("!").rstrip("/")
        inner = pattern.removeprefix("**/")
        above = [path, *path.parents[:-1]]
        fits = any(
            fnmatch.fnmatch(each.name if pattern != inner else str(each), inner) for each in above
        )
        if fits:
            out = not line.startswith("!")
    return out
