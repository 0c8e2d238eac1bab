"""Downloads from a real server on this machine: whole, resumed, wrong, absent."""

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
    show = fetch.SHOWS["seinfeld"]
    known = type(show)(**{**vars(show), "sha256": hashlib.sha256(content).hexdigest()})
    monkeypatch.setitem(fetch.SHOWS, "seinfeld", known)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", content
        running.shutdown()


def test_fetch_brings_the_file_once(server, tmp_path):
    address, content = server
    path = fetch.fetch("seinfeld", str(tmp_path / "raw"), f"{address}/show.txt")
    assert path.read_bytes() == content
    assert fetch.fetch("seinfeld", str(tmp_path / "raw"), "http://127.0.0.1:1/none") == path


def test_a_missing_file_says_where_to_put_it(server, tmp_path):
    address, _ = server
    with pytest.raises(UserError, match=r"get it by hand from .* and put it at") as caught:
        fetch.fetch("seinfeld", str(tmp_path / "raw"), f"{address}/absent.txt")
    assert str(tmp_path / "raw") in str(caught.value)


def test_another_content_is_refused(server, tmp_path):
    address, _ = server
    (tmp_path / "served" / "show.txt").write_bytes(b"something else")
    with pytest.raises(UserError, match="sha256"):
        fetch.fetch("seinfeld", str(tmp_path / "raw"), f"{address}/show.txt")
    assert not list((tmp_path / "raw").glob("*.txt"))
