"""Capitals as people write them, the lines of a script, and Fountain as its readers read it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.scenes.script import (
    display_name,
    fountain,
    line_spans,
    opening,
    sentence_case,
    speaker_of,
)

NAMES = ["jerry", "elaine", "man", "mr. pitt"]
quick = settings(deadline=None, max_examples=50)
# Texts that are like scripts more often than chance would have it.
pieces = st.sampled_from(
    [*"\n\n\n:.!?()[]\"' -", "\n\n", "jerry: ", "i ", "i'm ", "elaine", "man: ", "ß", "ŉ", "ı", "ǆ"]
)
scripts = st.lists(pieces | st.text(max_size=4), max_size=30).map("".join)


@quick
@given(scripts, st.lists(st.sampled_from(NAMES) | st.text(max_size=5), max_size=4))
def test_only_case_changes_and_never_the_length(text, names):
    cased = sentence_case(text, names)
    assert len(cased) == len(text)
    for old, new in zip(text, cased, strict=True):
        assert new in (old, old.upper(), old.title())


@quick
@given(scripts)
def test_what_is_cased_stays_as_it_is(text):
    once = sentence_case(text, NAMES)
    assert sentence_case(once, NAMES) == once


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jerry: hello there. how are you?", "Jerry: Hello there. How are you?"),
        ("jerry: i know. i'm sure i've, i'd, i'll.", "Jerry: I know. I'm sure I've, I'd, I'll."),
        ("jerry: (to elaine) what?", "Jerry: (to Elaine) What?"),
        ("mr. pitt: no. bob's here.", "Mr. Pitt: No. Bob's here."),
        ("man on phone: yes?", "Man On Phone: Yes?"),
        ("elaine: that man, elaine's man", "Elaine: That man, Elaine's man"),
        ("[setting: jerry's apartment]", "[setting: Jerry's apartment]"),
        ("(jerry enters. he sits.)", "(Jerry enters. He sits.)"),
        ('jerry: he said "no." and left', 'Jerry: He said "No." And left'),
        ("jerry: see-i and e-i and i-beam", "Jerry: See-i and e-i and i-beam"),
        ("jerry: hi\n\nelaine: i", "Jerry: Hi\n\nElaine: I"),
        ("jerryx and xjerry", "Jerryx and xjerry"),
        ("JERRY: hi", "JERRY: Hi"),
        ("Jerry: Hello. Elaine?", "Jerry: Hello. Elaine?"),
        ("", ""),
        ("\n\n", "\n\n"),
        ("straße: ß", "Straße: ß"),
    ],
)
def test_capitals_are_as_people_write_them(text, said):
    assert sentence_case(text, NAMES) == said


def test_names_that_are_common_words_or_far_down_the_list_are_no_names():
    names = ["man", *(f"a{chr(97 + n)}" for n in range(13)), "jerry"]
    assert sentence_case("x the man, ab, jerry", names) == "X the man, Ab, jerry"


def test_a_letter_with_a_longer_capital_lengthens_nothing():
    text = "ßen: hello"
    assert sentence_case(text, []) == text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("bob", "Bob"),
        ("man on phone", "Man On Phone"),
        ("mr. pitt", "Mr. Pitt"),
        ("bob's mother", "Bob's Mother"),
        ("jean-paul", "Jean-Paul"),
        ("élodie", "Élodie"),
        ("", ""),
    ],
)
def test_a_name_is_shown_as_people_write_it(name, shown):
    assert display_name(name) == shown


@pytest.mark.parametrize(
    ("setting", "line", "begins"),
    [
        ("", "", ""),
        ("the pier", "", "[setting: the pier]"),
        ("", "Ann: hi", "Ann: hi"),
        (" the \n pier ", "Ann: hi", "[setting: the pier]\n\nAnn: hi"),
        ("[the pier]", "", "[setting: the pier]"),
        ("Setting: the pier", "", "[Setting: the pier]"),
        ("[setting: the pier]", "", "[setting: the pier]"),
        ("  ", "Ann: hi", "Ann: hi"),
        ("[]", "Ann: hi", "Ann: hi"),
    ],
)
def test_a_scene_opens_with_its_place_and_its_first_line(setting, line, begins):
    assert opening(setting, line) == begins


@quick
@given(st.text(max_size=50), st.text(max_size=50))
def test_an_opening_has_one_heading_line_at_most(setting, line):
    begins = opening(setting, line)
    assert begins.endswith(line)
    heading = begins.removesuffix(line).removesuffix("\n\n") if line else begins
    assert "\n" not in heading
    assert not heading or (heading[0], heading[-1]) == ("[", "]")


@quick
@given(scripts)
def test_line_spans_cover_the_lines_that_are_not_blank_and_no_others(text):
    spans = line_spans(text)
    assert [text[start:end] for start, end in spans] == [
        line for line in text.split("\n") if line.strip()
    ]
    covered = {place for start, end in spans for place in range(start, end)}
    assert len(covered) == sum(end - start for start, end in spans)
    assert not "".join(c for place, c in enumerate(text) if place not in covered).strip()
    for start, end in spans:
        assert start == 0 or text[start - 1] == "\n"
        assert end == len(text) or text[end] == "\n"
    assert spans == sorted(spans)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Ann: hi", "Ann:"),
        ("  Ann:  hi", "Ann:"),
        ("ann:", "ann:"),
        ("Mr. Pitt: no", "Mr. Pitt:"),
        ("Man On Phone: a: b", "Man On Phone:"),
        ("at 10:30", ""),
        ("(to Ann: hi)", ""),
        ("[setting: the pier]", ""),
        ("Ann (waving): hi", ""),
        (": hi", ""),
        ("", ""),
        ("x" * 41 + ": hi", ""),
        ("x" * 40 + ": hi", "x" * 40 + ":"),
        ('"Ann": hi', ""),
    ],
)
def test_who_speaks_a_line(line, name):
    assert speaker_of(line) == name


@quick
@given(scripts)
def test_a_speaker_stands_at_the_beginning_of_the_line(text):
    for line in text.split("\n"):
        name = speaker_of(line)
        assert line.strip().startswith(name)
        assert not name or name.count(":") == 1


def parse_fountain(text):
    """The title page, and (kind, text) of each element, by the rules of fountain.io/syntax.

    Only of what can stand here; whatever else a reader of Fountain might see is told as its kind.
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
            found.append(("strange", line))
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


