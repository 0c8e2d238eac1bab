"""Layouts of published transcripts and tables that were read wrongly without a word."""

import json

import pytest

from data.formats import registry
from data.formats.script import Line, ReadOptions


def read(text: str, name: str = "show.txt"):
    return registry.read(text, "", ReadOptions(path=name))


def test_missing_values_of_r_are_neither_speakers_nor_speeches():
    rows = ["speaker,text", "Ann,Hello there.", "NA,A bell rings.", "Ann,NA", "Bob,No."]
    script = read("\n".join(rows), "a.csv")
    assert script.cast() == {"Ann": 1, "Bob": 1}
    assert Line("", "A bell rings.") in script.lines
    assert script.dropped == {"rows without a speech": 1}


def test_directions_that_a_table_gives_a_speaker_are_no_speeches():
    rows = [
        *("speaker,text", '"Scene Directions","[Scene: The pier, all are there.]"'),
        *('Ann,"Hello, Bob."', "Stage direction,He waves.", "Bob,No.", "Ann,Oh."),
    ]
    script = read("\n".join(rows), "a.csv")
    assert script.cast() == {"Ann": 2, "Bob": 1}
    assert Line("", "[Scene: The pier, all are there.]") in script.lines
    assert Line("", "(He waves.)") in script.lines


def test_a_direction_that_was_cut_at_a_comma_is_no_speaker():
    rows = [
        *(",Character,Dialogue,Season", "0,ANN,Are you through?,1.0"),
        *("1,(Bob shows a note to Ann; it says very largely,NO.),1.0", "2,BOB,Yes.,1.0"),
    ]
    script = read("\n".join(rows), "a.csv")
    assert script.cast() == {"ANN": 1, "BOB": 1}
    assert script.lines[1] == Line("", "(Bob shows a note to Ann; it says very largely, NO.)")


def test_tags_in_the_cells_of_a_table_are_removed():
    rows = ["speaker,text", 'Ann,"<i>What</i>, &quot;me&quot;?<br/>No."', "Bob,I <3 you & me."]
    script = read("\n".join(rows), "a.csv")
    assert [line.text for line in script.lines] == ['What, "me"? No.', "I <3 you & me."]


def test_a_full_text_with_directions_is_preferred():
    rows = [
        *("character,full_text,character_words", "Ann,[Smiling.] Hello there.,Hello there."),
        *("Scene Description,A bell rings.,NA", "Bob,No.,No."),
    ]
    script = read("\n".join(rows), "a.csv")
    assert script.lines[0] == Line("Ann", "[Smiling.] Hello there.")
    assert script.lines[1] == Line("", "(A bell rings.)")


def test_a_dialogue_in_a_list_of_a_record_is_one_speech_each():
    record = {"id": 1, "dialog": ["Ann: hi there", "Bob: hello"], "act": [1, 2]}
    script = read("\n".join([json.dumps(record)] * 2), "a.jsonl")
    assert script.lines == [Line("Ann", "hi there"), Line("Bob", "hello")] * 2


def test_speeches_under_names_and_whole_scripts_in_json_are_read():
    by_name = {"S": {"episode 1": {"ANN": ["Hello there.", "I see you."], "BOB": ["Go on, Ann."]}}}
    assert read(json.dumps(by_name)).cast() == {"ANN": 2, "BOB": 1}
    lines = "ANN: Go.\nBOB [OC]: No.\nCY: Aye.\nANN: Oh."
    text = f"Pilot\n\nOriginal Airdate: 3 Jan\n\n[Bridge]\n\n{lines}"
    script = read(json.dumps({"S": {"episode 1": text, "episode 2": text}}))
    assert script.cast() == {"ANN": 4, "BOB": 2, "CY": 2}
    assert script.dropped["credits of an episode"] == 2


