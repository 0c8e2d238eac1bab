"""How a scene ends: on a whole line, with the reason; and who speaks its first new line."""

import pytest

from data.command_line import UserError
from data.vocab import UNKNOWN, Vocabulary
from serve.limits import MAX_LINE_TOKENS, MAX_TEXT
from serve.models.load import Model
from serve.scenes.generation import ENDINGS, Generation
from serve.scenes.scene import Scene, build_scene
from serve.scenes.script import line_spans, speaker_prefix
from tests.serve.acting import TEXT, actions_on, short_scene, written
from tests.serve.fakes import FakeWriter


class ScriptedWriter(FakeWriter):
    """Writes the words of a list in a row, and then "hm" for ever."""

    vocabulary = Vocabulary(
        "The Pause",
        ["hm", "ann:", "bob:", "[setting:", "pier]", "||return||", UNKNOWN],
        {"\n": "||return||"},
        [],
        "\n\n",
        [("ann", 2), ("bob", 1)],
    )

    def __init__(self, *chunks):
        super().__init__()
        self.chunks = chunks

    def step(self, states, scenes, allowed):
        return [
            (self.chunks[state] if state < len(self.chunks) else " hm", state + 1)
            for state in states
        ]


def generated(writer, scene):
    """A scene's generation at its end."""
    generation = Generation(writer, scene)
    generation.start()
    generation.run()
    return generation


LINE = ("ann:", " hm", "\n", "\n")


@pytest.mark.parametrize(
    ("length", "lines"), [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (8, 2), (9, 3)]
)
def test_scene_ends_with_the_line_that_reaches_its_length(length, lines):
    generation = generated(ScriptedWriter(*LINE * 5), Scene(length=length))
    assert generation.text == "\n\n".join(["Ann: hm"] * lines).replace("hm", "Hm")
    assert generation.ended == "length"


def test_scene_does_not_end_with_a_heading():
    chunks = ["[setting:", " pier]", "\n", "\n", *LINE * 3]
    for length in (1, 2, 3, 4, 5):
        generation = generated(ScriptedWriter(*chunks), Scene(length=length))
        assert generation.text == "[setting: pier]\n\nAnn: Hm"


def test_continued_scene_has_new_words():
    generation = generated(ScriptedWriter("\n", "\n", *LINE), Scene("Ann: hm", length=1))
    assert generation.text == "Ann: hm\n\nAnn: Hm"
    assert generation.ended == "length"


def test_endless_line_ends_at_the_hard_limit():
    generation = generated(ScriptedWriter(), Scene(length=30))
    assert generation.words == 30 + MAX_LINE_TOKENS
    assert generation.ended == "hard_limit"
    line = generated(ScriptedWriter(), Scene("Ann:", one_line=True, length=30))
    assert line.words == MAX_LINE_TOKENS
    assert line.ended == "hard_limit"


def test_rewritten_line_ends_with_the_reason_line():
    generation = generated(ScriptedWriter(" hm", "\n"), Scene("Ann:", one_line=True))
    assert (generation.text, generation.ended) == ("Ann: Hm", "line")


@pytest.mark.parametrize("room", range(6))
def test_no_scene_is_longer_than_the_text_limit(room):
    generation = generated(ScriptedWriter(), Scene("x" * (MAX_TEXT - room)))
    assert MAX_TEXT - 3 < len(generation.text) <= MAX_TEXT
    assert generation.ended == "text_limit"


def test_every_reason_has_a_note_or_needs_none():
    assert [name for name, note in ENDINGS.items() if not note] == ["length", "line"]
    assert all(note.endswith(".") for note in ENDINGS.values() if note)


def test_facts_have_no_reason_while_the_scene_is_written(small):
    model = Model(small["onnx"].bundle, ScriptedWriter(*LINE * 40))
    with actions_on(model) as actions:
        _, facts = written(actions, Scene(length=20))
    assert (facts["ended"], facts["note"]) == ("length", "")


