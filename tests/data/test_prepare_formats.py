"""Preparing a folder of scripts in several formats: what is read, skipped, refused, noticed."""

import json
import sys
import zipfile

import pytest

from data import __main__ as command
from data.command_line import UserError
from data.corpus.build import prepare
from data.corpus.prepared import MANIFEST, Prepared
from data.corpus.settings import Settings
from data.show.read import read_show
from tests.data.corpora import FILLER, SMALL

NAMES = ("e1.csv", "e2.txt", "e3.txt", "e10.zip")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "show"
    path.mkdir()
    (path / "e1.csv").write_text("who;said\n" + "Ann;I said so, Bob\nBob;You did not\n" * 40)
    (path / "e2.txt").write_text("[00:01] Ann: It was late.\n[00:02] Bob: No.\n" * 40)
    (path / "e3.txt").write_text(FILLER)
    with zipfile.ZipFile(path / "e10.zip", "w") as file:
        file.writestr("a.txt", "Ann - Never mind me.\nBob - I do mind.\n" * 40)
    (path / "notes.txt").write_text("too short")
    (path / "pier.jpg").write_bytes(b"\xff\xd8\xff" * 99)
    (path / "sound.dat").write_bytes(b"\0\1" * 999)
    return path


def test_folder_of_all_formats_is_prepared_in_natural_order_and_says_what_it_skips(
    folder, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "x"
    flags = ["--out", str(out), "--processes", "1", "--min-count", "1"]
    monkeypatch.setattr(sys, "argv", ["data", "prepare", str(folder), *flags])
    command.main()
    said = capsys.readouterr().err
    assert "e1.csv: table (CSV)" in said
    assert "skipped " + str(folder / "notes.txt") + " holds 2 words" in said
    assert "pier.jpg: no script, by its name" in said
    assert "sound.dat is not plain text" in said
    corpus = Prepared.open(out)
    assert [show["path"] for show in corpus.manifest["shows"]] == [
        str(folder / name) for name in NAMES
    ]
    whole = corpus.excerpt("train") + corpus.excerpt("valid")
    assert sorted(whole.split()) == sorted(
        word for name in NAMES for word in read_show(folder / name).split()
    )
    assert not prepare([str(folder)], out, Settings(min_count=1), SMALL)
    (folder / "notes.txt").write_text(FILLER)  # mended
    assert prepare([str(folder)], out, Settings(min_count=1), SMALL)
    assert len(json.loads((out / MANIFEST).read_text())["shows"]) == len(NAMES) + 1


def test_strict_and_named_files_are_not_skipped(folder, tmp_path):
    with pytest.raises(UserError, match=r"notes.txt holds 2 words"):
        prepare([str(folder)], tmp_path / "x", Settings(strict=True), SMALL)
    with pytest.raises(UserError, match=r"notes.txt holds 2 words"):
        prepare([str(folder / "notes.txt")], tmp_path / "y", Settings(), SMALL)


def test_format_and_columns_apply_to_all_files(folder, tmp_path):
    settings = Settings(format="table", columns="character=said,dialogue=who")
    prepare([str(folder / "e1.csv")], tmp_path / "x", settings, SMALL)
    assert "I said so, Bob: Ann\n" in Prepared.open(tmp_path / "x").excerpt("train")


def test_large_file_in_another_format_is_refused_in_one_line(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("data.corpus.scan.MAX_CONVERTED_BYTES", 100)
    with pytest.raises(UserError, match=r"e1.csv has 0 MB: formats other than `Name: speech`"):
        prepare([str(folder / "e1.csv")], tmp_path / "x", Settings(), SMALL)
    prepare([str(folder / "e3.txt")], tmp_path / "x", Settings(), SMALL)
