"""What is said about a script: python -m data look, the two lines of training, problems."""

import gzip
import random
import sys

import pytest

from data import __main__ as command
from data.command_line import UserError
from data.formats.load import load, parse_columns
from data.formats.look import report, short_report
from data.formats.problems import problem
from data.show.read import LOW_TIDE, read_show, show_name
from tests.conftest import ROOT
from tests.data.formats.samples import JSON, SPEECHES, STYLES, TABLES, lines_of

PLAIN = lines_of(lambda line: f"{line.speaker}: {line.text}", SPEECHES, "\n\n")


@pytest.fixture
def look(monkeypatch, capsys):
    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["data", "look", *map(str, arguments)])
        command.main()
        return capsys.readouterr().out

    return run


def test_script_of_our_own_form_is_read_byte_for_byte(tmp_path):
    text = (ROOT / LOW_TIDE).read_text(encoding="utf-8")
    assert read_show(ROOT / LOW_TIDE) == text
    # The layout of the course's Seinfeld: lower case, an aside in a few names, odd spaces.
    seinfeld = (
        "".join(f"{line.speaker.lower()}: {line.text.lower()} \n\n" for line in SPEECHES * 8)
        + "odette (to man two): no. \n\n\n[setting: pier] \n\n(he waves: slowly)\n"
    )
    (tmp_path / "s.txt").write_bytes(seinfeld.replace("\n", "\r\n").encode())
    assert read_show(tmp_path / "s.txt") == seinfeld


def test_look_shows_format_encoding_cast_samples_and_what_to_do(look, tmp_path):
    path = tmp_path / "show.csv"
    path.write_text(TABLES["The Office"] + "99,1,1,1,,Odette,False\n", encoding="cp1252")
    shown = look(path)
    assert "format:    table: table (CSV)" in shown
    assert "encoding:  Windows-1252" in shown
    assert "15 speeches of 3 speakers" in shown
    assert "Odette 6, Amélie 6, Man Two 3" in shown
    assert "samples:   Man Two: Nobody asked me, but I would keep it." in shown
    assert "left out:  1 rows without a speech" in shown
    assert "speakers from speaker, speeches from line_text" in shown
    assert "if that is wrong: give --format NAME" in shown


def test_look_reads_as_it_is_told_and_prints_the_whole_text(look, tmp_path):
    path = tmp_path / "show.txt"
    path.write_text(TABLES["South Park"], encoding="utf-8")
    shown = look(path, "--columns", "character=Line,dialogue=Character", "--text")
    assert shown.endswith(": Amélie\n\n")
    assert look(path, "--format", "plain", "--text") == TABLES["South Park"]


def test_unknown_format_and_columns_are_refused(tmp_path):
    path = tmp_path / "show.txt"
    path.write_text(PLAIN)
    with pytest.raises(UserError, match="there is no format 'cvs': choose from plain, transcript"):
        load(path, format="cvs")
    with pytest.raises(UserError, match="read as plain, which has no columns"):
        load(path, columns="character=A,dialogue=B")
    with pytest.raises(UserError, match="give character=NAME,dialogue=NAME"):
        load(path, columns="A,B")


def test_columns_may_have_commas_in_their_names():
    found = parse_columns("character=Name, first, dialogue = What, then")
    assert found == {"character": "Name, first", "dialogue": "What, then"}


def test_training_says_two_lines(tmp_path):
    path = tmp_path / "show.json"
    path.write_text(JSON["records"])
    assert short_report(load(path)) == [
        f"{path}: JSON or JSON lines, records of a speaker and a speech, UTF-8: "
        "15 speeches of 3 speakers (Odette 6, Amélie 6, Man Two 3)",
        "left out: nothing; speakers and speeches from the fields name and line; "
        f"if that is wrong: python -m data look {path}",
    ]
    path.write_text("The sea was calm, and nobody spoke for an hour.\n" * 20)
    first, second = short_report(load(path))
    assert "0 speeches of 0 speakers, 20 other lines" in first
    assert second.startswith("warning: no speaker was found")


def test_compressed_script_is_read_and_named_without_its_ending(tmp_path):
    path = tmp_path / "low_tide.txt.gz"
    path.write_bytes(gzip.compress((PLAIN * 5).encode()))
    assert read_show(path) == PLAIN * 5
    assert show_name(path) == "Low Tide"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("<p class='x'>Ann: hello</p>", "markup (HTML"),
        ("Ann: hello&nbsp;there", "markup (HTML"),
        ("00:01:02,345 --> 00:01:04,000", "time stamps"),
        ("[00:01:02] hello", "time stamps"),
        ('  "speaker": "Ann",', "data (JSON"),
        (r"\par hello \f0", "markup (RTF"),
        ("{{quote|[[Ann]]: hello}}", "wiki markup"),
        ("Ann: \x01\x02\ufffd", "characters that no script has"),
        ("QUJD" * 40, "encoded data"),
    ],
)
def test_text_that_is_no_script_is_noticed(line, found):
    assert problem(PLAIN + f"{line}\n" * 20).startswith(found)
    assert problem(PLAIN * 50 + f"{line}\n") == ""


def test_scripts_are_no_problem():
    assert problem((ROOT / LOW_TIDE).read_text(encoding="utf-8")) == ""
    for text in (*TABLES.values(), *JSON.values()):
        assert load_text(text) == ""


def load_text(text: str) -> str:
    from data.formats.registry import read
    from data.formats.script import ReadOptions

    return problem(read(text, "", ReadOptions(path="a")).to_text())


@pytest.mark.parametrize("seed", range(5))
def test_every_reader_gives_a_script_or_one_line_for_any_text(seed, tmp_path):
    from data.formats.registry import FORMATS

    source = random.Random(seed)
    samples = [PLAIN, *TABLES.values(), *JSON.values(), lines_of(STYLES["bold"], SPEECHES)]
    text = source.choice(samples)
    cut = "".join(each for each in text[: source.randrange(len(text))] if source.random() > 0.02)
    path = tmp_path / "show.txt"
    path.write_text(cut, encoding="utf-8")
    for each in FORMATS:
        try:
            message = "".join(report(load(path, each.name)))
        except UserError as error:
            message = str(error)
        assert "\n" not in message


def test_names_of_a_folder_have_one_spelling_and_training_says_few_of_its_notes(tmp_path):
    for number, write in enumerate((STYLES["dash"], STYLES["full stop"])):
        (tmp_path / f"{number}.txt").write_text(lines_of(write, SPEECHES * 2), encoding="utf-8")
    for number in range(9):
        (tmp_path / f"{number}.jpg").write_bytes(b"\xff")
    loaded = load(tmp_path)
    assert loaded.script.cast() == {"Odette": 24, "Amélie": 24, "Man Two": 12}
    assert sum("skipped" in note for note in loaded.script.notes) == 9
    assert short_report(loaded)[1].count("skipped") == 3
    assert "more notes" in short_report(loaded)[1]
