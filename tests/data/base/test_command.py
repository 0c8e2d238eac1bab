"""python -m data base: its output, its errors and the overlap."""

import json

import pytest

from data.__main__ import main
from tests.commands import call


def test_missing_archive_is_one_line_and_exit_code_2(tmp_path):
    (tmp_path / "archives").mkdir()
    done = call(main, "base", "--out", tmp_path / "out", "--archives", tmp_path / "archives")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "changelog: no archive in" in done.stderr


def test_overlap_is_printed_as_json(tmp_path):
    words = " ".join(f"word{number}" for number in range(300))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(f"Ann: {words}\n\n")
    (tmp_path / "show.txt").write_text(f"bob: {words}\n\n")
    done = call(main, "base", "--out", tmp_path / "texts", "--overlap", tmp_path / "show.txt")
    [result] = json.loads(done.stdout)
    assert result["found"] == result["grams"] == 300 - 12
    assert result["found_by_text"] == {"a": 300 - 12}
    assert result["examples"][0].startswith("word0 word1 ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--overlap", "none.txt"], "holds no texts: make them with"),
        (["--archives", "none"], "there is no such folder of archives"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_code_2(tmp_path, arguments, message):
    done = call(main, "base", "--out", tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
