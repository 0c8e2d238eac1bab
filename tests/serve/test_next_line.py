"""Who may speak the next line: one speaker, or anyone but one."""

import pytest

from data.command_line import UserError
from serve.page.next_line import choices_of, next_speakers

SHOW = ["Ann", "Bob", "Not a Man"]


@pytest.mark.parametrize(
    ("choice", "cast", "expected"),
    [
        ("anyone", [], []),
        ("anyone", ["Ann"], []),
        (None, [], []),
        (7, [], []),
        ("only Bob", [], ["Bob"]),
        ("only Bob", ["Ann"], ["Bob"]),  # for one line, also one who is not in the cast
        ("not Bob", [], ["Ann", "Not a Man"]),
        ("not Not a Man", [], ["Ann", "Bob"]),
        ("not Bob", ["Ann", "Bob"], ["Ann"]),
        ("not Bob", ["Ann"], ["Ann"]),
    ],
)
def test_next_speakers(choice, cast, expected):
    assert next_speakers(choice, cast, SHOW) == expected


def test_names_are_compared_without_case():
    assert next_speakers("not Bob", [], ["ann", "bob"]) == ["ann"]


def test_each_choice_is_understood():
    found = [next_speakers(choice, [], SHOW) for choice in choices_of(SHOW)]
    alone = [["Ann"], ["Bob"], ["Not a Man"]]
    others = [["Bob", "Not a Man"], ["Ann", "Not a Man"], ["Ann", "Bob"]]
    assert found == [[], *alone, *others]


def test_ban_of_the_only_speaker_is_an_error():
    with pytest.raises(UserError, match="nobody but Bob is in the cast"):
        next_speakers("not Bob", ["Bob"], SHOW)
