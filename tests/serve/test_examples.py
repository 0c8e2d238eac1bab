"""Examples of a show, which its model writes."""

import pytest

from data.vocab import UNKNOWN, Vocabulary
from serve.page.examples import Example, show_examples
from tests.serve.fakes import FakeWriter

TEXTS = {
    "[setting:": [
        "the pier, noon]",
        "the pier]",
        "the bar]",
        "a place without an end",
        f"{40 * 'x'}]",
    ],
    "Ann:": ["(waving) hello there you", "no.", "this is a line."],
    "Bob:": [15 * "hello "],
}
WORDS = sorted({word for texts in TEXTS.values() for text in texts for word in text.split()})
SPEAKERS = [("ann", 2), ("bob", 1)]
NO_HEADINGS = Vocabulary("The Pause", [*WORDS, UNKNOWN], {}, [], "\n\n", SPEAKERS)
HEADINGS = Vocabulary("The Pause", ["[setting:", *WORDS, UNKNOWN], {}, [], "\n\n", SPEAKERS)


class ScriptedWriter(FakeWriter):
    """Continues each prompt with given words, by seed; then with new lines."""

    def __init__(self, vocabulary, texts):
        super().__init__()
        self.vocabulary, self.texts = vocabulary, texts

    def start(self, prompt, seed):
        texts = self.texts.get(prompt, ["\n"])
        return [*texts[seed % len(texts)].split(), "\n"]

    def step(self, states, scenes, allowed):
        return [
            (state[0] if state[0] == "\n" else f" {state[0]}", state[1:] or ["\n"])
            for state in states
        ]


def test_examples_have_settings_and_lines_of_the_show():
    examples = show_examples(ScriptedWriter(HEADINGS, TEXTS))
    assert examples.setting == "the pier"
    assert examples.line == "Ann: This is a line."
    assert examples.scenes == [
        Example("Ann and Bob, the pier", ["Ann", "Bob"], "the pier", ""),
        Example("Ann: This is a line.", [], "", "Ann: This is a line."),
        Example("Bob alone, the bar", ["Bob"], "the bar", ""),
    ]


def test_show_without_headings_has_no_settings():
    examples = show_examples(ScriptedWriter(NO_HEADINGS, TEXTS))
    assert examples.setting == ""
    assert [example.label for example in examples.scenes] == [
        "Ann and Bob",
        "Ann: This is a line.",
        "Bob alone",
    ]


@pytest.mark.parametrize(
    "vocabulary", [FakeWriter.vocabulary, HEADINGS], ids=["one speaker", "two"]
)
def test_model_that_writes_no_whole_line_has_no_line_as_example(vocabulary):
    writer = FakeWriter()
    writer.vocabulary = vocabulary
    examples = show_examples(writer)
    assert (examples.setting, examples.line) == ("", "")
    assert all(example.setting == example.line == "" for example in examples.scenes)


def test_examples_are_the_same_at_every_start(actions):
    writer = actions.model("").writer
    assert show_examples(writer) == show_examples(writer)
