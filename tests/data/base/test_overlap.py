"""The 13-grams of a held-out show in the base's text."""

import random

import pytest

from data.base import overlap as module
from data.base.overlap import overlap


def words(count: int, seed: int) -> list[str]:
    source = random.Random(seed)
    return [source.choice("abcdefgh") + str(source.randrange(9999)) for _ in range(count)]


def speeches(text: list[str], name: str) -> str:
    lines = [" ".join(text[start : start + 10]) for start in range(0, len(text), 10)]
    return "\n\n".join(f"{name}: {line}." for line in lines) + "\n\n"


@pytest.fixture
def show(tmp_path):
    path = tmp_path / "show.txt"
    path.write_text(speeches(words(300, 1), "ann"))
    return path


def test_show_that_the_text_does_not_hold_has_no_overlap(show, tmp_path):
    (tmp_path / "base.txt").write_text(speeches(words(5000, 2), "bob"))
    result = overlap([tmp_path / "base.txt"], show)
    assert (result.grams, result.found, result.share) == (288, 0, 0.0)
    assert result.examples == []


def test_overlap_is_counted_by_text_and_shown(show, tmp_path):
    copied = words(300, 1)[100:150]
    text = " ".join(word.upper() for word in copied)
    (tmp_path / "clean.txt").write_text(speeches(words(500, 2), "bob"))
    (tmp_path / "dirty.txt").write_text(f"“{text}!”\n\n" + speeches(words(500, 3), "bob"))
    result = overlap([tmp_path / "clean.txt", tmp_path / "dirty.txt"], show)
    assert result.found == 50 - 12
    assert result.found_by_text == {"clean": 0, "dirty": 38}
    assert result.examples == [" ".join(copied)]


def test_overlap_ignores_speakers_line_ends_and_apostrophes(tmp_path):
    text = words(300, 1)
    (tmp_path / "show.txt").write_text(speeches(["theyre", *text], "jerry"))
    (tmp_path / "base.txt").write_text(speeches(["they’re", *text], "JERRY SEINFELD"))
    result = overlap([tmp_path / "base.txt"], tmp_path / "show.txt")
    assert result.share == 1.0


def test_overlap_is_found_across_the_blocks_of_a_large_text(show, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 50)
    (tmp_path / "base.txt").write_text(show.read_text())
    assert overlap([tmp_path / "base.txt"], show).share == 1.0
