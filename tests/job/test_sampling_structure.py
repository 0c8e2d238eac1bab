"""The sampler's rules for the structure of a script: brackets, and who speaks next."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.tokens import token_lookup
from data.vocab import MIN_SPEECHES, Vocabulary, line_stats
from job.layers.sampling import (
    LONGEST_BRACKET,
    LONGEST_HEADING,
    apply_structure,
    excluded_words,
    word_roles,
)
from job.report.structure import balanced

SYMBOLS = token_lookup()
WORDS = ["hello", "ann:", "bob:", "[setting:", "bar]", "[x]", ":", *SYMBOLS.values()]
ROLES = word_roles(WORDS, SYMBOLS)
EXCLUDED = excluded_words(ROLES)
ID = {word: number for number, word in enumerate(WORDS)} | {
    symbol: WORDS.index(name) for symbol, name in SYMBOLS.items()
}


def scores_after(words, rate=1.0, scores=None):
    found = torch.zeros(len(WORDS) + 2, dtype=torch.float64) if scores is None else scores.clone()
    recent = torch.tensor([ID[word] for word in words], dtype=torch.int64)
    apply_structure(found, recent, ROLES, EXCLUDED, rate)
    return found


def excluded_after(*words):
    scores = scores_after(words)
    return {word for word in WORDS if scores[ID[word]] == -torch.inf}


def names(*symbols):
    return {SYMBOLS.get(symbol, symbol) for symbol in symbols}


def test_bracket_is_closed_before_the_line_ends_and_only_if_open():
    assert excluded_after() == names(")", "bar]")
    assert excluded_after("ann:", "hello") == names(")", "bar]")
    assert excluded_after("(", "hello") == names("(", "[setting:", "bar]", "\n")
    assert excluded_after("[setting:", "hello") == names("(", ")", "[setting:", "\n")
    assert excluded_after("(", "hello", ")") == names(")", "bar]")
    assert excluded_after("(", "\n") == names(")", "bar]")  # left open by a prompt


def test_long_bracket_may_only_be_closed():
    within = ["(", *["hello"] * (LONGEST_BRACKET - 1)]
    assert SYMBOLS[")"] not in excluded_after(*within)
    assert excluded_after(*within) != set(WORDS) - names(")")
    assert excluded_after(*within, "hello") == set(WORDS) - names(")")
    heading = ["[setting:", *["hello"] * LONGEST_HEADING]
    assert excluded_after(*heading[:-1]) != set(WORDS) - {"bar]"}
    assert excluded_after(*heading) == set(WORDS) - {"bar]"}


def test_heading_has_words_of_headings_and_ends_its_line():
    heading = [ID[word] for word in ("hello", "bar]", "||comma||")]

    def excluded(*words):
        found = torch.zeros(len(WORDS), dtype=torch.float64)
        recent = torch.tensor([ID[word] for word in words], dtype=torch.int64)
        apply_structure(found, recent, ROLES, excluded_words(ROLES, heading), 1.0)
        return {word for word in WORDS if found[ID[word]] == -torch.inf}

    assert excluded("ann:", "hello") == names(")", "bar]")
    assert excluded("(", "hello") == names("(", "[setting:", "bar]", "\n")
    assert excluded("[setting:", "hello") == set(WORDS) - {"hello", "bar]", "||comma||"}
    assert excluded("[setting:", "hello", "bar]") == set(WORDS) - names("\n")
    assert excluded("[setting:", "hello", "bar]", "\n") == names(")", "bar]")
    assert excluded("[setting:", *["hello"] * LONGEST_HEADING) == set(WORDS) - {"bar]"}


def test_words_are_left_where_everything_else_is_excluded():
    scores = torch.full((len(WORDS),), -torch.inf, dtype=torch.float64)
    scores[ID[")"]] = 1.0
    assert torch.equal(scores_after((), scores=scores), scores)


@given(st.lists(st.sampled_from(WORDS), max_size=60), st.randoms(use_true_random=False))
def test_lines_that_are_sampled_are_balanced(prompt, random):
    written = [*prompt, SYMBOLS["\n"]]
    for _ in range(120):
        scores = scores_after(written)
        left = [word for word in WORDS if scores[ID[word]] > -torch.inf]
        written.append(random.choice(left))
    text = " ".join("\n" if word == SYMBOLS["\n"] else word for word in written[len(prompt) + 1 :])
    plain = {SYMBOLS["("]: "(", SYMBOLS[")"]: ")"}
    for line in text.split("\n")[:-1]:
        assert balanced("".join(plain.get(word, word) for word in line.split(" ")))


@pytest.mark.parametrize("between", [[], ["\n"], ["(", "hello", ")", "\n"], ["[x]", "\n"]])
def test_last_speaker_is_at_most_as_likely_as_in_the_show(between):
    scores = torch.zeros(len(WORDS), dtype=torch.float64)
    scores[ID["ann:"]] = 5.0
    words = ["ann:", "hello", "\n", *between]
    if "[x]" in between:  # a word that neither opens nor speaks: somebody else's line
        assert torch.equal(scores_after(words, 0.1, scores)[ID["ann:"]], scores[ID["ann:"]])
        return
    found = torch.softmax(scores_after(words, 0.1, scores), 0)
    assert found[ID["ann:"]].item() == pytest.approx(0.1)
    assert torch.equal(scores_after(words, 1.0, scores)[ID["ann:"]], scores[ID["ann:"]])
    assert torch.equal(scores_after([*words, "hello"], 0.1, scores)[1], scores[1])


def test_unlikely_last_speaker_keeps_its_probability():
    scores = torch.zeros(len(WORDS), dtype=torch.float64)
    scores[ID["ann:"]] = -9.0
    assert scores_after(["ann:", "hello", "\n"], 0.1, scores)[ID["ann:"]] == -9.0


def test_only_speaker_that_is_allowed_stays_possible():
    scores = torch.full((len(WORDS),), -torch.inf, dtype=torch.float64)
    scores[ID["ann:"]] = 0.0
    assert scores_after(["ann:", "hello", "\n"], 0.0, scores)[ID["ann:"]] == 0.0


def test_speaker_repeat_is_the_shows_own_rate():
    assert line_stats("ann: a\nbob: b\n" * MIN_SPEECHES).speaker_repeat == 0.0
    assert line_stats("ann: a\nann: b\n(pause)\n" * MIN_SPEECHES).speaker_repeat == 1.0
    assert line_stats("ann: a\nbob: b\n").speaker_repeat == 1.0  # too few speeches
    show = "ann: a\nann: b\nbob: c\n" * MIN_SPEECHES
    assert Vocabulary.build(show, "x", 1).speaker_repeat == pytest.approx(1 / 3, abs=0.01)
