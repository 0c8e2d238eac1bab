"""Lookup tables and the vocabulary."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import versions
from data.command_line import UserError
from data.vocab import Vocabulary, create_lookup_tables


def test_lookup_tables_are_inverse():
    words = ["the", "cat", "sat", "on", "the", "mat", "the", "end"]
    vocab_to_int, int_to_vocab = create_lookup_tables(words)
    assert isinstance(vocab_to_int, dict)
    assert isinstance(int_to_vocab, dict)
    assert set(vocab_to_int) == set(words)
    assert sorted(int_to_vocab) == list(range(6))
    assert vocab_to_int["the"] == 0
    assert all(int_to_vocab[vocab_to_int[word]] == word for word in words)


def test_vocabulary_round_trip_through_json():
    vocabulary = Vocabulary.build("Zoë: oui!\n\nZoë: non.\n\n" * 9, "Café")
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary
    assert vocabulary.speakers == [("zoë", 18)]
    assert vocabulary.encode("ZOË:") == vocabulary.encode("zoë:")
    assert vocabulary.encode("never")[0] == vocabulary.unknown_id


def test_vocabulary_of_another_version_is_refused():
    fields = json.loads(Vocabulary.build("Ann: hello\n" * 9, "Ann").to_json())
    fields["version"] = versions.VOCABULARY - 1
    with pytest.raises(UserError, match=r"has version .*: export the model again"):
        Vocabulary.from_json(json.dumps(fields))


@given(st.text(), st.text(max_size=5))
def test_every_vocabulary_that_is_built_can_be_read(text, show):
    vocabulary = Vocabulary.build(text, show, min_count=1)
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("words", ["<unk>", "hello", "hello"], "one twice"),
        ("words", ["<unk>", "two words"], "not one word"),
        ("words", ["<unk>", "comma,"], "not one word"),
        ("words", ["<unk>", ""], "not one word"),
        ("words", ["hello"], "has no word <unk>"),
        ("words", [1, 2], "not a list of texts"),
        ("words", {"hello": 1}, "not a list of texts"),
        ("words", None, "not a list of texts"),
        ("words", ["<unk>", "\ud800"], "lone surrogate"),
        ("unknown", "hello", "has no word <unk>"),
        ("symbols", {}, "symbols or casing"),
        ("symbols", [], "symbols or casing"),
        ("casing", "upper", "symbols or casing"),
        ("primer", "", "primer"),
        ("primer", "hello", "primer"),
        ("primer", None, "primer"),
        ("normalization", [["", "x"]], "list of pairs"),
        ("normalization", [["x"]], "list of pairs"),
        ("normalization", "x", "list of pairs"),
        ("normalization", 7, "list of pairs"),
        ("normalization", [["é", "e" * 9]], "list of pairs"),
        ("normalization", [["é", "è"], ["è", "éé"]], "replaces what it has put in"),
        ("speakers", [["ann", -1]], "list of pairs"),
        ("speakers", [["ann", True]], "list of pairs"),
        ("speakers", [[7, 7]], "list of pairs"),
        ("speakers", {"ann": 2}, "list of pairs"),
        ("speaker_repeat", -0.1, "speaker_repeat"),
        ("speaker_repeat", "1", "speaker_repeat"),
        ("speaker_repeat", None, "speaker_repeat"),
        ("heading_words", ["nowhere]"], "heading_words"),
        ("heading_words", "the", "heading_words"),
        ("show", None, "not a text"),
        ("show", ["a"], "not a text"),
        ("weights_sha256", 7, "not a text"),
    ],
)
def test_damaged_field_is_named(name, value, problem):
    fields = json.loads(Vocabulary.build("Ann: hello, é\n" * 9, "Ann").to_json())
    with pytest.raises(UserError, match=f"the vocabulary is damaged: .*{problem}"):
        Vocabulary.from_json(json.dumps(fields | {name: value}))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"speaker_repeat": NaN}', "é"])
def test_text_that_is_not_json_is_refused(text):
    with pytest.raises(UserError, match="the vocabulary is not JSON"):
        Vocabulary.from_json(text)
