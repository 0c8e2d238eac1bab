"""heading_words: the words of a script's headings; vocab.json keeps them."""

import pytest

from data.headings import MIN_HEADINGS
from data.texts import load_texts
from data.vocab import Vocabulary

HEADINGS = "[setting: the Pier, morning]\n\nann: hello there\n\n[setting: the Pier]\n\nbob: no\n\n"

SPEECHES = "ann: hello\n\nbob: no\n\n" * 60


def vocabulary_of(text, tmp_path):
    """The vocabulary of a script with the options of a run."""
    path = tmp_path / "show.txt"
    path.write_text(text)
    return load_texts(str(path), "x").vocabulary


def test_words_of_headings_are_kept_in_vocab_json(tmp_path):
    vocabulary = vocabulary_of(HEADINGS * MIN_HEADINGS, tmp_path)
    assert set(vocabulary.heading_words) == {"the", "pier", "||comma||", "morning]", "pier]"}
    assert vocabulary.heading_words[0] == "the"
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@pytest.mark.parametrize(
    "text",
    [
        HEADINGS * 5 + SPEECHES,  # too few
        (HEADINGS + "ann: [laughs] hello\n\n") * MIN_HEADINGS,
        (HEADINGS + "ann: [laughs out loud] hello\n\n") * MIN_HEADINGS,
        SPEECHES,
    ],
)
def test_script_with_brackets_within_lines_has_no_heading_words(text, tmp_path):
    vocabulary = vocabulary_of(text, tmp_path)
    assert vocabulary.heading_words == []
    assert "heading_words" not in vocabulary.to_json()
