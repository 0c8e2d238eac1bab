"""Names among the words of a script: models are trained on lower-case text, and the page shows it.

A word is a name if it has a capital within sentences, and hardly ever occurs without one. Capitals
at the beginning of a sentence, in headings, and of lines in which most words have one say nothing.
"""

import collections
import re

from data.speakers import SPEAKER

MIN_COUNT = 3  # fewer capitals may be accidents
MIN_SHARE = 0.9  # of a word's occurrences within sentences
MAX_NAMES = 300  # the page looks for each of them in every line
MAX_WORDS = 1_000_000  # of a text that are read; the rest has few further names
_IN_SENTENCE = re.compile(r"(?<=[a-z,;:] )([A-Z]?)([a-z]+)(?![\w'])")


def proper_nouns(text: str, words: set[str]) -> list[str]:
    """The names of a script in lower case, most frequent first.

    Args:
        text: the script with its capitals.
        words: the vocabulary; other words are left out.
    """
    capitals: collections.Counter[str] = collections.Counter()
    seen: collections.Counter[str] = collections.Counter()
    for line in text[: 6 * MAX_WORDS].split("\n"):
        if line.lstrip().startswith("["):
            continue
        speaker = SPEAKER.match(line)
        found = _IN_SENTENCE.findall(line[speaker.end() :] if speaker else line)
        if 2 * sum(bool(capital) for capital, _ in found) > max(len(found), 3):
            continue  # a title
        for capital, rest in found:
            word = (capital + rest).lower()
            seen[word] += 1
            capitals[word] += bool(capital)
    names = [
        (word, count)
        for word, count in capitals.items()
        if count >= MIN_COUNT and count >= MIN_SHARE * seen[word] and len(word) > 1
    ]
    names = sorted(names, key=lambda pair: (-pair[1], pair[0]))
    return [word for word, _ in names if word in words][:MAX_NAMES]
