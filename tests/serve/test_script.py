"""A script's text: capitals, opening, lines, and speakers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.scenes.script import (
    display_name,
    line_spans,
    opening,
    sentence_case,
    speaker_prefix,
    typed_names,
    with_letters_of,
)

NAMES = ["jerry", "elaine", "man", "mr. pitt"]
quick = settings(deadline=None, max_examples=50)
# Texts that resemble scripts more often than random ones.
chunks = st.sampled_from(
    [*"\n\n\n:.!?()[]\"' -", "\n\n", "jerry: ", "i ", "i'm ", "elaine", "man: ", "ß", "ŉ", "ı", "ǆ"]
)
scripts = st.lists(chunks | st.text(max_size=4), max_size=30).map("".join)


@quick
@given(scripts, st.lists(st.sampled_from(NAMES) | st.text(max_size=5), max_size=4))
def test_sentence_case_changes_only_case(text, names):
    cased = sentence_case(text, names)
    assert len(cased) == len(text)
    for old, new in zip(text, cased, strict=True):
        assert new in (old, old.upper(), old.title())


@quick
@given(scripts)
def test_sentence_case_is_idempotent(text):
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
        ("jerry: hello mr. pitt, mrs. and dr. no", "Jerry: Hello Mr. Pitt, Mrs. And Dr. No"),
        ("jerry: the mr and the msx.", "Jerry: The mr and the msx."),
    ],
)
def test_sentence_case_examples(text, said):
    assert sentence_case(text, NAMES) == said


@pytest.mark.parametrize(
    ("text", "names", "cased"),
    [
        ("AÀ", ["AÀ"], "AÀ"),
        ("ÀÀ", ["ÀÀ"], "ÀÀ"),
        ("no, McCoy", ["McCoy"], "No, McCoy"),
        ("no, mcCoy", ["mcCoy"], "No, McCoy"),
    ],
)
def test_sentence_case_keeps_the_capitals_inside_a_name(text, names, cased):
    assert sentence_case(text, names) == cased


def test_sentence_case_ignores_common_nouns_and_minor_speakers():
    names = ["man", *(f"a{chr(97 + n)}" for n in range(13)), "jerry"]
    assert sentence_case("x the man, ab, jerry", names) == "X the man, Ab, jerry"


def test_names_within_typed_sentences_have_capitals_everywhere():
    typed = "Ann: I saw Kevin, and the Harbour.\n\n[the Pier]\n\nBob: What A Lovely Title This Is"
    names = typed_names(typed)
    assert names == ["kevin", "harbour"]
    assert sentence_case("bob: is kevin here?", [], names) == "Bob: Is Kevin here?"


@quick
@given(scripts)
def test_with_letters_of_a_text_gives_back_its_words(text):
    words = text.split(" ")
    lower = [word.lower() for word in words]
    if all(len(one) == len(other) for one, other in zip(words, lower, strict=True)):
        assert with_letters_of(text, lower) == words


def test_with_letters_of_a_text_skips_what_it_writes_otherwise():
    words = ["ann", ":", " uber", " mckevin", ",", " mr", "."]
    found = with_letters_of("Ann: über McKevin, Mr.", words)
    assert found == ["Ann", ":", " uber", " McKevin", ",", " Mr", "."]


def test_sentence_case_keeps_the_length_where_a_capital_is_longer():
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
def test_display_name(name, shown):
    assert display_name(name) == shown


@pytest.mark.parametrize(
    ("setting", "line", "begins"),
    [
        ("", "", ""),
        # A blank line follows, so that the model does not continue the heading.
        ("the pier", "", "[setting: the pier]\n\n"),
        ("", "Ann: hi", "Ann: hi"),
        ("", "Ann: hi.", "Ann: hi.\n\n"),
        ("", "Ann: is it? ", "Ann: is it?\n\n"),
        ("", "Ann: wait…", "Ann: wait…\n\n"),
        (" the \n pier ", "Ann: hi", "[setting: the pier]\n\nAnn: hi"),
        (" the \n pier ", "Ann: hi!", "[setting: the pier]\n\nAnn: hi!\n\n"),
        ("[the pier]", "  ", "[setting: the pier]\n\n"),
        ("Setting: the pier", "", "[Setting: the pier]\n\n"),
        ("[setting: the pier]", "", "[setting: the pier]\n\n"),
        ("  ", "Ann: hi", "Ann: hi"),
        ("[]", "Ann: hi", "Ann: hi"),
    ],
)
def test_opening_joins_setting_and_first_line(setting, line, begins):
    assert opening(setting, line) == begins


@quick
@given(st.text(max_size=50), st.text(max_size=50))
def test_opening_has_at_most_one_heading_line(setting, line):
    begins = opening(setting, line).rstrip()
    heading = begins.removesuffix(line.rstrip()).rstrip("\n") if line.strip() else begins
    assert "\n" not in heading
    assert not heading or (heading[0], heading[-1]) == ("[", "]")


@quick
@given(st.text("ab.?!…)]\"' \n", max_size=20))
def test_finished_line_is_followed_by_a_blank_line(line):
    begins = opening("", line)
    finished = bool(line.strip()) and line.rpartition("\n")[2].rstrip()[-1:] in set(".?!…)]\"'")
    if finished and line.rpartition("\n")[2].strip():
        assert begins == line.rstrip() + "\n\n"
    else:
        assert begins == (line if line.strip() else "")


@quick
@given(scripts)
def test_line_spans_cover_exactly_the_lines_that_are_not_blank(text):
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
def test_speaker_prefix(line, name):
    assert speaker_prefix(line) == name


@quick
@given(scripts)
def test_speaker_prefix_is_at_the_start_of_the_line(text):
    for line in text.split("\n"):
        name = speaker_prefix(line)
        assert line.strip().startswith(name)
        assert not name or name.count(":") == 1
