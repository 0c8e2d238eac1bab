"""Transcripts that mark speakers in other ways than `Name: speech`."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.formats import registry
from data.formats.script import Line, ReadOptions
from tests.data.formats.samples import SPEECHES, STYLES, lines_of
from tests.data.formats.scripts import folded, speeches

WORDS = ("the", "rain", "I", "to", "it's", "well,", "no", "later", "café", "half-past", "a&b", "3")


def read(text: str, name: str = "a.txt", format: str = "") -> list[Line]:
    return registry.read(text, format, ReadOptions(path=name)).lines


def without_aside(lines: list[Line]) -> list[Line]:
    return [Line(line.speaker, line.text.removeprefix("(smiling) ")) for line in lines]


@pytest.mark.parametrize("between", ["\n", "\n\n"])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_recognized_and_read(style, between):
    text = lines_of(STYLES[style], SPEECHES, between)
    assert registry.detect(text, "a.txt").name == ("wiki" if style == "wiki bold" else "transcript")
    assert folded(without_aside(read(text))) == folded(SPEECHES)


@settings(max_examples=30)
@given(
    speeches(WORDS, ("Ann", "Bob Stone", "O'Hara", "Iris", "Élodie")),
    st.sampled_from(sorted(STYLES)),
)
def test_any_script_written_in_a_style_gives_the_same_speeches(lines, style):
    for between in ("\n", "\n\n"):
        text = lines_of(STYLES[style], lines, between)
        assert folded(without_aside(read(text, format="transcript"))) == folded(lines)


@settings(max_examples=30)
@given(speeches(WORDS, ("Ann", "Bob Stone", "Iris")), st.data())
def test_styles_may_be_mixed_in_one_file(lines, data):
    styles = ("stamp", "bold", "wiki bold", "space before colon", "full-width colon", "quotation")
    text = lines_of(lambda line: STYLES[data.draw(st.sampled_from(styles))](line), lines)
    assert folded(read(text, format="transcript")) == folded(lines)


def test_aside_of_a_name_becomes_a_direction_of_the_speech():
    text = lines_of(STYLES["aside"], SPEECHES)
    assert all(line.text.startswith("(smiling) ") for line in read(text))


def test_wrapped_speeches_of_a_play_are_joined():
    text = lines_of(lambda line: f"{line.speaker}. {line.text}".replace(" it ", "\nit "), SPEECHES)
    text = (
        text.replace("\nOdette", "\n\nOdette").replace("\nAm", "\n\nAm").replace("\nMan", "\n\nMan")
    )
    assert folded(read(text)) == folded(SPEECHES)


def test_paragraph_of_markdown_without_a_name_continues_the_speech():
    text = (
        lines_of(STYLES["bold"], SPEECHES, "\n\n")
        + "\nAnd *so* on, says [a page](https://x.org/).\n"
    )
    assert read(text)[-1] == Line("Amélie", SPEECHES[-1].text + " And so on, says a page.")


def test_lines_without_a_speaker_are_headings_directions_or_narration():
    text = lines_of(STYLES["dash"], SPEECHES) + "INT. HOUSE - DAY\n[He leaves.]\nA long silence.\n"
    assert [line.text for line in read(text) if not line.speaker] == [
        "[INT. HOUSE - DAY]",
        "(He leaves.)",
        "A long silence.",
    ]


def test_text_with_speakers_as_we_write_them_stays_plain():
    text = lines_of(lambda line: f"{line.speaker}: {line.text}", SPEECHES * 5, "\n\n")
    text += "Odette (smiling): One in a hundred is no reason to change the rest.\n"
    assert registry.detect(text, "a.txt").name == "plain"


@pytest.mark.parametrize(
    "sentence",
    [
        "{0} was late. The {1} - a big one - ran off.\n{2} said no. She said yes.\n\n",
        "{0} - I think so.\n{1}. But why?\nThe {2} of {0}: it fell.\n[{1}] A note.\n",
        "Chapter {0}\n\nThe {1} was calm, and nobody spoke for an hour of {2}.\n\n",
    ],
)
def test_prose_is_no_transcript(sentence):
    source = random.Random(1)
    words = ["".join(source.choices("abcdefgh", k=5)).title() for _ in range(60)]
    prose = "".join(sentence.format(*source.sample(words, 3)) for _ in range(60))
    assert registry.detect(prose, "a.txt").name == "plain"
