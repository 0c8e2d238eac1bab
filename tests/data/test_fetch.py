"""Downloads from a local HTTP server: complete, resumed, missing, of another checksum."""

import dataclasses
import functools
import hashlib
import http.server
import threading

import pytest

from data.command_line import UserError
from data.show import fetch


@pytest.fixture
def server(tmp_path, monkeypatch):
    folder = tmp_path / "served"
    folder.mkdir()
    content = b"Ann: hello\n\n" * 10_000
    (folder / "show.txt").write_bytes(content)
    remote = fetch.SHOWS["seinfeld"]
    remote = dataclasses.replace(remote, sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(fetch.SHOWS, "seinfeld", remote)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        # `shutdown` waits for the next poll.
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", content
        running.shutdown()


def test_fetch_downloads_a_file_once(server, tmp_path):
    address, content = server
    path = fetch.fetch("seinfeld", str(tmp_path / "raw"), f"{address}/show.txt")
    assert path.read_bytes() == content
    assert fetch.fetch("seinfeld", str(tmp_path / "raw"), "http://127.0.0.1:1/none") == path


def test_fetch_of_a_missing_file_says_where_to_save_it(server, tmp_path):
    address, _ = server
    with pytest.raises(UserError, match=r"download .* by hand and save it as") as caught:
        fetch.fetch("seinfeld", str(tmp_path / "raw"), f"{address}/absent.txt")
    assert str(tmp_path / "raw") in str(caught.value)


def test_fetch_refuses_another_checksum(server, tmp_path):
    address, _ = server
    (tmp_path / "served" / "show.txt").write_bytes(b"something else")
    with pytest.raises(UserError, match="sha256"):
        fetch.fetch("seinfeld", str(tmp_path / "raw"), f"{address}/show.txt")
    assert not list((tmp_path / "raw").glob("*.txt"))
