"""Copied runs, against a search of every part of a text in another."""

from hypothesis import given, settings
from hypothesis import strategies as st

from data.tokens import join_words, split_words
from job.report.copying import BORDER, common_runs, copies, copying, marked
from job.report.structure import MARKS, SYMBOLS, without_marks

SMALL = st.lists(st.sampled_from("ab"), max_size=25) | st.lists(
    st.sampled_from("abcde"), max_size=25
)
SCENES = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "it's", *sorted(MARKS)]), max_size=30), max_size=3
)
SOURCE = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def words_of(text):
    return split_words(text, SYMBOLS)


def occurs_in(run, source):
    return any(source[i : i + len(run)] == run for i in range(len(source) - len(run) + 1))


def all_common(words, source):
    """Every (start, length) of a text's parts that occur in the source."""
    ends = range(1, len(words) + 1)
    return [(i, e - i) for e in ends for i in range(e) if occurs_in(words[i:e], source)]


def maximal(runs):
    """The runs that are within no other one."""
    return [
        (start, length)
        for start, length in sorted(runs)
        if not any(s <= start and start + length <= s + n and n > length for s, n in runs)
    ]


@given(SMALL, SMALL, st.integers(1, 6))
def test_copied_runs_are_the_maximal_common_parts(words, source, least):
    long = [run for run in all_common(words, source) if run[1] >= least]
    assert common_runs(words, source, least) == maximal(long)


@given(st.lists(SMALL, max_size=3), SMALL, st.integers(1, 8))
def test_copied_rate_and_longest_run_equal_the_definition(scenes, source, at_least):
    words = [word for scene in scenes for word in [*scene, BORDER]]
    found = copies(words, source, at_least)
    longest, covered, total = 0, 0, 0
    for scene in scenes:
        common = all_common(scene, source)
        longest = max([longest, *(length for _, length in common)])
        runs = [range(start, start + n) for start, n in common if n >= at_least]
        covered += len({place for run in runs for place in run})
        total += len(scene)
    assert found.longest[1] == longest
    assert found.rate == (covered / total if total else 0)
    start, length = found.longest
    assert occurs_in(words[start : start + length], source)


@settings(deadline=None)
@given(SCENES, st.lists(st.sampled_from(["a", "b", "c"]), max_size=40))
def test_copied_spans_equal_the_source_without_punctuation(scenes, source):
    found = copying(scenes, source)
    for number, start, end in found.spans:
        span = scenes[number][start:end]
        assert len(without_marks(span)) >= 8
        assert occurs_in(without_marks(span), source)
        assert span[0] not in MARKS
        assert span[-1] not in MARKS
    places = {(n, i) for n, start, end in found.spans for i in range(start, end)}
    bare = sum(len(without_marks(scene)) for scene in scenes)
    assert found.rate == (sum(scenes[n][i] not in MARKS for n, i in places) / max(1, bare))
    assert len(without_marks(words_of(found.longest_text))) == found.longest


def test_copied_run_may_differ_in_punctuation():
    scene = words_of("zero, two, three. four!\nfive six\n\nseven (eight) nine? zero")
    found = copying([["zero"], scene], SOURCE)
    assert found.longest == 8
    assert found.longest_text == "two, three. four!\nfive six\n\nseven (eight) nine"
    assert found.rate == 8 / 11
    assert [number for number, _, _ in found.spans] == [1]


def test_copied_run_has_eight_words_or_more_within_one_scene():
    found = copying([SOURCE[:7]], SOURCE)
    assert (found.rate, found.longest, found.spans) == (0, 7, [])
    apart = copying([SOURCE[:5], SOURCE[5:]], SOURCE)
    assert (apart.rate, apart.longest) == (0, 5)
    assert copying([], SOURCE).longest_text == copying([["zork"]], SOURCE).longest_text == ""


@given(SCENES.filter(bool), st.data())
def test_marked_ranges_cover_the_words_of_their_spans(scenes, data):
    scene = scenes[0]
    cuts = st.integers(0, len(scene))
    ends = data.draw(st.lists(st.tuples(cuts, cuts), max_size=4))
    ends = [(start, end) for start, end in ends if start < end]
    spans = list(zip(sorted(s for s, _ in ends), sorted(e for _, e in ends), strict=True))
    found = marked(scene, spans)
    assert found["text"] == join_words(scene, SYMBOLS)
    inside = {
        i
        for start, end in spans
        for i in range(
            len(join_words(scene[:start], SYMBOLS)), len(join_words(scene[:end], SYMBOLS))
        )
    }
    assert {i for start, end in found["copied"] for i in range(start, end)} == inside
    flat = [place for pair in found["copied"] for place in pair]
    assert flat == sorted(set(flat))
