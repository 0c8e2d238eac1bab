"""The words of a show's headings, such as "[setting: the pier]": sampled ones have no others.

A heading is a line in square brackets. In some scripts brackets stand within speeches, as in
"[laughs]"; those have no headings in this sense.
"""

import collections
from collections.abc import Container, Iterable

MIN_HEADINGS = 20  # fewer have too few words
MIN_SHARE = 0.99  # of the brackets, which end their line


def heading_words(words: Iterable[str], known: Container[str], line_end: str) -> list[str]:
    """The words between the square brackets of a script, the most frequent first.

    Args:
        words: of the script.
        known: the vocabulary; other words are left out.
        line_end: the word that ends a line.

    Returns:
        The words, the last of each heading with its bracket; none if brackets do not end their
        lines, or are too few.
    """
    counts: collections.Counter[str] = collections.Counter()
    heading: list[str] | None = None  # the words since the bracket was opened
    closed = ended = 0
    after_bracket = False
    for word in words:
        ended += after_bracket and word == line_end
        after_bracket = False
        if word[:1] == "[":
            heading = []
        elif word == line_end:
            heading = None
        elif heading is not None:
            heading.append(word)
        if word[-1:] == "]":
            counts.update(heading or [])
            heading, after_bracket = None, True
            closed += 1
    if closed < MIN_HEADINGS or ended + after_bracket < MIN_SHARE * closed:
        return []
    return [word for word, _ in counts.most_common() if word in known]
