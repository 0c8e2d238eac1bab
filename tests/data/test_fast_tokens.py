"""The tokenizer on bytes gives the words, letters and line counts of the tokenizer on text."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import tokens
from data.corpus import string_ids, word_ids
from data.corpus.fast_lines import FastLineStats
from data.corpus.fast_tokens import NonAsciiLetters, Normalizer
from data.corpus.word_ids import WordIds
from data.speakers import SPEAKER
from data.vocab import LineStats, line_stats
from tests.data.corpora import TEXTS


def words_of(texts, normalization):
    """The words of texts, numbered as one text and looked up by their ids."""
    normalize, number = Normalizer(normalization), WordIds()
    ids = [number(normalize(text.encode())).tolist() for text in texts]
    words = number.words()
    firsts = list(dict.fromkeys(itertools.chain(*ids)))
    assert firsts == list(range(len(words)))
    return [[words[index].decode() for index in one] for one in ids]


@given(TEXTS, TEXTS)
def test_fast_tokenizer_gives_the_words_of_the_tokenizer(text, other):
    symbols = tokens.token_lookup()
    for normalization in (tokens.normalization_of(text), tokens.normalization_of(text + other)):
        expected = [
            tokens.split_words(tokens.normalize(each, normalization), symbols)
            for each in (text, other)
        ]
        assert words_of((text, other), normalization) == expected


@given(
    st.lists(st.text("ab\0é", min_size=1, max_size=24), min_size=1, max_size=60),
    st.integers(1, 8),
    st.integers(1, 3),
)
def test_words_of_all_lengths_have_ids_of_their_own(words, size, bits):
    text = " ".join(words)
    with pytest.MonkeyPatch.context() as patch:  # so small that slices end and words collide
        patch.setattr(string_ids, "SLICE", size)
        patch.setattr(word_ids, "CACHE_BITS", bits)
        assert words_of((text, text), []) == [words, words]


@given(TEXTS, TEXTS)
def test_non_ascii_letters_of_a_text_are_those_of_its_parts(text, more):
    normalized = tokens.normalize(text + "\n" + more, tokens.TYPOGRAPHY)
    first, rest = normalized.split("\n", 1)
    assert NonAsciiLetters()(text.encode()) == tokens.non_ascii_letters(
        tokens.normalize(text, tokens.TYPOGRAPHY, lower=False)
    )
    parts = map(tokens.non_ascii_letters, (first + "\n", rest))
    assert tokens.non_ascii_letters(normalized) == set().union(*parts)


@given(TEXTS, TEXTS)
def test_line_stats_of_a_text_are_the_sums_of_its_parts(text, more):
    normalized = tokens.normalize(text + "\n" + more, tokens.TYPOGRAPHY)
    first, rest = normalized.split("\n", 1)
    whole = line_stats(normalized)
    names = [name.strip() for name in SPEAKER.findall(normalized) if name.strip()]
    assert whole.speakers == {name: names.count(name) for name in names}
    assert whole.speeches == len(names)
    assert whole.repeats == sum(one == other for one, other in itertools.pairwise(names))
    total = LineStats()
    for part in (first + "\n", rest):
        total.add(line_stats(part))
    assert total == whole


LINES = st.lists(
    st.sampled_from(
        ["\n", ":", ": ", "ann:", "bob", "é", "\u3000", "(", "\0", "\U0001d4b3", "b" * 39, "é" * 41]
    ),
    max_size=40,
).map("".join)


@given(LINES | TEXTS, LINES | TEXTS)
def test_fast_line_stats_are_those_of_the_text(text, more):
    fast_line_stats = FastLineStats()
    for part in (text, more, text):
        assert fast_line_stats(part.encode()) == line_stats(part)
