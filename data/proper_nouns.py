"""Names among the words of a script: models are trained on lower-case text, and the page shows it.

A word is a name if it has a capital within sentences, and hardly ever occurs without one. Capitals
at the beginning of a sentence, in headings, and of lines in which most words have one say nothing.
"""

import collections
import re

from data.speakers import SPEAKER

MIN_COUNT = 3  # fewer capitals may be accidents
MIN_SHARE = 0.9  # of a word's occurrences, those at the beginning of a sentence left out
MAX_NAMES = 300  # the page looks for each of them in every line
MAX_WORDS = 1_000_000  # of a text that are read; the rest has few further names
# After a word without a capital: "Lost Property" must not make "the lost Property" of another text.
_IN_SENTENCE = re.compile(r"(?<![\w'])[a-z']+[,;:]? (?=([A-Z][a-z]+)(?![\w']))")
_SMALL = re.compile(r"(?<![\w'])[a-z]+(?![\w'])")


def proper_nouns(text: str, words: set[str]) -> list[str]:
    """The names of a script in lower case, most frequent first.

    Args:
        text: the script with its capitals.
        words: the vocabulary; other words are left out.
    """
    text = text[: 6 * MAX_WORDS]
    if text.islower():
        return []
    capitals: collections.Counter[str] = collections.Counter()
    for line in text.split("\n"):
        if line.lstrip().startswith("["):
            continue
        speaker = SPEAKER.match(line)
        body = line[speaker.end() :] if speaker else line
        found = _IN_SENTENCE.findall(body)
        words_of_line = body.split() if found else []
        # Else a title, or a line in capitals.
        if 2 * sum(word[:1].isupper() for word in words_of_line) <= max(len(words_of_line), 3):
            capitals.update(word.lower() for word in found)
    small = collections.Counter(_SMALL.findall(text))
    names = [
        (word, count)
        for word, count in capitals.items()
        if count >= MIN_COUNT and count >= MIN_SHARE * (count + small[word])
    ]
    names = sorted(names, key=lambda pair: (-pair[1], pair[0]))
    return [word for word, _ in names if word in words][:MAX_NAMES]
