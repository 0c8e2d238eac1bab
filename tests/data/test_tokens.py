"""The tokenizer: symbols, detokenization, round trips."""

from hypothesis import given
from hypothesis import strategies as st

from data import tokens


def test_token_lookup_has_exactly_the_ten_symbols():
    table = tokens.token_lookup()
    assert set(table) == set('.,";!?()-\n')
    assert len(set(table.values())) == 10
    assert not any(symbol in name for symbol in table for name in table.values())


def test_join_words_detokenizes_as_people_type():
    text = (
        'jerry: (to elaine) well, "hello" to you... - it\'s $10,000.50! a well-known '
        "u.s. thing...\n"
    )
    symbols = tokens.token_lookup()
    assert tokens.join_words(tokens.split_words(text, symbols), symbols) == text


@given(st.text())
def test_split_words_inverts_join_words(text):
    symbols = tokens.token_lookup()
    words = tokens.split_words(tokens.normalize(text, tokens.normalization_of(text)), symbols)
    again = tokens.split_words(tokens.join_words(words, symbols), symbols)
    assert again == words
