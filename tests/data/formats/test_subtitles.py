"""Subtitles: time stamps never become words, and names are those that are given."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.command_line import UserError
from data.formats import registry, subtitles
from data.formats.script import Line, ReadOptions
from tests.data.formats.scripts import NAMES, sentences, speeches

SRT = """\
1
00:00:01,250 --> 00:00:03,500
Where have you been?
I waited

2
00:00:03,600 --> 00:00:05,000
for an <i>hour</i>.

3
00:00:06,000 --> 00:00:08,000
- I was late.
- You are always
late, Ann.

4
00:00:08,500 --> 00:00:10,000
COLE: The truth is: no.

5
00:00:11,000 --> 00:00:12,000
[door slams]

6
00:00:12,500 --> 00:00:14,000
♪ la la la ♪

7
00:00:15,000 --> 00:00:16,000
{\\an8}The truth is: it's at 10:30.

8
00:00:17,000 --> 00:00:19,000
>> ANN (V.O.): One

9
00:00:25,000 --> 00:00:26,000
and two

10
00:00:27,000 --> 00:00:28,000
Subtitles by nobody
www.example.org
"""
VTT = """\
WEBVTT
Kind: captions
Language: en

NOTE
a comment
over two lines

STYLE
::cue { color: red }

12345678-aaaa-bbbb/01-0
00:01.000 --> 00:05.000 align:start position:0%
<v Ann Lee>Hello, and
welcome &amp; good day.</v>

12345678-aaaa-bbbb/01-1
00:05.000 --> 00:08.000
<v Ann Lee>We begin at 9:00.</v>

NOTE another comment

12345678-aaaa-bbbb/02-0
00:00:08.000 --> 00:00:10.000
<v.loud Bob>Thanks.</v>
<v Cole>Me too.</v>
"""
AUTOMATIC = """\
WEBVTT

00:00:00.000 --> 00:00:02.000 align:start position:0%
~
we<00:00:00.500><c> are</c><00:00:01.000><c> here</c>

00:00:02.000 --> 00:00:02.010 align:start position:0%
we are here
~

00:00:02.010 --> 00:00:04.000 align:start position:0%
we are here
to<00:00:02.500><c> talk</c><00:00:03.000><c> again</c>

