"""JSON and JSON lines: layouts, fields, damaged documents."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.command_line import UserError
from data.formats import registry
from data.formats.script import Line, ReadOptions, Script
from tests.data.formats.samples import JSON, SPEECHES
from tests.data.formats.scripts import speeches

SHAPES = {
    "list": lambda records: records,
    "object": lambda records: {"title": "Low Tide", "lines": records},
    "seasons": lambda records: {"1": {"a": records[:3]}, "2": {"b": records[3:]}},
}


def read(text: str, **columns: str) -> Script:
    return registry.read(text, "", ReadOptions(columns, "a.json"))


@pytest.mark.parametrize("layout", JSON)
def test_layouts_are_recognized(layout):
    assert registry.detect(JSON[layout], "a.txt").name == "json"
    assert read(JSON[layout]).lines == SPEECHES


@settings(max_examples=25)
@given(speeches(), st.sampled_from(sorted(SHAPES)), st.sampled_from((None, 1)), st.booleans())
def test_any_script_written_as_json_gives_the_same_speeches(lines, shape, indent, ascii):
    records = [{"id": n, "character": e.speaker, "text": e.text} for n, e in enumerate(lines)]
    text = json.dumps(SHAPES[shape](records), indent=indent, ensure_ascii=ascii)
    assert read(text).lines == lines


def test_several_speakers_are_joined_by_commas_and_parts_of_a_speech_by_spaces():
    turns = [{"speakers": ["Ann Lee", "Bob"], "text": ["Hello.", "No?"]}] * 9
    assert read(json.dumps(turns)).lines[0] == Line("Ann Lee, Bob", "Hello. No?")


def test_text_of_other_depths_is_not_read_twice():
    records = [{"speaker": each.speaker, "text": each.text} for each in SPEECHES]
    whole = " ".join(each.text for each in SPEECHES)
    assert read(json.dumps({"text": whole, "segments": records})).lines == SPEECHES


def test_fields_may_be_named_by_the_user():
    records = [{"a": "Ann", "b": "Bob", "words": f"hello you {n}"} for n in range(9)]
    text = json.dumps(records)
    assert read(text, character="b", dialogue="words").lines[0] == Line("Bob", "hello you 0")
    with pytest.raises(UserError, match="has no field c; its fields are a, b, words"):
        read(text, character="c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"speaker": "Ann", "text": "hi"},', "not well-formed JSON"),
        ('{"a": 1, "text": "x"}\n{"a": 1, "text": "y"}\n{"a": \n', "JSON lines: line 3"),
        ('{"a": [1, 2], "b": {"c": 4}}', "no records with text"),
        ("[" * 100_000 + '"a",', "not well-formed JSON"),
    ],
)
def test_unusable_json_is_refused_in_one_line(text, message):
    with pytest.raises(UserError, match=message) as caught:
        registry.read(text, "json", ReadOptions(path="a.json"))
    assert "\n" not in str(caught.value)


def test_heading_in_brackets_is_no_json():
    text = "[setting: the pier]\n\n" + 'Ann: "no", he said: "yes"\n' * 9
    assert registry.detect(text, "a.txt").name == "plain"
