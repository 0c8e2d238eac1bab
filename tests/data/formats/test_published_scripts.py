"""Layouts of published transcripts, screenplays and texts of subtitles, in words of our own."""

from data.formats import look, problems, registry
from data.formats.load import load
from data.formats.script import Line, ReadOptions


def read(text: str, name: str = "show.txt", format: str = ""):
    return registry.read(text, format, ReadOptions(path=name))


def test_verses_of_a_song_belong_to_the_speech_where_directions_are_in_brackets():
    speech = "A sentence that is long enough to be a whole paragraph of a speech, " * 2
    text = (
        f"The Clock\n\n[The pier. All are there.]\nANN\n{speech}\nBOB\nNo.\n[They laugh.]\n"
        "ANN\nRing, bell, ring,\nfar away,\n[She waves.]\nat the pier.\nBOB\nOh.\n"
        "[He goes.]\n[At home.]\nANN\n[whispering]Well.\n[The end.]\nBOB\nYes.\n"
    ) * 2
    script = read(text)
    assert script.format == "screenplay"
    assert Line("ANN", "Ring, bell, ring, far away, (She waves.) at the pier.") in script.lines
    assert Line("ANN", "(whispering) Well.") in script.lines
    # What is in brackets before the first speech is no title page.
    assert script.lines[0] == Line("", "(The pier. All are there.)")
    assert script.dropped["lines of the title page"] == 1


def test_directions_that_are_items_of_a_list_have_no_bullets():
    text = (
        "  • Ann: Hello there.\n  • [The bell rings.]\n  • Bob: No.\n  •(He goes.)\n  •Ann: Oh.\n"
    )
    script = read(text * 2)
    assert script.lines[:5] == [
        *(Line("Ann", "Hello there."), Line("", "(The bell rings.)"), Line("Bob", "No.")),
        *(Line("", "(He goes.)"), Line("Ann", "Oh.")),
    ]


def test_a_heading_with_brackets_inside_stays_one():
    for format in ("fountain", "screenplay"):
        text = "INT. PIER - DAY [LATER]\n\nANN\nHello.\n\nBOB\nNo.\n\nANN\nOh.\n"
        assert read(text, format=format).lines[0] == Line("", "[setting: INT. PIER - DAY (LATER)]")


def test_a_title_is_not_taken_for_the_cast(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("The Clock: Season 1\n\n" + "They went home.\nIt was late.\n" * 20)
    loaded = load(path)
    assert loaded.script.cast() == {"The Clock": 1}
    first, second = look.short_report(loaded)
    assert "1 speakers" in first
    assert second.startswith("warning: only 1 of 41 lines have a speaker")
    assert any(line.startswith("warning:") for line in look.report(loaded))


def test_marks_of_forums_are_a_problem():
    assert problems.problem("Hello there.[br]How are you?\n[i]Fine.[/i]\n" * 5)
    assert not problems.problem("Hello there.\n[laughs] Fine.\n" * 5)