00:00:04.000 --> 00:00:04.010 align:start position:0%
to talk again
~
""".replace("~", " ")
ASS = """\
[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20
Style: Sign_Main,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:05.00,Default,,0,0,0,,timing by me
Dialogue: 0,0:00:01.00,0:00:03.00,Default,Ann,0,0,0,,{\\i1}Hello,{\\i0}\\Nbrother.
Dialogue: 0,0:00:03.00,0:00:05.00,Default,Cole,0,0,0,,What is it: trouble?
Dialogue: 0,0:00:03.00,0:00:05.00,Sign_Main,,0,0,0,,{\\pos(1,2)}CENTRAL PIER
"""


def read(text):
    return subtitles.read(text, ReadOptions(path="show.srt"))


def test_srt_speeches_end_at_dashes_sentences_and_pauses():
    script = read(SRT)
    assert script.lines == [
        Line("", "Where have you been? I waited for an hour."),
        Line("", "I was late."),
        Line("", "You are always late, Ann."),
        Line("COLE", "The truth is: no."),
        Line("", "(door slams)"),
        Line("", "The truth is -- it's at 10:30."),
        Line("ANN", "One"),
        Line("", "and two"),
    ]
    assert script.dropped == {"song texts": 1, "credits of the subtitles": 1}
    assert script.notes == ["speakers are named in 2 of 9 speeches"]


def test_vtt_voices_are_speakers_and_identifiers_and_comments_are_left_out():
    assert read(VTT).lines == [
        Line("Ann Lee", "Hello, and welcome & good day."),
        Line("Ann Lee", "We begin at 9:00."),
        Line("Bob", "Thanks."),
        Line("Cole", "Me too."),
    ]


def test_automatic_captions_repeat_no_line():
    script = read(AUTOMATIC)
    assert script.lines == [Line("", "we are here to talk again")]


def test_ass_actors_are_speakers_and_signs_are_left_out():
    script = read(ASS)
    assert script.lines == [Line("Ann", "Hello, brother."), Line("Cole", "What is it: trouble?")]
    assert script.dropped == {"comments and drawings": 1, "signs and songs": 1}


def srt(*texts, seconds=2):
    """Subtitles of these texts, without pauses."""
    return "".join(
        f"{number + 1}\n00:{number * seconds // 60:02}:{number * seconds % 60:02},000 --> "
        f"00:{(number + 1) * seconds // 60:02}:{(number + 1) * seconds % 60:02},000\n{text}\n\n"
        for number, text in enumerate(texts)
    )


def test_names_in_brackets_are_told_from_sounds():
    texts = (
        "[Ann] Hello.",
        "[laughs] No.",
        "Me.",
        "[Cole] Yes.",
        "[Ann] So?",
        "[Cole] [sighs] Go.",
    )
    script = read(srt(*texts, "[laughs] Oh.", "Well."))
    assert script.lines[:-2] == [
        Line("Ann", "Hello."),
        Line("", "(laughs) No."),
        Line("", "Me."),
        Line("Cole", "Yes."),
        Line("Ann", "So?"),
        Line("Cole", "(sighs) Go."),
    ]


def test_a_word_before_a_colon_is_no_name_unless_it_recurs():
    script = read(srt("Question: who is it?", "Ann: me.", "The fact is: you.", "Ann: yes."))
    assert script.cast() == {"Ann": 2}
    assert script.lines[0] == Line("", "Question -- who is it?")


@pytest.mark.parametrize("text", [SRT, VTT, AUTOMATIC, ASS])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_subtitles_are_detected_by_their_time_stamps(text, line_end):
    text = text.replace("\n", line_end)
    assert registry.detect(text, "show.txt").name == "subtitles"
    assert not re.search(r"\d\d:\d\d[,.]\d|-->", registry.read(text, "", ReadOptions()).to_text())


def test_a_transcript_with_a_few_times_is_no_subtitles():
    text = "[00:01] Ann: hello at 10:30.\n\nBob: no.\n\n" * 9
    assert registry.detect(text, "show.srt").name != "subtitles"


def test_a_damaged_file_is_refused_in_one_line():
    with pytest.raises(UserError, match=r"show\.srt") as caught:
        read("no subtitles at all")
    assert "\n" not in str(caught.value)


# A dash begins the speech of another person, a star a song.
WORDS = ("the", "rain", "I", "it's", "well,", "10:30", "half-past", "café", "TV", "he says:", "a&b")


@settings(deadline=None, max_examples=20)
@given(speeches(WORDS))
def test_named_speeches_written_as_srt_are_read_back(lines):
    text = srt(*(f"{line.speaker.upper()}: {line.text}" for line in lines))
    expected = [Line(line.speaker.upper(), line.text) for line in lines]
    assert read(text).lines == expected


@settings(deadline=None, max_examples=20)
@given(speeches(WORDS))
def test_named_speeches_written_as_vtt_are_read_back(lines):
    cues = re.sub(r",000", ".000", srt(*(f"<v {each.speaker}>{each.text}" for each in lines)))
    assert read(f"WEBVTT\n\n{cues.replace('&', '&amp;')}").lines == lines


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(sentences(WORDS), sentences(WORDS)), min_size=1, max_size=9))
def test_dashes_separate_speeches_without_names(pairs):
    script = read(srt(*(f"- {one}\n- {other}" for one, other in pairs)))
    expected = [subtitles.unnamed(text) for pair in pairs for text in pair]
    assert [line.text for line in script.lines] == expected
    assert not script.cast()
    assert not [line for line in script.to_text().split("\n") if line.startswith(NAMES)]
