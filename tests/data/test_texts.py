"""The texts of a run: splits of a script, held-out files, a prepared corpus."""

import types

import pytest

from data.corpus.build import prepare
from data.corpus.settings import Resources, Settings
from data.show.read import read_show, split_with_test
from data.texts import held_out_text, load_texts, texts_of


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other.txt"
    path.write_text("Bob: another text of its own.\n" * 50)
    return path


def test_load_texts_splits_a_script_and_builds_its_vocabulary(show):
    texts = load_texts(str(show), "The Café", valid_fraction=0.1, test_fraction=0.2)
    parts = split_with_test(read_show(show), 0.1, 0.2)
    assert (texts.train_text, texts.valid_text, texts.test_text) == parts
    assert texts.train_ids == texts.vocabulary.encode(texts.train_text)
    assert sum(texts.counts) == len(texts.train_ids)
    assert texts.vocabulary.show == "The Café"


def test_load_texts_takes_held_out_files(show, other):
    text = read_show(show)
    texts = load_texts(str(show), "x", valid=str(other), test=str(other))
    assert (texts.train_text, texts.valid_text) == (text, read_show(other))
    assert texts.test_text == texts.valid_text
    train, _, test = split_with_test(text, 0.0, 0.2)
    texts = load_texts(str(show), "x", valid=str(other), test_fraction=0.2)
    assert (texts.train_text, texts.test_text) == (train, test)


def test_load_texts_opens_a_prepared_corpus(show, other, tmp_path):
    out = tmp_path / "corpus"
    prepare([str(show)], out, Settings(), Resources())
    prepared, plain = (load_texts(str(path), "x", test=str(other)) for path in (out, show))
    assert prepared.vocabulary == plain.vocabulary
    assert prepared.train_ids.tolist() == load_texts(str(show), "x").train_ids
    assert prepared.valid_text == plain.valid_text
    assert prepared.test_text == read_show(other)


def test_held_out_text_is_the_validation_text_of_texts_of(show, other):
    fields = {"data": str(show), "show_name": "x", "valid": "", "valid_fraction": 0.1}
    for more in ({}, {"test": "", "test_fraction": 0.2}, {"valid": str(other)}):
        config = types.SimpleNamespace(**{**fields, **more})
        assert held_out_text(config) == texts_of(config).valid_text