def test_credits_and_breaks_of_a_page_are_no_speeches():
    page = (
        "<html><body><p>Written by: A. Smith<br>Transcribed by: B</p>"
        "<p><b>Ann:</b> Hello there.</p><p><b>Bob:</b> No.</p><p><b>Ann:</b> Oh.</p>"
        "<p><b>Commercial Break</b></p><p><b>Bob:</b> Yes.</p><p><b>Opening Credits</b></p>"
    )
    script = read(page)
    assert script.cast() == {"Ann": 2, "Bob": 2}
    assert Line("Ann", "Oh.") in script.lines
    assert Line("", "[Commercial Break]") in script.lines


def test_asides_and_broken_lines_in_a_page_belong_to_the_speeches():
    speeches = "Ann: Hello,\nwho is\nthere?\n\nBob (to Ann): It is me.\n\nAnn: Oh.\n\n" * 4
    script = read(f"<html><body><pre>-----\n{speeches}=====\n</pre></body></html>")
    assert script.lines[:2] == [
        Line("Ann", "Hello, who is there?"),
        Line("Bob", "(to Ann) It is me."),
    ]


def test_words_behind_a_parenthesis_are_no_part_of_a_cue():
    speech = "ANN: (on a phone) Did you ring? I cannot find \nhim. Where did he go?\n\n"
    script = read(f"Pilot\n=====\n\n{speech}BOB: Are you through?\n\n{speech}", "a.txt")
    assert script.cast() == {"ANN": 2, "BOB": 1}
    assert "I cannot find" in script.to_text()


def test_the_name_of_a_message_in_a_forum_is_left_out():
    page = (
        '<html><body><p class="author">by <b>admin</b></p><div class="content">'
        + "<strong>Ann:</strong> Hello there.<br><br><strong>Bob:</strong> No.<br><br>" * 3
    )
    assert "admin" not in read(page).to_text()


@pytest.mark.parametrize(
    "text",
    [
        "{25}{75}Hello there.|How are you?\n{80}{120}{y:i}Fine.\n{130}{170}- And you?|- Good.\n",
        "[10][30]Hello there.|How are you?\n[31][50]/Fine.\n[52][70]- And you?|- Good.\n",
    ],
)
def test_subtitles_with_numbers_of_frames_are_read(text):
    script = read("{1}{1}23.976\n" * text.startswith("{") + text)
    assert script.format == "subtitles"
    assert [each.text for each in script.lines] == [
        *("Hello there. How are you?", "Fine.", "And you?", "Good.")
    ]


def test_dashes_in_one_row_of_a_subtitle_separate_speeches():
    first = "1\n00:00:01,000 --> 00:00:02,000\n- Hi. - Hello.\n\n"
    text = first + "2\n00:00:03,000 --> 00:00:04,000\nNo.\n"
    assert [each.text for each in read(text).lines] == ["Hi.", "Hello.", "No."]


def test_templates_without_a_speaker_are_directions():
    text = "{{L|Ann|Hello there.}}\n{{L||''[the clock rings]''}}\n{{L|Bob|No, ''Ann''.}}\n" * 2
    script = read(text, "a.wiki")
    assert script.lines[:2] == [Line("Ann", "Hello there."), Line("", "(the clock rings)")]


def test_directions_in_brackets_of_a_text_without_empty_lines_are_no_speech():
    text = "ANN\nReady?\n[They laugh.]\nBOB\n[whispering] No.\nANN\nOh.\nBOB\nGo.\nANN\nYes.\n"
    script = read(text)
    assert script.lines[:3] == [
        *(Line("ANN", "Ready?"), Line("", "(They laugh.)"), Line("BOB", "(whispering) No."))
    ]


def test_minor_parts_of_a_play_are_speakers():
    text = "ANN.\nWho is there?\n\nBOB.\nNay, answer me.\n\n" * 3 + "CLARA.\nHolla, Bob!\n\n"
    assert read(text).cast() == {"ANN": 3, "BOB": 3, "CLARA": 1}
