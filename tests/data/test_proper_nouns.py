"""proper_nouns: which words of a script are names; vocab.json keeps them."""

from data.proper_nouns import MIN_COUNT, proper_nouns
from data.vocab import Vocabulary

LINE = "Ann: Well, and Kevin sat on the Pier of Lost Shoes, and the pier is lost in the sea.\n\n"


def test_a_word_with_capitals_within_sentences_is_a_name():
    assert proper_nouns(LINE * MIN_COUNT, {"kevin", "pier", "sea", "shoes"}) == ["kevin"]
    assert proper_nouns(LINE * (MIN_COUNT - 1), {"kevin"}) == []
    assert proper_nouns(LINE * MIN_COUNT, {"sea"}) == []  # not in the vocabulary


def test_headings_titles_and_starts_of_sentences_are_no_names():
    text = "[setting: on the Moon]\n\nthe Owl And The Moon Go\n\nAnn: no. Owls sleep, ann.\n\n"
    assert proper_nouns(text * MIN_COUNT, {"moon", "owl", "owls", "go", "and"}) == []


def test_names_are_kept_in_vocab_json():
    vocabulary = Vocabulary.build(LINE * MIN_COUNT, "x").with_names_of(LINE * MIN_COUNT)
    assert vocabulary.names == ["kevin"]
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_vocab_json_without_names_is_read():
    plain = Vocabulary.build("ann: hello\n\n" * 5, "x")
    assert '"names"' not in plain.to_json()
    assert Vocabulary.from_json(plain.to_json()) == plain
