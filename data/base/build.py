"""Makes the base's text from its sources: brings the files, reads them, cleans the text.

Each step is skipped if neither its input nor its code has changed.
"""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence
from typing import Any

from data import strict_json
from data.atomic import atomic_write
from data.base.archives import Files, Hosts, download_sources, unpack_archives
from data.base.clean import Counts, write_text
from data.base.documents import load_documents, read_source
from data.base.duplicates import Duplicates
from data.base.sources import MANIFEST, Source, pin_sources, read_sources
from data.checksum import file_sha256
from data.command_line import DiskFull, UserError

REPORT = "report.json"
WORK = ".work"  # hidden, so that `python -m data prepare` does not take its files for texts
HERE = pathlib.Path(__file__).parent
READING_CODE = ("documents.py", "typography.py", "sources.py", "readers/*.py")
CLEANING_CODE = ("clean.py", "blocked.*", "duplicates.py", "grams.py")


def build_base(
    out: pathlib.Path,
    archives: pathlib.Path | None = None,
    hosts: Hosts | None = None,
    manifest: pathlib.Path = MANIFEST,
    pin: bool = False,
) -> dict[str, Any]:
    """Makes OUT/<source>.txt for each source, and OUT/report.json.

    Args:
        out: folder of the texts; files and intermediate results are kept in its folder .work.
        archives: folder of tar archives to take the files from instead of downloading them.
        hosts: where to download from.
        manifest: the list of sources.
        pin: write the digests of the text that was read into the manifest instead of checking them.

    Returns:
        The report: for each source its licence, attribution and counts (`Counts`).

    Raises:
        UserError: if a source cannot be had, or the text read from it is not the expected one.
    """
    work = out / WORK
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskFull(work, error) from None
    sources = read_sources(manifest)
    keys = {source.name: _reading_key(source) for source in sources}
    states = {name: _load(_state(work, name)) for name in keys}
    unread = [
        source
        for source in sources
        if states[source.name].get("key") != keys[source.name]
        or not _documents(work, source.name).exists()
    ]
    files = Files(work / "files")
    if archives:
        unpack_archives(unread, files, archives)
    else:
        download_sources(unread, files, hosts or Hosts())
    for source in unread:
        name = source.name
        sha256 = read_source(source, files.folder, _documents(work, name))
        states[name] = {"key": keys[name], "sha256": sha256}
        _save(_state(work, name), states[name])
    digests = {name: state["sha256"] for name, state in states.items()}
    if pin:
        pin_sources(manifest, digests)
    else:
        _check_digests(sources, digests, work)
    return _clean(sources, digests, out)


def _check_digests(sources: Sequence[Source], digests: dict[str, str], work: pathlib.Path) -> None:
    for source in sources:
        if digests[source.name] != source.sha256:
            raise UserError(
                f"{source.name}: the text read has the sha256 {digests[source.name][:12]}..., the "
                f"manifest expects {source.sha256[:12]}...: remove {work} and run the same command "
                "again, with other archives if they came from a folder"
            )


def _clean(sources: Sequence[Source], digests: dict[str, str], out: pathlib.Path) -> dict[str, Any]:
    """Writes the texts and the report, unless they are up to date."""
    key = _digest(
        [*_code(CLEANING_CODE), *(f"{name} {sha256}" for name, sha256 in digests.items())]
    )
    report = _load(out / REPORT)
    if report.get("key") == key and all(
        path.is_file() and file_sha256(path) == entry["sha256"]
        for entry in report["sources"]
        for path in [out / f"{entry['name']}.txt"]
    ):
        return report
    duplicates = Duplicates()
    entries = []
    for source in sources:
        documents = load_documents(_documents(out / WORK, source.name))
        counts = write_text(documents, out / f"{source.name}.txt", duplicates)
        entries.append(_entry(source, counts))
    report = {"key": key, "sources": entries}
    _save(out / REPORT, report)
    return report


def _entry(source: Source, counts: Counts) -> dict[str, Any]:
    about = {
        "name": source.name,
        "title": source.title,
        "licence": source.licence,
        "attribution": source.attribution,
        "repositories": [str(repository) for repository in source.repositories],
    }
    return about | dataclasses.asdict(counts)


def _documents(work: pathlib.Path, name: str) -> pathlib.Path:
    return work / f"{name}.jsonl"


def _state(work: pathlib.Path, name: str) -> pathlib.Path:
    return work / f"{name}.read.json"


def _reading_key(source: Source) -> str:
    return _digest([*_code(READING_CODE), repr(dataclasses.replace(source, sha256=""))])


def _code(patterns: Sequence[str]) -> list[str]:
    """The content of the files that a step's result depends on."""
    paths = sorted(path for pattern in patterns for path in HERE.glob(pattern))
    return [path.read_text(encoding="utf-8") for path in paths]


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _load(path: pathlib.Path) -> dict[str, Any]:
    try:
        return strict_json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}


def _save(path: pathlib.Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as file:
        file.write(strict_json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n")
