"""Structure metrics of a script: on hand-written scenes, and against plain reference versions."""

import collections

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.tokens import join_words, split_words
from job.report import structure
from job.report.structure import LINE_END, MARKS, SYMBOLS, lines_of

SCENE = """ann: the prompt begins this line

bob: (waving) hello, ann.
how are you?

[setting: the cafe]

ann: "fine," he said (i think

ann: one " mark.
zed: no.

bob: this line is cut"""

WORDS = st.lists(
    st.sampled_from(["ann:", "bob", ":", "10:30", "[so:", "(", "x", *MARKS, *[LINE_END] * 4]),
    max_size=40,
)
FEW = st.lists(st.sampled_from("ab"), max_size=24) | st.lists(st.sampled_from("abcd"), max_size=24)


def words_of(text):
    return split_words(text, SYMBOLS)


def test_structure_metrics_equal_those_counted_by_hand():
    assert structure.structure([words_of(SCENE)], {"ann", "bob"}) == {
        "lines": 6,
        "words_per_line": 21 / 6,
        "words_per_line_shortest_tenth": 2,
        "words_per_line_median": 3,
        "words_per_line_longest_tenth": 6,
        "words_per_speech": (6 + 5 + 2 + 1) / 4,
        "lines_with_speaker": pytest.approx(4 / 6),
        "lines_with_known_speaker": 3 / 6,
        "speakers_per_100_lines": None,
        "speaker_changes": pytest.approx(2 / 3),
        "directions_per_100_lines": 50.0,
        "lines_with_brackets": 3,
        "balanced_brackets": pytest.approx(2 / 3),
        "lines_with_quotes": 2,
        "balanced_quotes": 1 / 2,
    }
    assert structure.line_lengths([words_of(SCENE)]) == [0, 0, 1, 3, 1, 0, 1]


def test_structure_metrics_without_data_are_none():
    figures = structure.structure([[], words_of("ann: one line")], {"ann"})
    counted = {"lines", "lines_with_brackets", "lines_with_quotes"}
    assert figures == {name: 0 if name in counted else None for name in figures}
    assert structure.line_lengths([[]]) == []
    assert structure.repetition([]) == {
        **dict.fromkeys(("distinct_1", "distinct_2", "distinct_3", "repeated_4_grams")),
        "longest_loop": 0,
    }


def test_distinct_speakers_are_counted_in_windows_of_100_lines():
    lines = ["cut"] + ["a: x"] * 99 + ["b: x"] + ["no speaker"] * 90 + ["c: x"] * 60 + ["cut"]
    figures = structure.structure([words_of("\n".join(lines))], set())
    assert figures["speakers_per_100_lines"] == 1.5


@pytest.mark.parametrize(
    ("line", "name", "length"),
    [
        ("jerry: hello", "jerry", 1),
        ("jerry : hello", "jerry", 2),
        ("mr. pitt: hello", "mr. pitt", 3),
        ("jerry:", "jerry", 1),
        ("(jerry: hello)", "", 0),
        ("[setting: here]", "", 0),
        ('"so: hello"', "", 0),
        ("10:30 it is", "", 0),
        ("a:b c: hello", "", 0),
        ("x" * 40 + ": hello", "x" * 40, 1),
        ("x" * 41 + ": hello", "", 0),
        ("", "", 0),
    ],
)
def test_speaker_is_the_text_before_the_first_colon(line, name, length):
    assert structure.name_length(words_of(line)) == length
    if line:
        assert lines_of(words_of(line))[0].speaker == name


def test_known_names_have_the_spacing_of_lines():
    name = "mr.pitt-jones"
    assert structure.known_names([(name, 5)]) == {lines_of(words_of(name + ": yes"))[0].speaker}


@given(WORDS)
def test_lines_contain_every_word_once_and_in_order(words):
    lines = lines_of(words)
    assert [word for line in lines for word in line.words] == [w for w in words if w != LINE_END]
    texts = join_words(words, SYMBOLS).split("\n")
    assert [line.text for line in lines] == [text for text in texts if text]
    expected = iter(lines)
    for before, text in zip(["", *texts], texts, strict=False):
        if text:
            assert next(expected).after_blank == (before == "")


