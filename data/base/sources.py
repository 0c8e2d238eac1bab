"""The manifest of the base's sources, sources.json."""

import dataclasses
import fnmatch
import pathlib
import re

from data import strict_json
from data.atomic import atomic_write

MANIFEST = pathlib.Path(__file__).with_name("sources.json")


@dataclasses.dataclass(frozen=True)
class Repository:
    """A repository on GitHub at one commit."""

    owner: str
    name: str
    commit: str

    @property
    def folder(self) -> str:
        """The top folder of the archive that the host makes of it."""
        return f"{self.name}-{self.commit}"

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}@{self.commit}"


@dataclasses.dataclass(frozen=True)
class Source:
    """A source of free text: where it is, how it is read, and who must be credited."""

    name: str
    title: str
    licence: str
    attribution: str
    reader: str
    repositories: tuple[Repository, ...]
    paths: tuple[str, ...]  # patterns; `*` does not cross a "/"
    skipped: tuple[str, ...]  # patterns of file names that are not read
    one_by_one: bool  # the paths are few of a large repository: each is downloaded by itself
    sha256: str  # of the text read

    def wants(self, path: str) -> bool:
        """Whether a path inside a repository is part of the source."""
        parts = path.split("/")
        if any(fnmatch.fnmatchcase(parts[-1], pattern) for pattern in self.skipped):
            return False
        if self.one_by_one:
            return path in self.paths
        return any(_matches(parts, pattern.split("/")) for pattern in self.paths)


def _matches(parts: list[str], patterns: list[str]) -> bool:
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def read_sources(manifest: pathlib.Path = MANIFEST) -> list[Source]:
    """The sources, in the order in which they are read."""
    return [
        _source(entry)
        for entry in strict_json.loads(manifest.read_text(encoding="utf-8"))["sources"]
    ]


def pin_sources(manifest: pathlib.Path, digests: dict[str, str]) -> None:
    """Writes the digests of the text read from each source into the manifest."""
    content = strict_json.loads(manifest.read_text(encoding="utf-8"))
    for entry in content["sources"]:
        entry["sha256"] = digests[entry["name"]]
    with atomic_write(manifest) as file:
        file.write(strict_json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n")


def _source(entry: dict) -> Source:
    repositories = []
    for address in entry["repositories"]:
        owner, name, commit = re.fullmatch(r"([^/]+)/([^@]+)@(\w+)", address).groups()
        repositories.append(Repository(owner, name, commit))
    fields = {key: value for key, value in entry.items() if key != "repositories"}
    for key in ("paths", "skipped"):
        fields[key] = tuple(entry[key])
    return Source(repositories=tuple(repositories), **fields)


def natural_order(path: str) -> list:
    """A sorting key that puts chapter-2 before chapter-10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path)]
