"""Blocked words and repeated documents are left out of the text."""

import random

import pytest

from data.base.blocked import blocked_words, is_blocked
from data.base.clean import without_blocked, write_text
from data.base.documents import Document
from data.base.duplicates import Duplicates


def words(count: int, seed: int) -> str:
    source = random.Random(seed)
    return " ".join(source.choice("abcdefgh") + str(source.randrange(999)) for _ in range(count))


@pytest.mark.parametrize("form", ["{}", "{}.", '"{}!"', "so {} it", "{}'s", "non-{}", "{}-like"])
def test_every_blocked_word_is_found_in_each_form(form):
    whole, parts = blocked_words()
    assert len(whole) > 200
    compound = "'" in form or "-" in form
    for word in (*whole, *parts):
        if "-" not in word or not compound:  # an entry with a hyphen is a compound already
            assert is_blocked(form.format(word))
            assert is_blocked(form.format(word.capitalize()))


def test_blocked_part_is_found_inside_a_word():
    for part in blocked_words()[1]:
        assert is_blocked(f"un{part}ly")


@pytest.mark.parametrize("text", ["s**t", "f*** it", "a p*ss", "bull****"])
def test_bleeped_word_is_blocked(text):
    assert is_blocked(text)


@pytest.mark.parametrize(
    "text", ["The class is assessing a cockpit.", "It is *very* good.", "a 2 * 3"]
)
def test_harmless_words_that_contain_a_blocked_one_are_kept(text):
    assert not is_blocked(text)


def test_paragraph_with_a_blocked_word_is_dropped():
    bad = next(iter(sorted(blocked_words()[0])))
    kept, dropped = without_blocked(["Ann: hello", f"Bob: you {bad}", "Cy: oh *no*"])
    assert kept == ["Ann: hello", "Cy: oh no"]
    assert dropped == 1


def test_speeches_of_one_speaker_around_a_dropped_one_are_joined():
    bad = next(iter(sorted(blocked_words()[0])))
    paragraphs = ["Ann: hello", "Ann: again", f"Bob: {bad}", "Ann: well", "Bob: yes"]
    assert without_blocked(paragraphs)[0] == ["Ann: hello", "Ann: again well", "Bob: yes"]


@pytest.mark.parametrize("length", [120, 5000], ids=["short", "long"])
def test_document_that_repeats_a_part_of_an_earlier_one_is_a_duplicate(length):
    first, second = words(length, 1), words(length, 2)
    duplicates = Duplicates()
    assert not duplicates.is_duplicate([first])
    assert not duplicates.is_duplicate([second])
    half = length // 2 * 5
    assert duplicates.is_duplicate([first[:half] + words(length // 2, 3)])
    assert not duplicates.is_duplicate([words(length, 4) + first[: length // 2]])


def test_dialogue_with_other_names_is_a_duplicate():
    turns = [words(20, seed) for seed in range(10)]
    duplicates = Duplicates()
    assert not duplicates.is_duplicate([f"Ann: {turn}" for turn in turns])
    assert duplicates.is_duplicate([f"Bob: {turn}" for turn in turns])


def test_document_of_a_few_words_is_never_a_duplicate():
    duplicates = Duplicates()
    assert not duplicates.is_duplicate(["Hello there."])
    assert not duplicates.is_duplicate(["Hello there."])


def test_text_has_a_blank_line_between_paragraphs_and_two_between_documents(tmp_path):
    documents = [Document("a", ["Ann: one", "Bob: two"]), Document("b", ["three"])]
    counts = write_text(documents, tmp_path / "show.txt", Duplicates())
    assert (tmp_path / "show.txt").read_text() == "Ann: one\n\nBob: two\n\n\nthree\n\n\n"
    assert (counts.files, counts.documents, counts.paragraphs, counts.words) == (2, 2, 3, 5)


def test_text_reports_dropped_paragraphs_and_duplicate_titles(tmp_path):
    bad = next(iter(sorted(blocked_words()[0])))
    documents = [
        Document("a", [words(300, 1), f"oh {bad}"]),
        Document("copy", [words(300, 1)]),
        Document("c", [f"only {bad}"]),
    ]
    counts = write_text(documents, tmp_path / "show.txt", Duplicates())
    assert counts.blocked_paragraphs == 2
    assert counts.duplicate_titles == ["copy"]
    assert counts.documents == 1
