"""The Fountain format, read back by a small parser of its rules."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.scenes.script import fountain, line_spans, speaker_prefix

quick = settings(deadline=None, max_examples=50)


def parse_fountain(text):
    """The title page, and (kind, text) of each element, by the rules of fountain.io/syntax.

    Covers what `fountain` can write; any other element gets a kind of its own.
    """
    page, _, body = text.partition("\n\n")
    title = dict(line.split(": ", 1) for line in page.strip().split("\n"))
    found, speaking, blank = [], False, True
    lines = body.split("\n")
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if not line.strip():
            speaking, blank = False, True
            continue
        if speaking:
            aside = line.startswith("(") and line.endswith(")")
            found.append(("lyrics" if line[0] == "~" else "aside" if aside else "dialogue", line))
        elif re.match(r"\.\w", line):
            found.append(("heading", line[1:]))
        elif line[0] == "!":
            found.append(("action", line[1:]))
        elif line[0] in ">~#=":
            found.append(("other", line))
        elif re.match(r"(int|ext|est|int\.?/ext|i/e)[. ]", line, re.IGNORECASE) and blank:
            found.append(("heading", line))
        elif line[0] == "@" and following.strip():
            found.append(("character", line[1:]))
            speaking = True
        elif line == line.upper() and re.search("[A-Z]", line) and blank and following.strip():
            found.append(("character", line))
            speaking = True
        else:
            found.append(("unforced action", line))
        blank = False
    return title, found


def plain(text):
    return re.findall(r"\w+", text.casefold())


EXAMPLE = """[setting: the coffee shop]

jerry: (to elaine) what is it? (sits) tell me.

elaine: i can't.

(kramer enters.)

12 angry men: no.

[Scene: Monk's]
Mr. Pitt:

the end
"""

EXPECTED = """Title: A scene after Seinfeld
Notes: Written by nobody.

.THE COFFEE SHOP

JERRY
(to elaine)
what is it?
(sits)
tell me.

ELAINE
i can't.

!kramer enters.

@12 ANGRY MEN
no.

.MONK'S

MR. PITT
...

!the end
"""


def test_fountain_of_a_whole_scene():
    assert fountain(EXAMPLE, "A scene after Seinfeld", ["Written by nobody."]) == EXPECTED


def test_fountain_elements_as_a_parser_reads_them():
    title, found = parse_fountain(fountain(EXAMPLE, "A scene after Seinfeld", ["By nobody."]))
    assert title == {"Title": "A scene after Seinfeld", "Notes": "By nobody."}
    kinds = [kind for kind, _ in found]
    assert kinds == [
        *("heading", "character", "aside", "dialogue", "aside", "dialogue"),
        *("character", "dialogue", "action", "character", "dialogue"),
        *("heading", "character", "dialogue", "action"),
    ]


def test_fountain_of_an_empty_scene_is_a_title_page():
    assert fountain("", "Nothing") == "Title: Nothing\n"
    assert fountain(" \n\n", "Nothing", ["a", "b"]) == "Title: Nothing\nNotes: a\nNotes: b\n"


line_kinds = st.sampled_from(
    [
        *("jerry: ", "mr. pitt: ", "élodie: ", "24: ", "@bob: ", ".dot: ", "the café: ", "r2d2: "),
        *("[setting: ", "[", "(", "", "> ", "# ", "~", "= ", "!", "fade to: ", "INT. HOUSE "),
    ]
)
words = st.sampled_from(
    [*("hello", "Ann", "no", "(waving)", "(a", "b)", "...", "...", "?", "i/e", "!", "]", "[x]")]
)
lines = st.builds(lambda begin, said: begin + " ".join(said), line_kinds, st.lists(words))
scenes = st.lists(lines, max_size=8).map("\n\n".join)


@quick
@given(scenes)
def test_fountain_keeps_all_words_and_their_elements(text):
    _, found = parse_fountain(fountain(text, "Title"))
    written = [text[start:end].strip() for start, end in line_spans(text)]
    expected = re.sub(r"^\[\s*(setting|scene|location)\s*:", "[", text, flags=re.MULTILINE)
    assert plain(" ".join(line for _, line in found)) == plain(expected)
    kinds = {kind for kind, _ in found}
    assert "other" not in kinds
    assert kinds <= {
        *("heading", "action", "character", "aside", "dialogue", "lyrics", "unforced action"),
    }
    speakers = [speaker_prefix(line)[:-1].upper() for line in written if speaker_prefix(line)]
    # A line that starts like a heading has no speaker.
    speakers = [name.strip() for name in speakers if not name.startswith("[")]
    assert [name.lstrip("@") for kind, name in found if kind == "character"] == [
        name.lstrip("@") for name in speakers
    ]


@quick
@given(st.text(max_size=80))
def test_fountain_of_arbitrary_text(text):
    made = fountain(text, "Title")
    assert made.startswith("Title: Title\n")
    assert made.endswith("\n")
    _, found = parse_fountain(made)
    assert len(found) >= len(line_spans(text))


@pytest.mark.parametrize("name", ["int. voice", "ext. voice", "est. 1900", "i/e man"])
def test_fountain_forces_characters_that_look_like_headings(name):
    _, found = parse_fountain(fountain(f"{name}: hello", "Title"))
    assert found == [("character", name.upper()), ("dialogue", "hello")]


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("(jerry enters.)", "jerry enters."),
        ("(jerry enters) (he sits)", "(jerry enters) (he sits)"),
        ("(quietly) and then he sits", "(quietly) and then he sits"),
        ("he sits (quietly)", "he sits (quietly)"),
        ("(he sits (quietly))", "he sits (quietly)"),
    ],
)
def test_fountain_actions_keep_parentheses_in_pairs(line, action):
    assert parse_fountain(fountain(line, "Title"))[1] == [("action", action)]
