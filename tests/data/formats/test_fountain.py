"""Fountain screenplays, those that the page saves among them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.formats import fountain, names, registry
from data.formats.script import Line, ReadOptions
from data.show.read import LOW_TIDE, read_show
from serve.scenes import script as page
from tests.data.formats.scripts import folded, scenes, sentences

FILE = """\
Title: **The Pier**
Credit: written by
Author: Nobody
Notes:
    a draft
    of two lines

The sea is *grey*,
and still.

====

**FADE IN:**

# Act one

= A synopsis.

EXT. PIER - DAY #12#

ANN (V.O.)(CONT'D)
(low)
_I_ do *not* like it. [[a note]]

COLE'S POV

.SNIPER SCOPE

@McAvoy (on phone) ^
Who's there?
  (a beat)
Nobody? /* cut
this */

ON ANN AND COLE

> _THE END_ <

~ la la la

!WAIT

DISSOLVE TO:

> BURN TO WHITE

McDermott
mumbles.
"""


def read(text):
    return fountain.read(text, ReadOptions())


def test_a_fountain_file_keeps_speeches_directions_and_headings():
    script = read(FILE)
    assert script.lines == [
        Line("", "(The sea is grey, and still.)"),
        Line("", "[setting: EXT. PIER - DAY]"),
        Line("ANN", "(low) I do not like it."),
        Line("", "[setting: SNIPER SCOPE]"),
        Line("McAvoy", "(on phone) Who's there? (a beat) Nobody?"),
        Line("", "(WAIT)"),
        Line("", "(McDermott mumbles.)"),
    ]
    assert script.dropped == {
        "lines of the title page": 6,
        "page breaks": 1,
        "transitions": 3,
        "sections": 1,
        "synopses": 1,
        "camera directions": 2,
        "centred lines": 1,
        "lyrics": 1,
    }


def test_windows_line_ends_and_a_byte_order_mark_change_nothing():
    assert read("\ufeff" + FILE.replace("\n", "\r\n")) == read(FILE)


@pytest.mark.parametrize("name", ["show.fountain", "show.txt"])
def test_fountain_is_detected_by_its_title_page(name):
    assert registry.detect(FILE, name).name == "fountain"


def test_a_script_of_names_and_colons_is_no_fountain():
    text = "Title: hello\nAnn: no.\n\nAuthor: yes.\n\n" * 5
    assert registry.detect(text, "show.fountain").name == "plain"


def read_back(scene):
    """The scene in the file that the page saves, as text."""
    saved = page.fountain(scene, "Low Tide", ["written with seed 3"])
    script = registry.read(saved, "", ReadOptions(path="scene.fountain"))
    assert script.format == "fountain"
    return names.tidy(script).to_text()


def plain(text):
    """A text without case, runs of white space, and spaces within parentheses."""
    return re.sub(r"\( | (?=\))", lambda match: match[0].strip(), " ".join(text.lower().split()))


def test_the_page_s_file_of_the_embedded_show_is_the_same_scene():
    scene = read_show(LOW_TIDE)[:20_000].rpartition("\n\n")[0]
    assert plain(read_back(scene)) == plain(scene)


def test_the_page_s_file_keeps_names_that_need_a_mark():
    scene = (
        "int. bob: hello.\n\nélodie: (waves) hi (again) you.\n\n2nd man: no.\n\n(rain)\n\nann: ok."
    )
    assert plain(read_back(scene)) == plain(scene)


@settings(deadline=None, max_examples=25)
@given(scenes())
def test_any_scene_that_the_page_saves_is_read_back(lines):
    scene = "\n\n".join(
        f"{line.speaker}: {line.text}" if line.speaker else line.text for line in lines
    )
    assert plain(read_back(scene)) == plain(scene)


def written(line):
    """A line in Fountain."""
    if not line.speaker:
        text = line.text
        return text[len("[setting: ") : -1] if text.startswith("[") else f"!{text[1:-1]}"
    text = re.sub(r"^\(quietly\) ", "(quietly)\n", line.text)
    name = line.speaker.upper()
    return f"{name if name.isascii() else f'@{name}'}\n{text}"


@settings(deadline=None, max_examples=25)
@given(scenes())
def test_a_script_written_in_fountain_is_read_back(lines):
    text = "\n\n".join(map(written, lines))
    assert folded(read(text).lines) == folded(lines)


@given(st.lists(sentences(), min_size=1, max_size=3).map("\n".join))
def test_text_without_speakers_is_no_fountain(text):
    assert fountain.FORMAT.score(text, "show.txt") == 0
