"""Files of the sources, unpacked from archives in a folder."""

import io
import tarfile

import pytest

from data.base.archives import Files, unpack_archives
from data.base.sources import read_sources
from data.command_line import UserError
from tests.data.base.samples import COMMIT, add_file, tar_of, write_manifest


@pytest.fixture
def sources(tmp_path):
    return read_sources(write_manifest(tmp_path / "sources.json", {}))


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / "files")


def unpacked(files):
    return sorted(
        path.relative_to(files.folder).as_posix()
        for path in files.folder.rglob("*")
        if path.is_file() and path.suffix != ".complete"
    )


def test_only_the_wanted_files_are_unpacked(sources, files, archives):
    unpack_archives(sources, files, archives)
    assert unpacked(files) == [
        f"books-{COMMIT}/Writer, A./The Pier.txt",
        f"chats-{COMMIT}/blocked_workers.txt",
        f"chats-{COMMIT}/corpus/trains/a.csv",
        f"game-{COMMIT}/data/clean/C1E001.json",
        f"lamp-{COMMIT}/src/epub/text/chapter-1.xhtml",
        f"play-{COMMIT}/src/epub/text/act-1.xhtml",
        f"talks-{COMMIT}/podcast/talk-2.md",
    ]
    assert not any(files.missing(source) for source in sources)


def test_complete_repositories_need_no_archive(sources, files, archives):
    unpack_archives(sources, files, archives)
    for path in archives.iterdir():
        path.unlink()
    unpack_archives(sources, files, archives)


def test_missing_repositories_are_told_and_the_others_kept(sources, files, archives):
    (archives / "ebooks.tar.xz").unlink()
    with pytest.raises(UserError, match=rf"ebooks: no archive in .* holds lamp-{COMMIT} \(nor 1"):
        unpack_archives(sources, files, archives)
    (archives / "ebooks.tar.xz").write_bytes(tar_of("lamp", "play", mode="w:xz"))
    (archives / "rest.tar").unlink()
    unpack_archives(sources, files, archives)


def test_missing_folder_of_archives_is_told(sources, files, tmp_path):
    with pytest.raises(UserError, match="there is no such folder"):
        unpack_archives(sources, files, tmp_path / "none")


@pytest.mark.parametrize("content", [b"no archive", tar_of("lamp", mode="w:xz")[:-200]])
def test_damaged_archive_is_told(content, sources, files, archives):
    (archives / "ebooks.tar.xz").write_bytes(content)
    with pytest.raises(UserError, match=r"ebooks\.tar\.xz is damaged"):
        unpack_archives(sources, files, archives)


def test_archive_without_a_listed_file_is_told(sources, files, archives):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        add_file(tar, f"books-{COMMIT}/Writer, A./Another.txt", b"text")
    (archives / "rest.tar").write_bytes(content.getvalue())
    with pytest.raises(UserError, match=r"books: 1 files .* are missing, .*The Pier"):
        unpack_archives(sources, files, archives)


def test_paths_outside_the_folder_and_links_are_not_unpacked(sources, files, archives, tmp_path):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        add_file(tar, f"talks-{COMMIT}/podcast/../../../evil.md", b"text")
        link = tarfile.TarInfo(f"talks-{COMMIT}/podcast/link.md")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    (archives / "more.tar").write_bytes(content.getvalue())
    unpack_archives(sources, files, archives)
    assert not list(tmp_path.rglob("evil.md"))
    assert not [path for path in files.folder.rglob("*") if path.is_symlink()]
