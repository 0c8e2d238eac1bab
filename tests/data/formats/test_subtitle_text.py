"""Texts of subtitles without times: dashes, no names."""

import json

import pytest

from data.formats import registry
from data.formats.script import Line, ReadOptions

FILLING = "This is a line.\nAnother line.\n- A third one.\n- A fourth.\n" * 3


def read(text: str):
    return registry.read(text, "", ReadOptions(path="a.txt"))


def test_dashes_separate_speeches_and_are_left_out():
    script = read("- Right? Well, yes.\n- then why not stay? - And wait.\nI am late.\n" + FILLING)
    assert script.format == "captions"
    assert [line.text for line in script.lines[:4]] == [
        *("Right? Well, yes.", "then why not stay?", "And wait.", "I am late.")
    ]


def test_a_title_or_the_end_of_a_line_with_a_colon_is_no_name():
    script = read(
        f"Low Tide: The Clock\n\n{FILLING}\nThe gamut\nof it:\nrich and poor.\n{FILLING * 3}"
    )
    assert not script.cast()
    assert script.lines[0].text.startswith("Low Tide -- The Clock")


def test_marks_between_two_rows_are_spaces():
    for mark in ("|", "[br]", "<br/>"):
        script = read(f"I would like{mark}to stay here.\n- No.{mark}- Yes.\n{FILLING}")
        assert [line.text for line in script.lines[:3]] == [
            *("I would like to stay here.", "No.", "Yes.")
        ]


def test_wrapped_lines_between_empty_lines_are_one_caption():
    text = "I am a maker\nof films.\n\nOh, hello.\n\n- No.\n- Yes.\n\nWell then,\n\nlet us go.\n\n"
    assert [line.text for line in read(text * 3).lines[:5]] == [
        *("I am a maker of films.", "Oh, hello.", "No.", "Yes.", "Well then, let us go.")
    ]


def test_a_name_in_capitals_is_read_where_it_stands():
    script = read(f"ANN: Stop it!\n{FILLING}ANN: Go on.\n")
    assert script.cast() == {"ANN": 2}


def test_texts_in_numbered_json_are_separated_too():
    texts = dict(enumerate(FILLING.split("\n")[:-1], 1))
    script = registry.read(json.dumps({"a": texts}), "", ReadOptions(path="a.json"))
    assert Line("", "A third one.") in script.lines


def test_prose_with_dashes_stays_prose():
    text = (
        "- Yes, he said, and went on to speak for a long while about the clock and the sea.\n" * 20
    )
    assert read(text).format == "plain"


def test_another_voice_begins_where_italics_begin_or_end():
    rows = ("<i>Something that you hear</i>", "He is a guard", "<i>but not clear</i>", "<i>Yes</i>")
    text = "".join(
        f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{row}\n\n" for n, row in enumerate(rows)
    )
    assert [line.text for line in read(text).lines] == [
        *("Something that you hear", "He is a guard", "but not clear Yes")
    ]


@pytest.mark.parametrize(
    "write", ["0:{0:02}\n{1}\n", "[00:00:{0:02}] {1}\n", "00:00:{0:02}: {1}\n\n"]
)
def test_times_of_a_recording_without_names_are_left_out(write):
    rows = ["Hello and welcome,", "to the clock.", "Well, it rings.", "Does it,", "at 10:30?"] * 2
    script = read("".join(write.format(n, row) for n, row in enumerate(rows)))
    assert script.format == "captions"
    assert [line.text for line in script.lines[:3]] == [
        *("Hello and welcome, to the clock.", "Well, it rings.", "Does it, at 10:30?")
    ]
    assert script.dropped == {"time stamps": 10}
