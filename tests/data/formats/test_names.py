"""Names of speakers: extensions, asides, spellings, and what cannot be a name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.formats.names import fits, split_name, tidy
from data.formats.script import Line, Script
from data.speakers import speaker_of


def tidied(*lines: Line) -> Script:
    return tidy(Script(list(lines), "table"))


@pytest.mark.parametrize(
    ("raw", "name", "aside"),
    [
        ("ANN (V.O.)", "ANN", ""),
        ("ANN (O.S.) (CONT'D)", "ANN", ""),
        ("Ann (V.O., cont’d)", "Ann", ""),
        ("ANN CONT'D", "ANN", ""),
        ("ANN V.O.", "ANN", ""),
        ("ANN (on the phone)", "ANN", "on the phone"),
        ("Ann [smiling] (V.O.)", "Ann", "smiling"),
        ("**Ann**:", "Ann", ""),
        ("[ANN]", "ANN", ""),
        ("Man: phone", "Man phone", ""),
        ('Dwayne "The Rock" J.', "Dwayne The Rock J.", ""),
        ("Mrs. Vo", "Mrs. Vo", ""),
        ("Nan", "Nan", ""),
        ("nan", "", ""),
        ("N/A", "", ""),
        ("  ", "", ""),
        ("---", "", ""),
    ],
)
def test_split_name_gives_the_name_and_the_aside(raw, name, aside):
    assert split_name(raw) == (name, aside)


def test_aside_goes_into_the_speech():
    assert tidied(Line("ANN (sighs)", "No.")).lines == [Line("ANN", "(sighs) No.")]


def test_speaker_that_marks_a_setting_becomes_a_heading():
    assert tidied(Line("SETTING", "[The pier]")).lines == [Line("", "[setting: The pier]")]


def test_spellings_in_other_case_are_merged_to_the_most_frequent():
    names = ["ROSS", "Ross", "ross", "Ross", "JOEY", "Joey"]
    assert tidied(*(Line(name, "Hi.") for name in names)).cast() == {"Ross": 4, "Joey": 2}


def test_long_names_are_shortened_between_words_and_noted():
    script = tidied(Line("Monica, Rachel, Phoebe, Chandler, Joey and Ross", "Hi!"))
    assert script.lines[0].speaker == "Monica, Rachel, Phoebe, Chandler, Joey"
    assert any("shortened" in note for note in script.notes)


def test_narration_does_not_become_a_speech():
    script = tidied(Line("", "Meanwhile: the pier"), Line("nan", "It rains"))
    assert script.to_text() == "(Meanwhile: the pier)\n\nIt rains\n\n"
    assert any('such as "nan"' in note for note in script.notes)


@settings(max_examples=50)
@given(st.text(max_size=80), st.text(max_size=80))
def test_every_name_is_read_back_from_the_text(raw, speech):
    (line,) = tidied(Line(raw, " ".join(speech.split()))).lines
    assert not line.speaker or fits(line.speaker)
    assert speaker_of(Script([line], "table").to_text()) == line.speaker
