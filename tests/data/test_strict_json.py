"""JSON: no number that is not finite is written or read."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import strict_json
from data.command_line import UserError

numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values)
def test_loads_inverts_dumps(value):
    assert strict_json.loads(strict_json.dumps(value)) == value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("wrap", "place"),
    [
        (lambda x: x, "the number"),
        (lambda x: {"scores": {"loss": 1.0, "bits": x}}, "scores.bits"),
        (lambda x: [1, (2.0, x)], "1.1"),
    ],
)
def test_number_that_is_not_finite_is_not_written(number, wrap, place):
    with pytest.raises(UserError, match=rf"^{place} is {number}, which JSON cannot hold"):
        strict_json.dumps(wrap(number))


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "Infinity", "-Infinity", '{"loss": NaN}', "1e999", "[-1e999]"),
        *("[" * 100_000, '{"a":' * 100_000, "", "{", '{"a": 1} 2', b"\xff"),
    ],
)
def test_text_that_is_not_json_is_not_read(text):
    with pytest.raises(ValueError, match=r".+"):
        strict_json.loads(text)


def test_options_are_those_of_the_standard_library():
    value = {"b": ["é"], "a": 1}
    assert strict_json.dumps(value, indent=1) == json.dumps(value, indent=1)
    assert strict_json.loads("[1]", parse_int=float) == [1.0]
    assert strict_json.dumps(value, ensure_ascii=False) == '{"b": ["é"], "a": 1}'
