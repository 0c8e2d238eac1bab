"""The base's text from its sources: from archives, downloaded, resumed, checked."""

import json

import pytest

from data.base.build import build_base
from data.base.sources import read_sources
from data.command_line import UserError
from tests.data.base.samples import COMMIT, write_manifest


def texts(folder):
    return {path.stem: path.read_text() for path in folder.glob("*.txt")}


def archive_of(name):
    return f"/{name}/archive/{COMMIT}.tar.gz"


def test_archives_and_downloads_make_the_same_texts(tmp_path, archives, manifest, server):
    build_base(tmp_path / "a", archives, manifest=manifest)
    build_base(tmp_path / "b", hosts=server.hosts, manifest=manifest)
    assert texts(tmp_path / "a") == texts(tmp_path / "b")
    assert set(texts(tmp_path / "a")) == {"podcast", "game", "chat", "ebooks", "books"}
    assert texts(tmp_path / "a")["ebooks"].startswith('"Wait," said Mr. Day.')


def test_report_has_counts_licence_and_attribution(tmp_path, archives, manifest):
    build_base(tmp_path / "out", archives, manifest=manifest)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    game = next(entry for entry in report["sources"] if entry["name"] == "game")
    assert (game["documents"], game["paragraphs"], game["words"]) == (1, 2, 12)
    assert game["licence"] == "CC0"
    assert game["attribution"] == "A. Writer"
    assert game["repositories"] == [f"players/game@{COMMIT}"]


def test_up_to_date_texts_need_no_files_and_are_not_written_again(tmp_path, archives, manifest):
    out = tmp_path / "out"
    build_base(out, archives, manifest=manifest)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*")}
    report = build_base(out, tmp_path / "none", manifest=manifest)
    assert {path: path.stat().st_mtime_ns for path in out.glob("*")} == before
    assert report == json.loads((out / "report.json").read_text())


def test_changed_text_is_written_again(tmp_path, archives, manifest):
    out = tmp_path / "out"
    build_base(out, archives, manifest=manifest)
    expected = texts(out)
    (out / "game.txt").write_text("something else")
    (out / "chat.txt").unlink()
    build_base(out, tmp_path / "none", manifest=manifest)
    assert texts(out) == expected


def test_digest_that_differs_is_told_by_source(tmp_path, archives):
    manifest = write_manifest(tmp_path / "sources.json", {})
    build_base(tmp_path / "pinned", archives, manifest=manifest, pin=True)
    digests = {source.name: source.sha256 for source in read_sources(manifest)}
    other = write_manifest(tmp_path / "other.json", digests | {"game": "0" * 64})
    with pytest.raises(UserError, match=r"game: the text read has the sha256 .* expects 0000"):
        build_base(tmp_path / "out", archives, manifest=other)
    assert not texts(tmp_path / "out")


def test_unreachable_host_is_one_error_that_names_the_source(tmp_path, server, manifest):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(UserError, match=r"podcast: http.*could not be downloaded .*--archives"):
        build_base(tmp_path / "out", hosts=server.hosts, manifest=manifest)


def test_missing_repository_is_told_and_complete_ones_are_not_downloaded_again(
    tmp_path, server, manifest
):
    archive = server.folder / archive_of("press/lamp")[1:]
    content = archive.read_bytes()
    archive.unlink()
    with pytest.raises(UserError, match=r"ebooks: .*lamp.* could not be downloaded .*404"):
        build_base(tmp_path / "out", hosts=server.hosts, manifest=manifest)
    archive.write_bytes(content)
    server.requested.clear()
    build_base(tmp_path / "out", hosts=server.hosts, manifest=manifest)
    assert archive_of("press/lamp") in server.requested
    assert archive_of("talkers/talks") not in server.requested


def test_interrupted_download_is_resumed(tmp_path, server, manifest):
    server.cut[archive_of("players/game")] = 40
    with pytest.raises(UserError, match=r"game: .* could not be downloaded"):
        build_base(tmp_path / "out", hosts=server.hosts, manifest=manifest)
    build_base(tmp_path / "out", hosts=server.hosts, manifest=manifest)
    assert "We open it!" in texts(tmp_path / "out")["game"]


def test_single_files_are_downloaded_by_their_paths(tmp_path, server, manifest):
    build_base(tmp_path / "out", hosts=server.hosts, manifest=manifest)
    path = f"/library/books/{COMMIT}/Writer%2C%20A./The%20Pier.txt"
    assert [item for item in server.requested if "library" in item] == [path]


def test_damaged_archive_is_downloaded_again(tmp_path, server, manifest):
    archive = server.folder / archive_of("players/game")[1:]
    content = archive.read_bytes()
    archive.write_bytes(b"x" * 100)
    with pytest.raises(UserError, match="is damaged"):
        build_base(tmp_path / "out", hosts=server.hosts, manifest=manifest)
    archive.write_bytes(content)
    build_base(tmp_path / "out", hosts=server.hosts, manifest=manifest)
    assert "We open it!" in texts(tmp_path / "out")["game"]
