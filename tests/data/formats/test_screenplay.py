"""Screenplays: names on their own line, indented or not."""

import textwrap

import pytest
from hypothesis import given, settings

from data.formats import registry, screenplay
from data.formats.script import Line, ReadOptions
from tests.data.formats.scripts import folded, scenes

PRINTED = """
                             THE PIER

                            Written by
                              Nobody

                                                   FADE IN:

    1   INT. HARBOUR OFFICE - DAY                                   1

        ANN waits (it is early). The lamp is lit.

        COLE'S POV - THE DOOR

                              ANN
                  Is it you, or is it
                  the rain?
                              (MORE)

                                                        2.

                              ANN (CONT'D)
                  Say it.

                              COLE (O.S.)                            *
                      (from far
                       away)
                  It is the rain.

        BACK TO ANN

                                                DISSOLVE TO:

    2   EXT. PIER - NIGHT                                           2

                              COLE (into phone; v.o.)
                  Good night. I
                  mean it.
        He goes.

                              ANN'S VOICE
                  Good.

                              ANN
                  Yes.

                                                THE END
"""


def read(text):
    return screenplay.read(text, ReadOptions())


def test_a_printed_screenplay_keeps_speeches_directions_and_headings():
    script = read(PRINTED)
    assert script.lines == [
        Line("", "[setting: INT. HARBOUR OFFICE - DAY]"),
        Line("", "(ANN waits (it is early). The lamp is lit.)"),
        Line("ANN", "Is it you, or is it the rain? Say it."),
        Line("COLE", "(from far away) It is the rain."),
        Line("", "[setting: EXT. PIER - NIGHT]"),
        Line("COLE", "(into phone) Good night. I mean it."),
        Line("", "(He goes.)"),
        Line("ANN", "Good."),
        Line("ANN", "Yes."),
    ]
    assert script.dropped == {
        "lines of the title page": 3,
        "transitions": 3,
        "camera directions": 2,
        "page numbers": 1,
        "marks of page breaks": 1,
    }


@pytest.mark.parametrize(
    "line",
    [
        *("DISSOLVE TO:", "COLE'S POV", "INT. HOUSE - DAY", "CUT TO BLACK.", "BACK TO SCENE"),
        *(
            "CLOSE ON: THE DOOR",
            "A FEW MOMENTS LATER",
            "TITLE OVER:",
            "MONTAGE",
            "THE END",
            "ACT ONE",
        ),
        *(
            "ANGLE ON ANN",
            "EXT. PIER",
            "I/E CAR - NIGHT",
            "OFFICE - DAY",
            "FLASHBACK:",
            "CONTINUED:",
        ),
        *("12.", "HELLO!", "WELL...", "Smash cut to:", "INSERT - LETTER"),
    ],
)
@pytest.mark.parametrize("indent", [0, 30])
def test_other_lines_in_capitals_are_never_cast(line, indent):
    cue, words = " " * indent, " " * (indent // 2)
    speech = f"{cue}ANN\n{words}Yes.\n\n{cue}BOB\n{words}No.\n\n"
    text = f"{speech * 3}{cue}{line}\nThe street is empty.\n\n{speech}"
    assert set(read(text).cast()) == {"ANN", "BOB"}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "IRIS",
            "FLASH",
            "CRANE",
            "McDERMOTT",
            "DR. WEISS",
            "MAN #2",
            "1ST BOY",
            "ANNIE & HALLIE",
        ),
        *("O'HARA", "ÉLODIE", "THE MAN ON THE PHONE", "P.A. SYSTEM", "JOE JR.", "PETER PAN"),
    ],
)
def test_names_like_marks_of_screenplays_are_cast(name):
    text = f"{name}\nYes.\n\nBOB\nNo.\n\n" * 3
    assert read(text).cast() == {name: 3, "BOB": 3}


