"""Actions that change a script: continue it, rewrite a line, replace a word."""

import asyncio

import pytest

from data.command_line import UserError
from serve.limits import MAX_LINE_TOKENS, MAX_TEXT
from serve.scenes import script
from serve.scenes.scene import build_scene
from tests.serve.acting import LINES, NOT_INDEXES, TEXT, short_scene, written


@pytest.mark.parametrize(
    ("text", "line", "prompt"),
    [
        (TEXT, -1, TEXT),
        ("Ann: Hello.", -1, "Ann: Hello.\n\n"),
        ("Ann: Hello.\n", -1, "Ann: Hello.\n"),
        ("Ann: Hello!  ", -1, "Ann: Hello!\n\n"),
        ("Ann: Hello and", -1, "Ann: Hello and"),
        ("Ann: Hello and\n\n", -1, "Ann: Hello and\n\n"),
        ("[setting: the Café]", -1, "[setting: the Café]\n\n"),
        ("Ann:", -1, "Ann:"),
        ("", -1, ""),
        (TEXT, 0, "[setting: the Café]\n\n"),
        (TEXT, 1, "[setting: the Café]\n\nAnn: Hello there.\n\n"),
        ("Ann: Hello and\n\nBob: No", 0, "Ann: Hello and\n\n"),
        ("\n\n \n Ann: hi\n\n", 0, "\n\n \n Ann: hi\n\n"),
        ("a\r\nb", 0, "a\n\n"),
    ],
)
def test_continue_scene_prompt_ends_after_the_line(actions, text, line, prompt):
    scene = actions.continue_scene(text, line, short_scene(cast=["Ann"]))
    assert scene == short_scene(cast=["Ann"], prompt=prompt)
    assert written(actions, scene)[0].startswith(prompt.rstrip(" "))


def test_continue_scene_starts_a_new_line(actions):
    for seed in range(5):
        scene = actions.continue_scene(TEXT, 1, short_scene(seed=seed))
        text, _ = written(actions, scene)
        lines = [text[start:end] for start, end in script.line_spans(text)]
        assert lines[:2] == LINES[:2]
        assert script.speaker_prefix(lines[2]) in ("Ann:", "Bob:", "")


@pytest.mark.parametrize("line", [value for value in NOT_INDEXES if value != -1])
def test_line_number_out_of_range_is_an_error(actions, line):
    for ask in (actions.continue_scene, actions.rewrite_line):
        with pytest.raises(UserError, match="line must be a whole number"):
            ask(TEXT, line, short_scene())


@pytest.mark.parametrize("text", ["", " \n\n", "\0"])
def test_empty_script_has_no_line_to_edit(actions, text):
    for ask in (actions.continue_scene, actions.rewrite_line):
        with pytest.raises(UserError, match="there is no line yet: write something first"):
            ask(text, 0, short_scene())


@pytest.mark.parametrize("line", range(5))
def test_rewrite_line_changes_one_line_and_keeps_its_speaker(actions, line):
    start, end = script.line_spans(TEXT)[line]
    new = set()
    for seed in range(5):
        scene = build_scene("wild", seed, cast=["Bob"])
        text, facts = written(actions, actions.rewrite_line(TEXT, line, scene))
        assert facts["done"]
        assert text.startswith(TEXT[:start])
        assert text.endswith(TEXT[end:])
        lines = [text[a:b] for a, b in script.line_spans(text)]
        assert lines[:line] + lines[line + 1 :] == LINES[:line] + LINES[line + 1 :]
        # The line keeps its speaker; a line without one may get a speaker of the cast.
        speaker = script.speaker_prefix(LINES[line])
        assert script.speaker_prefix(lines[line]) == (speaker or script.speaker_prefix(lines[line]))
        new.add(lines[line])
    assert len(new) > 1


def test_rewrite_line_at_temperature_0_keeps_the_number_of_lines(actions):
    for line in range(5):
        scene = actions.rewrite_line(TEXT, line, short_scene(temperature=0, top_p=1))
        text, _ = written(actions, scene)
        assert len(script.line_spans(text)) == 5


def test_rewrite_line_in_a_long_script(actions):
    long = "\n\n".join(f"Ann: hello {n}." for n in range(700))
    start, end = script.line_spans(long)[650]
    text, _ = written(actions, actions.rewrite_line(long, 650, short_scene()))
    assert text.startswith(long[:start] + "Ann:")
    assert text.endswith(long[end:])


@pytest.mark.parametrize("length", [0, 7, 900])
def test_rewritten_line_ends_at_its_end_for_any_length(actions, length):
    scene = actions.rewrite_line(TEXT, 1, build_scene("", 1, length=length))
    text, facts = written(actions, scene)
    assert facts["ended"] in ("line", "hard_limit")
    assert 1 <= facts["words"] <= MAX_LINE_TOKENS
    assert len(script.line_spans(text)) == 5


def test_take_alternative_replaces_the_word_and_continues(actions):
    text = "Ann: Hello there.\n\nBob: Not now, Ann."
    words = asyncio.run(actions.surprise(text, ""))
    for place in range(len(words)):
        scene = actions.take_alternative(text, place, "zork", short_scene())
        before = "".join(word["text"] for word in words[:place])
        assert scene.prompt.lower().startswith(before.lower())
        assert scene.prompt.lower().endswith("zork")
        assert written(actions, scene)[0].startswith(scene.prompt)
    appended = actions.take_alternative(text, len(words), "zork", short_scene())
    assert appended.prompt == f"{text} Zork"
    assert actions.take_alternative(text, 1, "\n", short_scene()).prompt.rstrip() == "Ann:"


def test_take_alternative_keeps_the_capitals_before_the_word(actions):
    text = "Ann: no, Kevin, hello MCCOY there."
    words = asyncio.run(actions.surprise(text, ""))
    place = next(n for n, word in enumerate(words) if word["text"] == " there")
    scene = actions.take_alternative(text, place, "zork", short_scene())
    assert scene.prompt == "Ann: no, Kevin, hello MCCOY zork"


@pytest.mark.parametrize("alternative", [None, 1, ["x"], "x" * 20_000, "", "  "])
def test_alternative_must_be_a_word(actions, alternative):
    with pytest.raises(
        UserError, match=r"alternative (must be a (text|word), not|has 20,000 char)"
    ):
        actions.take_alternative(TEXT, 1, alternative, short_scene())


def test_script_must_be_a_text_in_every_action(actions):
    for value in (None, 1, ["x"], {}, "x" * (MAX_TEXT + 1)):
        with pytest.raises(UserError, match=r"text (must be a text, not|has 12,001 characters)"):
            actions.unknown_words(value, "")
        with pytest.raises(UserError, match=r"text (must be a text, not|has 12,001 characters)"):
            actions.fountain(value, "")
        with pytest.raises(UserError, match=r"text (must be a text, not|has 12,001 characters)"):
            asyncio.run(actions.surprise(value, ""))
        with pytest.raises(UserError, match=r"text (must be a text, not|has 12,001 characters)"):
            asyncio.run(actions.alternatives(value, 0, 1, ""))
        with pytest.raises(UserError, match=r"text (must be a text, not|has 12,001 characters)"):
            actions.continue_scene(value, -1, short_scene())
        with pytest.raises(UserError, match=r"text (must be a text, not|has 12,001 characters)"):
            actions.rewrite_line(value, 0, short_scene())
