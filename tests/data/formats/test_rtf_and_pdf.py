"""Documents of word processors and printed pages: RTF and PDF."""

import re
import textwrap

import pytest
from hypothesis import given, settings

from data.command_line import UserError
from data.formats import names, pdf, registry, rtf, screenplay
from data.formats.load import load
from data.formats.script import Line, ReadOptions
from tests.data.formats.pdf_file import pdf_of
from tests.data.formats.scripts import folded, scenes, speeches

RTF = r"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss\fcharset0 Courier New;}}
{\colortbl;\red0\green0\blue0;}{\*\generator Nobody;}{\info{\title The pier}}
\f0\fs24 INT. HOUSE - DAY\par
\par
Ann comes in. She\'92s wet from the rain.\par
\par
\li2880 ANN\par
\li1440 (quietly)\par
Is it caf\'e9 time?\par
\par
\li2880 COLE (CONT\'92D)\par
\li1440 No.\par
\par
\li2880 ANN\par
\li1440 Then \i when\i0 ?\par
\par
\li0 CUT TO:\par
}
"""


def test_a_screenplay_in_rtf_keeps_its_layout_and_loses_its_formatting():
    script = rtf.read(RTF, ReadOptions())
    assert script.lines == [
        Line("", "[setting: INT. HOUSE - DAY]"),
        Line("", "(Ann comes in. She’s wet from the rain.)"),
        Line("ANN", "(quietly) Is it café time?"),
        Line("COLE", "No."),
        Line("ANN", "Then when?"),
    ]
    assert script.dropped == {"transitions": 1}
    assert registry.detect(RTF, "show.txt").name == "rtf"


def escaped(text):
    r"""A text in RTF, letters outside ASCII as \uN?."""
    text = re.sub(r"([\\{}])", r"\\\1", text)
    return "".join(each if each.isascii() else f"\\u{ord(each)}?" for each in text)


@settings(deadline=None, max_examples=12)
@given(speeches())
def test_a_script_written_in_rtf_is_read_back(lines):
    body = "\\par\n".join(
        f"\\b {escaped(each.speaker)}:\\b0  {escaped(each.text)}" for each in lines
    )
    script = rtf.read("{\\rtf1\\ansi " + body + "\\par}", ReadOptions())
    assert folded(names.tidy(script).lines) == folded(lines)


@pytest.mark.parametrize("text", ["{\\rtf1 }", "{\\rtf1", "{\\rtf1 \\'zz Ann: no.}", "{\\rtf1 }}}"])
def test_incomplete_rtf_gives_what_it_holds(text):
    assert len(rtf.read(text, ReadOptions()).lines) == text.count("Ann")


def test_damaged_rtf_is_refused_in_one_line():
    with pytest.raises(UserError, match=r"show\.rtf is a damaged RTF document"):
        rtf.read("{\\rtf1 \\u99999999 x}", ReadOptions(path="show.rtf"))


PAGES = [
    [
        *("", "        THE PIER        1.", "", "INT. HOUSE - DAY", "", "Ann waits.", ""),
        *("                      ANN", "          Is it you, or", "          is it"),
    ],
    [
        *("", "        THE PIER        2.", "", "          the rain?", ""),
        *("                      COLE (O.S.)", "               (softly)", "          The rain."),
    ],
    [
        "",
        "        THE PIER        3.",
        "",
        "                      ANN",
        "          Oh.",
        "",
        "He goes.",
    ],
]


def test_the_layout_of_a_pdf_is_kept_and_its_running_heads_are_not(tmp_path):
    path = tmp_path / "pier.pdf"
    path.write_bytes(pdf_of(PAGES))
    loaded = load(path)
    assert loaded.script.lines == [
        Line("", "[setting: INT. HOUSE - DAY]"),
        Line("", "(Ann waits.)"),
        Line("ANN", "Is it you, or is it the rain?"),
        Line("COLE", "(softly) The rain."),
        Line("ANN", "Oh."),
        Line("", "(He goes.)"),
    ]
    assert loaded.script.format == "screenplay"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pdf_of(PAGES)[:300], "show.pdf cannot be read as PDF"),
        (b"%PDF-1.4 nothing", "show.pdf cannot be read as PDF"),
        (pdf_of([[""], [""]]), "show.pdf holds pictures of pages, no text"),
    ],
)
def test_unusable_pdf_files_are_refused_in_one_line(content, message):
    with pytest.raises(UserError, match=message) as caught:
        pdf.text_of(content, "show.pdf")
    assert "\n" not in str(caught.value)


def printed(lines):
    """Pages of a printed screenplay. None begins within a speech, as screenwriters' programs do."""
    pages = [[]]
    for line in lines:
        if line.speaker:
            rows = ["", " " * 22 + line.speaker.upper()]
            rows += textwrap.wrap(
                line.text, 35, initial_indent=" " * 10, subsequent_indent=" " * 10
            )
        else:
            rows = [
                "",
                *textwrap.wrap(line.text.strip("()").removeprefix("[setting: ").rstrip("]")),
            ]
        if len(pages[-1]) + len(rows) > 50:
            pages.append([])
        pages[-1] += rows
    return pages


@settings(deadline=None, max_examples=5)
@given(scenes().filter(lambda lines: not any("(quietly)" in line.text for line in lines)))
def test_a_screenplay_written_as_pdf_is_read_back(lines):
    text = pdf.text_of(pdf_of(printed(lines)), "show.pdf")
    spoken = [each for each in screenplay.read(text, ReadOptions()).lines if each.speaker]
    assert folded(spoken) == folded([each for each in lines if each.speaker])
