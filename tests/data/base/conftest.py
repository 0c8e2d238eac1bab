"""Fixtures of the tests of the base's text: a local HTTP server in the layout of the hosts."""

import functools
import http.server
import pathlib
import threading
from collections.abc import Iterator

import pytest

from data.base import download
from data.base.archives import Hosts
from data.base.build import build_base
from tests.data.base.samples import COMMIT, FILES, SOURCES, tar_of, write_manifest


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, records the requests, and breaks off the response to some of them."""

    requested: list[str]
    cut: dict[str, int]  # by path: bytes after which the connection closes, once

    def do_GET(self):
        self.requested.append(self.path)
        super().do_GET()

    def copyfile(self, source, outputfile):
        size = self.cut.pop(self.path, None)
        outputfile.write(source.read() if size is None else source.read(size))

    def log_message(self, *_):
        pass


class Server:
    """A host of repositories: their archives and their single files."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.requested: list[str] = []
        self.cut: dict[str, int] = {}
        handler = type("Recorder", (Handler,), {"requested": self.requested, "cut": self.cut})
        address = ("127.0.0.1", 0)
        self.http = http.server.ThreadingHTTPServer(
            address, functools.partial(handler, directory=folder)
        )
        url = f"http://127.0.0.1:{self.http.server_port}"
        self.hosts = Hosts(archives=url, files=url)
        for source in SOURCES:
            for repository in source["repositories"]:
                self._publish(repository)

    def _publish(self, repository: str) -> None:
        name = repository.split("/")[1]
        archive = self.folder / repository / "archive" / f"{COMMIT}.tar.gz"
        archive.parent.mkdir(parents=True)
        archive.write_bytes(tar_of(name))
        for path, text in FILES[name].items():
            file = self.folder / repository / COMMIT / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSES", ())
    (tmp_path / "served").mkdir()
    server = Server(tmp_path / "served")
    # `shutdown` waits for the next poll.
    threading.Thread(target=server.http.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def archives(tmp_path) -> pathlib.Path:
    """A folder of archives: one holds several repositories, another is compressed with xz."""
    folder = tmp_path / "archives"
    folder.mkdir()
    (folder / "ebooks.tar.xz").write_bytes(tar_of("lamp", "play", mode="w:xz"))
    (folder / "rest.tar").write_bytes(tar_of("talks", "game", "chats", "books", mode="w"))
    (folder / "notes.txt").write_text("no archive")
    return folder


@pytest.fixture
def manifest(tmp_path, archives) -> pathlib.Path:
    """A manifest with the digests of the samples."""
    path = write_manifest(tmp_path / "sources.json", {})
    build_base(tmp_path / "pinned", archives, manifest=path, pin=True)
    return path