@pytest.mark.parametrize(
    ("extension", "aside"),
    [
        *[
            (each, "")
            for each in ("(V.O.)", "(O.S.)", "(CONT'D)", "(V.O.)(CONT'D)", "(cont’d)", "(V.0.)")
        ],
        *[(each, "") for each in ("(O.C.) (CONT'D)", "(v/o)", "(continuing)", "(Voice Over)")],
        ("(ON PHONE)", "(on phone) "),
        ("(female v.o.)", "(female) "),
        ("(CONT'D; to Bob)", "(to bob) "),
    ],
)
def test_extensions_of_a_name_are_no_part_of_it(extension, aside):
    script = read(f"ANN\nYes.\n\nANN {extension}\nNo.\n\nBOB\nSo?\n\n")
    assert script.cast() == {"ANN": script.cast()["ANN"], "BOB": 1}
    assert f"{aside}No." in script.lines[-2].text


def test_speeches_below_their_name_in_the_same_column():
    script = read(
        "CORRIDOR - INTERIOR DAY\n\nShe waits.\n       ANN\n       (to Bob)\n       Well, I\n"
        "       TV\n       mean it.\nShe goes.\n\n       BOB\n       Yes.\n       ANN\n       No.\n"
    )
    assert script.lines == [
        Line("", "[setting: CORRIDOR - INTERIOR DAY]"),
        Line("", "(She waits.)"),
        Line("ANN", "(to Bob) Well, I TV mean it."),
        Line("", "(She goes.)"),
        Line("BOB", "Yes."),
        Line("ANN", "No."),
    ]


def test_names_that_are_not_in_capitals_are_found_by_repetition():
    script = read("Jerry\nI told\nyou.\n\n(rain)\n\nGeorge (off)\nNo.\n\n" * 3 + "Nothing else.\n")
    assert script.cast() == {"Jerry": 3, "George": 3}
    assert script.lines[:3] == [
        Line("Jerry", "I told you."),
        Line("", "(rain)"),
        Line("George", "(off) No."),
    ]


def test_text_without_empty_lines_is_read_with_a_note():
    long = (
        "It is me, and I am wet to the skin with the rain that has been falling all day long " * 2
    )
    script = read(
        f"INT. HOUSE - DAY\nShe waits.\nANN\nWho?\nBOB\n{long}\nHe comes in.\nANN\nOh.\nBOB\nNo.\n"
    )
    assert script.cast() == {"ANN": 2, "BOB": 2}
    assert Line("", "(He comes in.)") in script.lines
    assert len(script.notes) == 1


def written(lines, margin, speech, cue, spaced=False):
    """Lines as a printed screenplay, with these columns before directions, speeches and names."""
    rows = []
    for line in lines:
        if line.speaker:
            text = line.text
            rows.append(" " * cue + line.speaker.upper())
            if text.startswith("(quietly)"):
                rows.append(" " * (speech + 4 * bool(speech)) + "(quietly)")
                text = text.removeprefix("(quietly)").strip()
            rows += textwrap.wrap(
                text, 35, initial_indent=" " * speech, subsequent_indent=" " * speech
            )
        else:
            rows += textwrap.wrap(line.text.strip("()").removeprefix("[setting: ").rstrip("]"), 60)
        rows.append("")
    return ("\n\n" if spaced else "\n").join(rows)


@settings(deadline=None, max_examples=15)
@given(scenes())
@pytest.mark.parametrize(
    ("margin", "speech", "cue", "spaced"),
    [(0, 0, 0, False), (0, 10, 22, False), (0, 10, 22, True), (0, 8, 8, False)],
)
def test_a_script_written_as_screenplay_is_read_back(margin, speech, cue, spaced, lines):
    text = written(lines, margin, speech, cue, spaced)
    assert folded(read(text).lines) == folded(lines)


@pytest.mark.parametrize("text", [PRINTED, "Ann\nYes.\n\nBob\nNo.\n\n" * 3])
def test_screenplays_are_detected_by_their_layout(text):
    assert registry.detect(text, "show.txt").name == "screenplay"
