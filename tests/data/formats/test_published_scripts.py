"""Layouts of published transcripts, screenplays and texts of subtitles, in words of our own."""

from data.formats import look, names, problems, registry
from data.formats.load import load
from data.formats.script import Line, ReadOptions, Script


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


CREDITED = (
    "The Clock\n\nPart I Written by: A. Smith\nPart II Written by: B. Jones\n"
    "Storyboard By: C, D\nOriginal Air Date: 3 Jan\n\nScene: The pier. All are there.\n\n"
)


def test_credits_and_scenes_of_a_transcript_are_not_learned_as_speeches():
    speeches = "Ann: Hello there.\n\nBob: Who is\nthere, Ann?\n\nAnn: It is me.\n\n" * 3
    script = read(CREDITED + speeches)
    assert script.cast() == {"Ann": 6, "Bob": 3}
    assert Line("Bob", "Who is there, Ann?") in script.lines
    assert Line("", "[scene: The pier. All are there.]") in script.lines
    assert script.dropped == {"credits of an episode": 4}
    # Without them the text is learned as it stands.
    assert read(speeches).text == speeches


def test_speakers_within_a_paragraph_begin_where_a_sentence_ends():
    speeches = "Ann: Hello there.\nBob: No.\nCy: Oh, look: it rings.\n\n(They go.)\n\n"
    wrapped = "Ann: One says.\nThis: no, never.\n\n"
    assert read(CREDITED + wrapped + "Ann: Oh.\n\nBob: No.\n\n" * 3).cast() == {"Ann": 4, "Bob": 3}
    long = "(They look at the clock, which rings, and at each other, and at the sea.)\n\n"
    script = read(CREDITED + speeches + long.replace("\n", " ") * 3 + "\n\n" + speeches)
    assert script.cast() == {"Ann": 2, "Bob": 2, "Cy": 2}


def test_a_heading_and_the_direction_below_it_are_two_lines():
    text = CREDITED + "INT. PIER - DAY\n(It rains.)\n\nAnn: Hello.\n\nBob: No.\n\nAnn: Oh.\n"
    assert read(text).lines[2:4] == [Line("", "[INT. PIER - DAY]"), Line("", "(It rains.)")]


def test_minor_parts_speak_once_before_a_dash():
    speeches = "Ann - Hello there.\nBob - No.\n" * 3 + "The old man - Oh!\nAnn - Well.\n"
    assert read(speeches).cast() == {"Ann": 4, "Bob": 3, "The old man": 1}
    prose = "".join(f"He waited {n} hours - a long time.\nIt was {n}.\n" for n in range(9))
    assert not read(prose).cast()


def test_what_a_speaker_does_is_no_part_of_the_name():
    rows = [Line("ANN, who enters", "Hi."), Line("ANN", "No."), Line("ANN to Bob", "Oh.")]
    rows += [Line("TV host", "Now."), Line("ANN and BOB", "Yes."), Line("Mr. Cole", "Ah.")]
    script = names.tidy(Script([*rows, Line("Mr.Cole", "Eh.")], "table"))
    assert script.cast() == {"ANN": 3, "TV host": 1, "ANN and BOB": 1, "Mr. Cole": 2}
    assert script.lines[0] == Line("ANN", "(who enters) Hi.")
    assert script.lines[2] == Line("ANN", "(to Bob) Oh.")


def test_records_of_yaml_and_toml_are_a_problem_that_says_what_to_do():
    yaml = "dialogue:\n" + '  - speaker: ann\n    text: "Hello there."\n' * 5
    toml = '[[dialogue]]\nspeaker = "ann"\ntext = "Hello there."\n\n' * 5
    for text in (yaml, toml):
        assert "convert it to JSON" in problems.problem(read(text).to_text())
    assert not problems.problem("speaker: Hello.\n\nann: It says: text.\n\n" * 9)
