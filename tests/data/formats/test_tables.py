"""Tables of dialogue: layouts of known data sets, delimiters, damaged rows, choice of columns."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.command_line import UserError
from data.formats import registry
from data.formats.script import Line, ReadOptions, Script
from tests.data.formats.samples import SPEECHES, TABLES, table

CELLS = st.builds(
    " ".join,
    st.lists(st.sampled_from(['"Yes"', "no,", "a;b", "c|d", "é…", "“so”", "'", "1,2", "#x"])),
).map(lambda text: f"well {text}")


def read(text: str, name: str = "a.csv", **columns: str) -> Script:
    return registry.read(text, "", ReadOptions(columns, name))


def refused(text: str, **columns: str) -> str:
    with pytest.raises(UserError) as caught:
        read(text, **columns)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.tsv"])
@pytest.mark.parametrize("layout", TABLES)
def test_layouts_of_known_data_sets_are_recognized(layout, name):
    assert registry.detect(TABLES[layout], name).name == "table"
    assert read(TABLES[layout], name).lines == SPEECHES


@settings(max_examples=40)
@given(st.lists(CELLS, min_size=4, max_size=30), st.sampled_from(",;\t|"))
def test_any_speeches_written_to_a_table_are_read_back(speeches, delimiter):
    lines = [
        Line("Ann" if n % 2 else "Bob", " ".join(text.split())) for n, text in enumerate(speeches)
    ]
    text = table(
        ["Character", "Dialogue"], lambda n, line: [line.speaker, line.text], delimiter, lines
    )
    expected = [line for line in lines if line.text]
    assert registry.read(text, "table", ReadOptions()).lines == expected


def test_unquoted_commas_are_refused_with_the_line_number():
    text = "Character,Dialogue\n" + "Ann,hello\n" * 20 + "Bob,well, why not\n"
    assert "a.csv has 3 fields in line 22, more than the 2 columns" in refused(text)


def test_two_columns_of_one_name_are_refused_and_chosen_by_number():
    rows = "".join(f"Ann,hello {n},bonjour {n}\n" for n in range(9))
    text = f"Character,Dialogue,Dialogue\n{rows}"
    assert "two columns named Dialogue (columns 2 and 3)" in refused(text)
    assert read(text, character="Character", dialogue="3").lines[0] == Line("Ann", "bonjour 0")


def test_columns_may_be_named_by_the_user():
    rows = "".join(f"{n},Ann,Bob,hello you {n}\n" for n in range(9))
    text = f"n,from person,to person,said\n{rows}"
    assert read(text, character="To Person", dialogue="said").lines[0] == Line("Bob", "hello you 0")
    assert read(text, character="", dialogue="said").lines[0] == Line("", "hello you 0")
    assert "has no column words; its columns are n, from person" in refused(text, dialogue="words")


def test_missing_columns_are_refused_with_the_columns_found():
    numbers = "id,season,episode\n" + "".join(f"{n},1,2\n" for n in range(20))
    assert "no column of speeches that is recognized among id, season, episode" in refused(numbers)
    speeches = "id,dialogue\n" + "".join(f"{n},never the same words {n}\n" for n in range(20))
    message = refused(speeches)
    assert "no column of speakers that is recognized among id, dialogue" in message
    assert "--columns character=,dialogue=dialogue" in message


def test_speakers_inside_the_column_of_speeches_are_found():
    text = table(["n", "dialogue"], lambda n, line: [n, f"{line.speaker}: {line.text}"])
    assert read(text).lines == SPEECHES


def test_rows_without_a_speaker_are_narration_and_rows_without_words_are_counted():
    rows = 'nan,"It rains"\n,"It pours"\nAnn,nan\nBob,\nAnn,hello\n'
    script = read(f"Character,Dialogue\n{rows}")
    assert script.lines == [Line("", "It rains"), Line("", "It pours"), Line("Ann", "hello")]
    assert script.dropped == {"rows without a speech": 2}


def test_short_rows_are_noted_with_their_line():
    script = read("Character,Dialogue\nAnn,hello\nand so on\nBob,yes\n")
    assert "1 rows have fewer fields than the 2 columns, first in line 3" in script.notes
    assert script.dropped == {"rows without a speech": 1}


def test_table_of_dialogues_in_rows_has_two_speakers_who_take_turns():
    header = [*(f"sentence{n}" for n in (1, 10, 2, 3, 4)), "topic"]
    rows = [[*(f"this is turn {n}" for n in (1, 10, 2, 3, 4)), "rain"]] * 9
    text = "\n".join(",".join(row) for row in [header, *rows])
    lines = read(text).lines[:5]
    assert [line.text[-2:].strip() for line in lines] == ["1", "2", "3", "4", "10"]
    assert [line.speaker for line in lines] == [f"Speaker {n}" for n in (1, 2, 1, 2, 1)]


def test_table_with_tabs_may_hold_single_quotation_marks():
    rows = 'Ann\t"Hello," she said\nBob\tSix" of rain\n' * 9
    lines = read(f"Character\tDialogue\n{rows}").lines
    assert lines[:2] == [Line("Ann", '"Hello," she said'), Line("Bob", 'Six" of rain')]


def test_quotation_marks_may_be_escaped_by_backslashes():
    rows = r'Ann,"She said \"no\", Bob"' + "\n" + 'Bob,"Well, yes"\n'
    assert read(f"Character,Dialogue\n{rows * 9}").lines[0] == Line("Ann", 'She said "no", Bob')


def test_table_that_is_cut_off_is_refused():
    assert "not a well-formed table: line" in refused('Character,Dialogue\nAnn,hello\nBob,"ye\n')
