"""Plain typography: quotation marks, apostrophes, dashes, brackets and other characters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.base.typography import plain_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("‘I’m goin’ home,’ he said. ‘Are you?’", '"I\'m goin\' home," he said. "Are you?"'),
        ("'It's the boys' room,' said he.", "\"It's the boys' room,\" said he."),
        ("“He said, ‘Go ’ome,’ and I went.”", '"He said, Go \'ome, and I went."'),
        ("“Because of ‘rain.’ ” He waited.", '"Because of rain." He waited.'),
        ("the end of a speech.” He stopped.", '"the end of a speech." He stopped.'),
        ("“A speech that continues in the next", '"A speech that continues in the next"'),
        ("Bob: it ended.”", 'Bob: "it ended."'),
        ("'Tis late, ma’am, and 'twas the '80s", "'Tis late, ma'am, and 'twas the '80s"),
        ("“I did n't” and I 'm", "\"I didn't\" and I'm"),
    ],
)
def test_quotation_marks_become_straight_pairs_and_apostrophes_stay(text, plain):
    assert plain_text(text) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("well⁠—yes\u200a…", "well--yes ..."),
        ("wait . . . what ----- now", "wait ... what -- now"),
        ("Ann: ...and then", "Ann: ...and then"),
        ("café, Łódź, 日本 ½ &quot;x&quot;", 'café, Lódz, 1/2 "x"'),
        ("[laughs] {low} (cut", "(laughs) (low) (cut)"),
        ("a smile :) and (", "a smile : and"),
        ("snake_case ~ <b>", "snake case b"),
    ],
)
def test_other_characters_become_plain(text, plain):
    assert plain_text(text) == plain


@settings(max_examples=300)
@given(st.text(alphabet="ab .,'\"“”‘’()[]-—…é&;:", max_size=60))
def test_quotation_marks_and_brackets_are_in_pairs(text):
    plain = plain_text(text)
    assert plain.count('"') % 2 == 0
    assert plain.count("(") == plain.count(")")
    assert not set(plain) & set("“”‘’[]—…")
    assert plain == " ".join(plain.split())