def test_speech_ends_at_a_blank_line_and_at_a_stage_direction():
    text = "x\na: one\ntwo three\n(he goes) out\nnot his\nb: four.\n\nnot hers\nc: d: five"
    assert structure.speeches(lines_of(words_of(text))) == [3, 1, 2]


@given(st.text(alphabet="()[]a", max_size=12))
def test_balanced_brackets_equal_repeated_removal_of_pairs(text):
    left = text.replace("a", "")
    for _ in text:
        left = left.replace("()", "").replace("[]", "")
    assert structure.balanced(text) == (left == "")


@given(FEW, st.integers(1, 5))
def test_distinct_n_grams_equal_a_plain_count(words, n):
    grams = [words[i : i + n] for i in range(len(words) - n + 1)]
    new = sum(gram not in grams[:i] for i, gram in enumerate(grams))
    assert structure.share_distinct(words, n) == (new / len(grams) if grams else 1)


@given(FEW)
def test_longest_loop_is_the_longest_run_with_a_period_of_at_most_half(words):
    found = [0]
    for start in range(len(words)):
        for end in range(start + 2, len(words) + 1):
            window = words[start:end]
            halves = range(1, len(window) // 2 + 1)
            if any(window == (window[:p] * len(window))[: len(window)] for p in halves):
                found.append(len(window))
    assert structure.longest_loop(words) == max(found)


def test_repetition_is_counted_by_scene_without_punctuation():
    figures = structure.repetition([words_of("a, b. c d\na b c d"), words_of("a b c d e"), ["a"]])
    assert figures["repeated_4_grams"] == pytest.approx((1 / 5 + 0) / 2)
    assert figures["longest_loop"] == 8
    assert figures["distinct_1"] is None
    long = structure.repetition([["a", "b"] * 300, ["c"] * 1000])
    assert long["distinct_1"] == 3 / 1000
    assert long["distinct_2"] == 4 / 999  # ab ba, bc, cc; the last 600 words are dropped


@given(WORDS, st.integers(0, 12))
def test_token_kinds_are_one_for_each_token(words, seen):
    known, counts = {"bob", "ann:", ":", "x", *MARKS}, {"x": seen, "bob": 10}
    kinds = structure.token_kinds(words, known, counts)
    assert len(kinds) == len(words)
    for word, kind in zip(words, kinds, strict=True):
        assert (kind == "mark") == (word in MARKS)
        assert (kind == "unknown") == (word in {"10:30", "[so:", "("})
        if word == "bob":
            assert kind in ("speaker", "word")
        if word == "x":
            assert kind in ("speaker", "rare word" if seen < 10 else "word")
    names = collections.Counter()
    for line in lines_of(words):
        name = line.words[: structure.name_length(line.words)]
        names.update(word for word in name if word in known - MARKS)
    assert kinds.count("speaker") == sum(names.values())


def test_token_kinds_of_a_line():
    words = words_of("mr. pitt: the odd zork.\nthe bob: ann")
    known = set(words) - {"zork"}
    kinds = structure.token_kinds(words, known, {"the": 10, "odd": 9})
    name = ["speaker", "mark", "speaker"]
    line = [*name, "word", "rare word", "unknown", "mark", "mark"]
    assert kinds == [*line, "speaker", "speaker", "rare word"]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.integers(1, 9), st.integers(1, 30))
def test_excerpts_are_complete_and_start_a_line(lengths, count, length):
    words = [word for n, size in enumerate(lengths) for word in [str(n)] * size + [LINE_END]]
    words = [word if word == LINE_END else f"{word} {i}" for i, word in enumerate(words)]
    found = structure.excerpts(words, count, length, 1)
    assert 1 <= len(found) <= count
    assert found == structure.excerpts(words, count, length, 1)
    for window in found:
        start = words.index(window[0])
        assert start == 0 or words[start - 1] == LINE_END
        assert window == words[start : start + length]
        assert len(window) == min(length, len(words))
