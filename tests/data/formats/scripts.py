"""Strategies for scripts, which the tests write in each format and read back."""

from hypothesis import strategies as st

from data.formats.script import Line

NAMES = ("Ann", "Bob Stone", "Dr. Weiss", "O'Hara", "Man #2", "Iris", "Élodie")
WORDS = (
    *(
        "the",
        "rain",
        "I",
        "TV",
        "to",
        "cut",
        "it's",
        "well,",
        "10:30",
        "no",
        "Int.",
        "fade",
        "a POV",
    ),
    *("later", "café", "rock'n'roll", "3pm", "*", "he says:", "by", "on", "-", "a&b", "half-past"),
)


def sentences(words=WORDS) -> st.SearchStrategy[str]:
    """Sentences of a speech, which begin with a word and end with a full stop or the like."""
    middle = st.lists(st.sampled_from(words), max_size=12).map(" ".join)
    parts = st.tuples(
        st.sampled_from(("Yes", "Now", "You", "It is")), middle, st.sampled_from(".!?")
    )
    return parts.map(lambda each: " ".join(f"{each[0]} {each[1]}".split()) + each[2])


def speeches(words=WORDS, names=NAMES) -> st.SearchStrategy[list[Line]]:
    """Scripts of speeches; each name speaks at least three times."""
    line = st.builds(Line, st.sampled_from(names), sentences(words))
    first = [Line(name, "Hello there.") for _ in range(3) for name in names]
    return st.lists(line, max_size=8).map(lambda lines: first + lines)


def scenes(words=WORDS, names=NAMES) -> st.SearchStrategy[list[Line]]:
    """Scripts of speeches, directions and headings, which begin with a heading."""
    direction = sentences(words).map(lambda text: Line("", f"({text})"))
    heading = st.sampled_from(("Int. House - Day", "Ext. Pier - Night")).map(
        lambda place: Line("", f"[setting: {place.upper()}]")
    )
    aside = st.builds(
        lambda name, text: Line(name, f"(quietly) {text}"), st.sampled_from(names), sentences(words)
    )
    more = st.lists(st.one_of(direction, heading, aside), max_size=6)
    opening = [Line("", "[setting: INT. HOUSE - DAY]")]
    return st.tuples(speeches(words, names), more).map(lambda each: [*opening, *each[0], *each[1]])


def folded(lines: list[Line]) -> list[tuple[str, str]]:
    """Lines without the case of names and headings, and with single spaces."""
    return [
        (
            line.speaker.casefold(),
            " ".join(line.text.split()) if line.speaker else line.text.casefold(),
        )
        for line in lines
    ]
