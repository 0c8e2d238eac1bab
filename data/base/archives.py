"""The files of the sources: unpacked from archives in a folder, or downloaded."""

import contextlib
import dataclasses
import hashlib
import lzma
import pathlib
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence

from tqdm import tqdm

from data import strict_json
from data.atomic import atomic_write
from data.base.download import download, download_all
from data.base.sources import Repository, Source
from data.command_line import DiskFull, UserError

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")


@dataclasses.dataclass(frozen=True)
class Hosts:
    """Where repositories are downloaded from."""

    archives: str = "https://github.com"
    files: str = "https://raw.githubusercontent.com"

    def archive(self, repository: Repository) -> str:
        """The address of an archive of a repository at its commit."""
        address = f"{self.archives}/{repository.owner}/{repository.name}/archive"
        return f"{address}/{repository.commit}.tar.gz"


class Files:
    """The folder of the sources' files: a folder for each repository, named NAME-COMMIT.

    A repository whose files are complete has a mark beside its folder and is not brought again,
    unless the manifest wants other files of it.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def missing(self, source: Source) -> list[Repository]:
        """The repositories of a source that are not complete."""
        wanted = _wanted(source)
        return [
            repository
            for repository in source.repositories
            if not (mark := self._mark(repository.folder)).exists() or mark.read_text() != wanted
        ]

    def complete(self, source: Source, folder: str) -> None:
        """Marks a repository as complete.

        Raises:
            UserError: if files that the manifest names are not there.
        """
        if source.one_by_one:
            absent = [path for path in source.paths if not (self.folder / folder / path).is_file()]
            if absent:
                raise UserError(
                    f"{source.name}: {len(absent)} files of {folder} are missing, the first is "
                    f"{absent[0]}"
                )
        with atomic_write(self._mark(folder)) as file:
            file.write(_wanted(source).encode())

    def _mark(self, folder: str) -> pathlib.Path:
        return self.folder / f"{folder}.complete"


def _wanted(source: Source) -> str:
    patterns = [source.paths, source.skipped]
    return hashlib.sha256(strict_json.dumps(patterns).encode()).hexdigest()


def unpack_archives(sources: Sequence[Source], files: Files, archives: pathlib.Path) -> None:
    """Unpacks the sources' files from the tar archives in a folder.

    An archive may hold several repositories, each in a top folder NAME-COMMIT.

    Raises:
        UserError: if the folder or a repository is missing, or an archive is damaged.
    """
    wanted = {
        repository.folder: source for source in sources for repository in files.missing(source)
    }
    if not wanted:
        return
    if not archives.is_dir():
        raise UserError(f"{archives}: there is no such folder of archives")
    for archive in sorted(path for path in archives.iterdir() if path.name.endswith(SUFFIXES)):
        for folder in unpack(archive, wanted, files.folder):
            files.complete(wanted.pop(folder), folder)
    if wanted:
        folder, source = next(iter(wanted.items()))
        raise UserError(
            f"{source.name}: no archive in {archives} holds {folder}"
            + (f" (nor {len(wanted) - 1} more repositories)" if len(wanted) > 1 else "")
        )


def unpack(archive: pathlib.Path, wanted: Mapping[str, Source], out: pathlib.Path) -> list[str]:
    """Unpacks the wanted files of a tar archive.

    Args:
        wanted: the source that each top folder belongs to; other folders are left out.
        out: where the top folders go.

    Returns:
        The wanted top folders that the archive holds.

    Raises:
        UserError: if the archive is damaged or holds an unsafe path.
    """
    met: dict[str, None] = {}
    with _readable(archive), archive.open("rb") as raw:
        size, label = archive.stat().st_size, f"unpack {archive.name}"
        with (
            tqdm.wrapattr(raw, "read", total=size, desc=label, disable=None) as file,
            tarfile.open(fileobj=file, mode="r|*") as tar,
        ):
            for member in tar:
                folder, _, path = member.name.removeprefix("./").partition("/")
                if folder in wanted:
                    met[folder] = None
                    if member.isfile() and wanted[folder].wants(path):
                        _extract(tar, member, out)
    return list(met)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, out: pathlib.Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        tar.extract(member, out, filter="data")
    except OSError as error:
        raise DiskFull(out, error) from None


@contextlib.contextmanager
def _readable(archive: pathlib.Path) -> Iterator[None]:
    """Around the reading of an archive: turns failures into `UserError`s."""
    try:
        yield
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise UserError(f"{archive} is damaged ({error}): replace it") from None
    except OSError as error:
        raise UserError(f"{archive} cannot be read: {error.strerror or error}") from None


def download_sources(sources: Sequence[Source], files: Files, hosts: Hosts) -> None:
    """Downloads the sources' files.

    Raises:
        UserError: if a host is unreachable or lacks a file.
    """
    for source in sources:
        for repository in files.missing(source):
            if source.one_by_one:
                address = f"{hosts.files}/{repository.owner}/{repository.name}/{repository.commit}"
                download_all(source.name, address, source.paths, files.folder / repository.folder)
                files.complete(source, repository.folder)
                continue
            archive = files.folder / f"{repository.folder}.tar.gz"
            download(source.name, hosts.archive(repository), archive)
            try:
                unpacked = unpack(archive, {repository.folder: source}, files.folder)
            finally:
                archive.unlink()  # a damaged archive must be downloaded again
            if not unpacked:
                raise UserError(f"{source.name}: the archive of {repository.name} lacks its folder")
            files.complete(source, repository.folder)
