"""Readers of each format, on small samples."""

import functools

import pytest

from data.base.readers import READERS
from data.base.typography import plain_text
from tests.data.base import samples


def read(name: str, text: str, **options) -> list[list[str]]:
    reader = functools.partial(READERS[name], **options)
    return [[plain_text(paragraph) for paragraph in document] for document in reader(text)]


def test_markdown_transcript_has_first_names_and_no_links_or_time_stamps():
    [speeches] = read("markdown transcript", samples.MARKDOWN)
    assert speeches[0].startswith("Ann: Welcome to the show! It is very good.")
    assert speeches[1] == 'Bob: Lamps & more lamps -- "yes".'
    assert speeches[-1] == "Ann: Good night."


def test_markdown_transcript_joins_a_paragraph_without_a_name_to_the_speech_before():
    [speeches] = read("markdown transcript", samples.MARKDOWN)
    assert speeches[0].endswith("We talk about lamps today. (laughter)")


def test_markdown_transcript_leaves_out_bleeped_words_and_empty_speeches():
    [speeches] = read("markdown transcript", samples.MARKDOWN)
    assert not [speech for speech in speeches if "piece" in speech or "Break" in speech]


def test_json_turns_name_all_speakers_together_and_drop_cues():
    assert read("json turns", samples.TURNS) == [
        ["Matt: You see a door. It is shut.", "All: We open it!"]
    ]


def test_csv_dialogues_skip_rejected_excluded_and_short_rows():
    dialogues = read("csv dialogues", samples.DIALOGUES, excluded=frozenset({"BAD"}))
    assert len(dialogues) == 1
    names = [turn.split(": ")[0] for turn in dialogues[0]]
    assert names[::2] == names[:1] * 2
    assert names[1::2] == names[1:2] * 2
    assert names[0] != names[1]
    assert [turn.split(": ")[1] for turn in dialogues[0]] == [
        "Do you like trains?",
        "I do, a lot.",
        "Which ones?",
        "The slow ones.",
    ]


def test_csv_dialogues_name_the_same_row_alike_in_any_file():
    header, first, *_ = samples.DIALOGUES.split("\n")
    long = first.replace("A1", "A9")
    together = read("csv dialogues", "\n".join([header, long, first]) + "\n")
    alone = read("csv dialogues", "\n".join([header, first]) + "\n")
    assert together[1] == alone[0]


def test_xhtml_book_has_paragraphs_without_headings_notes_and_verse():
    assert read("xhtml book", samples.CHAPTER) == [
        ['"Wait," said Mr. Day. "I--I can\'t."', "It rained; he stayed."]
    ]


def test_xhtml_play_has_speeches_with_stage_directions_in_parentheses():
    assert read("xhtml book", samples.ACT) == [
        ["(Nell enters.)", "Nell: Is it late? (She looks up.) It is.", "Mr Day: Yes."]
    ]


def test_plain_book_has_prose_and_speeches_without_front_matter_and_notes():
    assert read("plain book", samples.BOOK) == [
        [
            "It was a cold morning, and the man who kept the pier was not in the mood to talk to "
            "anyone. He said so to the gulls that sat on the rail, and it was the truth.",
            '"I am not in the mood," he said. "That is all that I have to say to you."',
            "Nora: (laughing) You said it to the gulls, and you said it to me as well.",
            "Mrs Day: And to me!",
        ]
    ]


def test_plain_play_with_names_in_lower_case_has_speeches():
    play = "\n\n".join(["Nell. It is late, and the sea is in the house.", "Tom. I know that."] * 9)
    [speeches] = read("plain book", play)
    assert speeches[:2] == ["Nell: It is late, and the sea is in the house.", "Tom: I know that."]


@pytest.mark.parametrize(
    "text",
    [
        "Language: German\n\n*** START OF THE BOOK ***\n\n" + "The end of it was that he was. " * 9,
        "Der Mann ging langsam nach Hause, weil es dunkel wurde.\n\n" * 20,
    ],
    ids=["declared", "recognized by its words"],
)
def test_plain_book_in_another_language_is_left_out(text):
    assert read("plain book", text) == []


def test_plain_book_leaves_out_verse_and_contents():
    verse = "The lamp was bright,\nThe sea was near,\nAnd all the night\nThe men were here."
    prose = "It was the end of the day, and the man was in the house that he had to paint."
    contents = "The Morning      12"
    assert read("plain book", f"{prose}\n\n{verse}\n\n{contents}\n\n{prose}") == [[prose, prose]]
