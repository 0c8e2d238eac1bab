"""JSON whose fields are numbers, episodes, or texts with and without directions."""

import json

from data.formats import registry
from data.formats.script import Line, ReadOptions


def read(document):
    return registry.read(json.dumps(document), "", ReadOptions(path="a.json"))


def test_texts_under_numbers_are_in_the_order_of_the_numbers():
    texts = {str(n): f"This is line number {n}." for n in (1, 10, 11, 2, 3)}
    script = read({"Low Tide S01E02 The Clock.srt": texts})
    assert [line.text for line in script.lines] == [
        f"This is line number {n}." for n in (1, 2, 3, 10, 11)
    ]


def test_episodes_are_no_speakers():
    texts = ["Hello there, Bob.", "No, I am not.", "Go on then.", "Well, well."]
    for names in (("S01E01", "S01E02"), ("episode 1", "episode 2"), ("1x01.srt", "1x02.srt")):
        script = read(dict.fromkeys(names, texts))
        assert not script.cast()
        assert [line.text for line in script.lines] == texts * 2


def test_a_text_with_directions_is_preferred_where_there_is_one():
    utterances = [
        {"speakers": [], "transcript": "", "transcript_with_note": "[Scene: The pier.]"},
        {"speakers": ["Ann"], "transcript": "Hi.", "transcript_with_note": "Hi. (waves)"},
        {"speakers": ["Bob"], "transcript": "No, Ann.", "transcript_with_note": None},
    ]
    script = read({"episodes": [{"scenes": [{"utterances": utterances}]}]})
    assert script.lines == [
        *(Line("", "[Scene: The pier.]"), Line("Ann", "Hi. (waves)"), Line("Bob", "No, Ann."))
    ]
    assert not script.dropped