def test_a_scene_in_fountain_in_full():
    assert fountain(EXAMPLE, "A scene after Seinfeld", ["Written by nobody."]) == EXPECTED


def test_fountain_as_its_readers_read_it():
    title, found = parse_fountain(fountain(EXAMPLE, "A scene after Seinfeld", ["By nobody."]))
    assert title == {"Title": "A scene after Seinfeld", "Notes": "By nobody."}
    kinds = [kind for kind, _ in found]
    assert kinds == [
        *("heading", "character", "aside", "dialogue", "aside", "dialogue"),
        *("character", "dialogue", "action", "character", "dialogue"),
        *("heading", "character", "dialogue", "action"),
    ]


def test_an_empty_scene_is_a_title_page():
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
def test_in_fountain_no_word_is_lost_and_all_stays_what_it_was(text):
    _, found = parse_fountain(fountain(text, "Title"))
    written = [text[start:end].strip() for start, end in line_spans(text)]
    told = re.sub(r"^\[\s*(setting|scene|location)\s*:", "[", text, flags=re.MULTILINE)
    assert plain(" ".join(line for _, line in found)) == plain(told)
    kinds = {kind for kind, _ in found}
    assert "strange" not in kinds
    assert kinds <= {
        *("heading", "action", "character", "aside", "dialogue", "lyrics", "unforced action"),
    }
    speakers = [speaker_of(line)[:-1].upper() for line in written if speaker_of(line)]
    # A line that begins like a direction is none of a person, whatever stands in it.
    speakers = [name.strip() for name in speakers if not name.startswith("[")]
    assert [name.lstrip("@") for kind, name in found if kind == "character"] == [
        name.lstrip("@") for name in speakers
    ]


@quick
@given(st.text(max_size=80))
def test_any_text_has_its_fountain(text):
    made = fountain(text, "Title")
    assert made.startswith("Title: Title\n")
    assert made.endswith("\n")
    _, found = parse_fountain(made)
    assert len(found) >= len(line_spans(text))


@pytest.mark.parametrize("name", ["int. voice", "ext. voice", "est. 1900", "i/e man"])
def test_a_name_like_a_heading_is_still_a_person(name):
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
def test_a_direction_keeps_its_brackets_in_pairs(line, action):
    assert parse_fountain(fountain(line, "Title"))[1] == [("action", action)]
