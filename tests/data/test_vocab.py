"""Lookup tables and the vocabulary."""

import json

import pytest

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
