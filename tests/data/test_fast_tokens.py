"""The tokenizer on bytes gives the words, letters and line counts of the tokenizer on text."""

import itertools

from hypothesis import given

from data import tokens
from data.corpus.fast_tokens import NonAsciiLetters, Normalizer, Splitter
from data.speakers import SPEAKER
from data.vocab import LineStats, line_stats
from tests.data.corpora import TEXTS


@given(TEXTS, TEXTS)
def test_fast_tokenizer_gives_the_words_of_the_tokenizer(text, other):
    symbols = tokens.token_lookup()
    for normalization in (tokens.normalization_of(text), tokens.normalization_of(text + other)):
        split = Splitter()
        words = split(Normalizer(normalization)(text.encode()))
        expected = tokens.split_words(tokens.normalize(text, normalization), symbols)
        assert [word.decode() for word in split.named(words)] == expected


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
