"""Preparing and opening a corpus: each user error is one line."""

import json
import pathlib

import pytest

from data import versions
from data.command_line import UserError
from data.corpus.build import prepare
from data.corpus.prepared import MANIFEST, WORK, Prepared, is_prepared
from data.corpus.settings import Settings
from tests.data.corpora import FILLER, SMALL


def refused(shows: pathlib.Path, out: pathlib.Path, **options) -> str:
    with pytest.raises(UserError) as caught:
        prepare([str(shows)], out, Settings(**options), SMALL)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_prepare_refuses_sources_and_settings(shows, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty holds no texts" in refused(tmp_path / "empty", tmp_path / "x")
    assert "there is no such file" in refused(tmp_path / "gone", tmp_path / "x")
    assert "--min-count must be at least 1" in refused(shows, tmp_path / "x", min_count=0)
    assert not (tmp_path / "x").exists()
    valid = str(shows / "1.txt")
    assert "1.txt is among the texts to train on" in refused(shows, tmp_path / "x", valid=valid)
    with pytest.raises(UserError, match=r"0.txt is named twice"):
        prepare([str(shows), str(shows / "0.txt")], tmp_path / "x", Settings(), SMALL)


def test_prepare_refuses_an_output_folder_of_other_files(shows, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "file is a file: give --out a folder" in refused(shows, tmp_path / "file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert "holds other files: give another --out" in refused(shows, tmp_path / "full")


def test_prepare_refuses_the_files_that_training_refuses(shows, tmp_path):
    (shows / "3.txt").write_bytes(FILLER.encode() + b"\0\n" + FILLER.encode())
    assert "3.txt is not plain text" in refused(shows, tmp_path / "x", strict=True)
    (shows / "3.txt").write_text("too short")
    assert "3.txt holds 2 words" in refused(shows, tmp_path / "x", strict=True)


def test_prepare_refuses_a_line_larger_than_memory(shows, tmp_path, monkeypatch):
    monkeypatch.setattr("data.corpus.byte_range.MAX_LINE_BYTES", 1000)
    (shows / "3.txt").write_text("word " * 999)
    assert "3.txt has a line of more than" in refused(shows, tmp_path / "x", strict=True)


@pytest.fixture
def corpus(shows, tmp_path) -> pathlib.Path:
    prepare([str(shows)], tmp_path / "x", Settings(), SMALL)
    return tmp_path / "x"


def change_manifest(corpus: pathlib.Path, **fields) -> None:
    manifest = json.loads((corpus / MANIFEST).read_text())
    (corpus / MANIFEST).write_text(json.dumps({**manifest, **fields}))


def test_corpus_of_another_version_is_refused(corpus):
    change_manifest(corpus, version=0)
    rule = rf"of version 0, this program reads version {versions.CORPUS}: remove it and prepare"
    with pytest.raises(UserError, match=rule):
        Prepared.open(corpus)


def test_manifest_of_another_format_is_refused(shows, corpus):
    change_manifest(corpus, format="else")
    with pytest.raises(UserError, match="is not the manifest of a prepared corpus"):
        Prepared.open(corpus)
    assert "is not the manifest of a prepared corpus" in refused(shows, corpus)


def test_incomplete_corpus_is_refused_and_a_folder_of_scripts_is_none(shows, tmp_path):
    assert not is_prepared(shows)
    (tmp_path / "y" / WORK).mkdir(parents=True)
    with pytest.raises(UserError, match="is not completely prepared"):
        is_prepared(tmp_path / "y")


def test_vocabulary_that_did_not_encode_the_ids_is_refused(corpus):
    path = corpus / "vocab.json"
    path.write_text(path.read_text().replace("hello", "hallo"))
    with pytest.raises(UserError, match="is not the vocabulary of the ids beside it"):
        Prepared.open(corpus).vocabulary()