# Who speaks the first new line


@pytest.mark.parametrize("name", ["Ann", "Bob"])
@pytest.mark.parametrize("prompt", ["", "Ann: hello.\n\n", "Ann: hello", "[setting: here]\n\n"])
def test_next_speaker_speaks_the_first_new_line(actions, name, prompt):
    for seed in range(8):
        scene = build_scene("wild", seed, prompt=prompt, next_speakers=[name], length=40)
        text, _ = written(actions, scene)
        new = [text[a:b] for a, b in line_spans(text)][len(line_spans(prompt)) :]
        spoken = [line for line in new if not line.startswith(("(", "["))]
        assert speaker_prefix(spoken[0]) == f"{name}:"


def test_next_speakers_bind_only_one_line(actions):
    later = set()
    for seed in range(8):
        scene = build_scene("wild", seed, next_speakers=["Ann"], length=60)
        text, _ = written(actions, scene)
        later |= {speaker_prefix(text[a:b]) for a, b in line_spans(text)[1:]}
    assert {"Ann:", "Bob:"} <= later


def test_next_speakers_may_be_outside_the_cast(actions):
    scene = build_scene("wild", 3, cast=["Bob"], next_speakers=["Ann"], length=60)
    text, _ = written(actions, scene)
    spoken = [speaker_prefix(text[a:b]) for a, b in line_spans(text)]
    spoken = [name for name in spoken if name]
    assert spoken[0] == "Ann:"
    assert set(spoken[1:]) == {"Bob:"}


def test_unknown_next_speaker_is_named(actions):
    with pytest.raises(UserError, match="next_speakers names 'Nobody', who is not a speaker of"):
        written(actions, short_scene(next_speakers=["Nobody"]))


def test_rewritten_line_ignores_next_speakers(actions):
    scene = actions.rewrite_line(TEXT, 1, short_scene(next_speakers=["Bob"]))
    assert speaker_prefix(written(actions, scene)[0].split("\n\n")[1]) == "Ann:"


# Brackets of words that the vocabulary lacks


def test_setting_of_unknown_words_is_not_repeated_by_the_cache(long_cache):
    for model in long_cache.values():
        with actions_on(model) as actions:
            for seed in range(6):
                scene = build_scene("wild", seed, prompt="[setting: the zork]\n\n", length=80)
                assert written(actions, scene)[0].count("ork]") == 1


# Words that a person typed


def test_unknown_words_are_those_that_a_person_typed(actions):
    base = short_scene()
    model_text = "Ann: zork hello."
    person_text = "Ann: zork hello.\n\nBob: blorp."
    for change in (
        lambda written: actions.continue_scene(person_text, -1, base, written),
        lambda written: actions.rewrite_line(person_text, 1, base, written),
    ):
        assert written(actions, change(model_text))[1]["unknown_words"] == ["blorp"]
        assert written(actions, change(person_text))[1]["unknown_words"] == []
    scene = actions.take_alternative(model_text, 1, "quux", base, model_text)
    assert written(actions, scene)[1]["unknown_words"] == ["quux"]


def test_all_unknown_words_count_without_the_text_of_the_model(actions):
    scene = actions.continue_scene("Ann: zork.", -1, short_scene())
    assert written(actions, scene)[1]["unknown_words"] == ["zork"]
    assert scene.typed is None


# Repetition at low temperatures


def test_low_temperature_does_not_repeat_n_grams():
    assert Scene(temperature=0).no_repeat_ngram_size > 0
    assert Scene(temperature=0.39).no_repeat_ngram_size > 0
    assert Scene(temperature=0, no_repeat_ngram_size=7).no_repeat_ngram_size == 7
    assert Scene(temperature=0, repetition_penalty=1.2).no_repeat_ngram_size == 0
    assert Scene(temperature=0.4).no_repeat_ngram_size == 0
