"""Reading a script, and splitting it into train, validation and test text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.command_line import UserError
from data.show import read


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x00\x01binary" * 99, "not plain text"),
        (b"too short", "holds 2 words"),
    ],
)
def test_read_show_refuses_unusable_files_in_one_line(tmp_path, content, message):
    path = tmp_path / "show.txt"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read.read_show(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_read_show_accepts_text_csv_byte_order_mark_and_windows_line_ends(tmp_path):
    plain, windows = tmp_path / "a.txt", tmp_path / "b.txt"
    plain.write_bytes(b"Ann: hi\n\n" * 150)
    windows.write_bytes(b"\xef\xbb\xbf" + b"Ann: hi\r\n\r\n" * 150)
    table = tmp_path / "c.csv"
    table.write_text(",Character,Dialogue,EpisodeNo\n" + '0,Ann,"hi",1.0\n' * 150)
    assert read.read_show(plain) == read.read_show(windows) == read.read_show(table)


def test_split_show_splits_one_long_line_between_words(tmp_path):
    path = tmp_path / "line.txt"
    path.write_text("word " * 400)
    train, valid = read.split_show(read.read_show(path), 0.05)
    assert train.endswith(" ")
    assert valid.startswith("word")
    assert 15 <= len(valid.split()) <= 25


def test_embedded_show_has_the_script_format():
    text = read.read_show(read.LOW_TIDE)
    lines = [line for line in text.split("\n") if line]
    assert len(text) > 90_000
    assert all(line.count("(") == line.count(")") for line in lines)
    assert all(line.startswith(("[", "(")) or ": " in line for line in lines)


LINES = st.sampled_from(
    [
        10 * line
        for line in ("Ann: hello there.\n", "Bob: not now, Ann.\n\n", "(waves) " * 30 + "\n")
    ]
)


# Long enough that each part is longer than the way to the next good place to split.
@given(st.lists(LINES, min_size=250, max_size=300), st.floats(0.05, 0.3), st.floats(0.05, 0.3))
def test_split_with_test_gives_consecutive_parts_of_the_fractions(lines, valid, test):
    text = "".join(lines)
    parts = read.split_with_test(text, valid, test)
    assert "".join(parts) == text
    assert all(part.endswith("\n") for part in parts)
    tolerance = 2 * read.WINDOW
    assert abs(len(parts[1]) - valid * len(text)) < tolerance
    assert abs(len(parts[2]) - test * len(text)) < tolerance
    assert read.split_with_test(text, valid, 0.0) == (*read.split_show(text, valid), "")
    assert read.split_with_test(text, 0.0, 0.0) == (text, "", "")


def test_split_with_test_refuses_an_empty_part():
    with pytest.raises(UserError, match=r"nothing is left to hold out with test_fraction = 0\.01"):
        read.split_with_test("Ann: hello there.\n\n" * 3, 0.4, 0.01)
