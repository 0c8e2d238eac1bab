"""Structure metrics of a script: lines, speakers, stage directions, repetition. No PyTorch.

Scripts are lists of words by `Vocabulary.split`, with the ten symbols under their names. A text is
measured in scenes of equal length, so that generated scenes and excerpts of a real script are
comparable. Repetition is counted without punctuation.
"""

import collections
import dataclasses
import itertools
import random
import statistics
from collections.abc import Collection, Iterable, Sequence

from data.speakers import SPEAKER
from data.tokens import join_words, split_words, token_lookup

WINDOW_WORDS = 1000  # distinct n-grams are counted in windows of this length
WINDOW_LINES = 100  # distinct speakers are counted in windows of this length
KINDS = ("word", "rare word", "unknown", "speaker", "mark")

SYMBOLS = token_lookup()
MARKS = frozenset(SYMBOLS.values())
LINE_END = SYMBOLS["\n"]

Figures = dict[str, float | int | None]


@dataclasses.dataclass(frozen=True)
class Line:
    """A line that is not blank."""

    words: list[str]  # punctuation included
    text: str  # as typed
    speaker: str  # "" if the line has none
    after_blank: bool

    def spoken(self) -> int:
        """Number of words without the speaker's name and punctuation."""
        return len(without_marks(self.words[name_length(self.words) :]))


def lines_of(words: Iterable[str]) -> list[Line]:
    """The lines of a script without blank ones."""
    lines: list[Line] = []
    line: list[str] = []
    blank = True
    for word in (*words, LINE_END):
        if word != LINE_END:
            line.append(word)
        elif line:
            name = join_words(line[: name_length(line)], SYMBOLS).removesuffix(":").strip()
            lines.append(Line(line, join_words(line, SYMBOLS), name, blank))
            line, blank = [], False
        else:
            blank = True
    return lines


def name_length(line: Sequence[str]) -> int:
    """Number of words of a line that are the speaker's name and its colon; 0 if there is none."""
    for number, word in enumerate(line[:20], 1):
        if ":" in word:
            return number if SPEAKER.fullmatch(join_words(line[:number], SYMBOLS)) else 0
    return 0


def known_names(speakers: Iterable[tuple[str, int]]) -> set[str]:
    """The names of `Vocabulary.speakers`, with the spacing of `Line.speaker`."""
    return {join_words(split_words(name, SYMBOLS), SYMBOLS) for name, _ in speakers}


def without_marks(words: Iterable[str]) -> list[str]:
    """The words without punctuation and line ends."""
    return [word for word in words if word not in MARKS]


def excerpts(words: Sequence[str], count: int, length: int, seed: int) -> list[list[str]]:
    """At most `count` excerpts of `length` words, spread over a script, each from a line's start.

    In random order, like generated scenes: neighboring excerpts have words in common.
    """
    count = max(1, min(count, len(words) // length))
    found = []
    for number in range(count):
        start = number * len(words) // count
        end = (number + 1) * len(words) // count
        while 0 < start < end and not (words[start - 1] == LINE_END != words[start]):
            start += 1
        if start < end and (number == 0 or start + length <= len(words)):
            found.append(list(words[start : start + length]))
    random.Random(seed).shuffle(found)
    return found


def structure(scenes: Sequence[Sequence[str]], known: Collection[str]) -> Figures:
    """Metrics of lines, speakers, brackets and quotes; None if there is nothing to measure.

    A scene's first line (it contains the prompt) and its last line (it is cut off) do not count.

    Args:
        scenes: each a list of words.
        known: names of the show's speakers, by `known_names`.
    """
    inside = [lines_of(scene)[1:-1] for scene in scenes]
    lines = [line for scene in inside for line in scene]
    lengths = sorted(len(without_marks(line.words)) for line in lines)
    names = [[line.speaker for line in scene if line.speaker] for scene in inside]
    turns = [pair for scene in names for pair in itertools.pairwise(scene)]
    bracketed = [line.text for line in lines if set(line.text) & set("()[]")]
    quoted = [line.text for line in lines if '"' in line.text]
    directions = sum(line.text.count("(") + line.text.count("[") for line in lines)
    return {
        "lines": len(lines),
        "words_per_line": mean(lengths),
        "words_per_line_shortest_tenth": quantile(lengths, 0.1),
        "words_per_line_median": quantile(lengths, 0.5),
        "words_per_line_longest_tenth": quantile(lengths, 0.9),
        "words_per_speech": mean([length for scene in inside for length in speeches(scene)]),
        "lines_with_speaker": mean([line.speaker != "" for line in lines]),
        "lines_with_known_speaker": mean([line.speaker in known for line in lines]),
        "speakers_per_100_lines": mean(
            [
                len(set(window) - {""})
                for window in windows([line.speaker for line in lines], WINDOW_LINES)
            ]
        ),
        "speaker_changes": mean([one != other for one, other in turns]),
        "directions_per_100_lines": 100 * directions / len(lines) if lines else None,
        "lines_with_brackets": len(bracketed),
        "balanced_brackets": mean([balanced(text) for text in bracketed]),
        "lines_with_quotes": len(quoted),
        "balanced_quotes": mean([text.count('"') % 2 == 0 for text in quoted]),
    }


def speeches(lines: Iterable[Line]) -> list[int]:
    """Number of words of each speech: a line with a speaker, and the lines directly below it."""
    lengths: list[int] = []
    speaking = False
    for line in lines:
        if line.speaker:
            lengths.append(line.spoken())
            speaking = True
        elif speaking and not line.after_blank and not line.text.startswith(("(", "[")):
            lengths[-1] += line.spoken()
        else:
            speaking = False
    return lengths


def balanced(text: str) -> bool:
    """Whether every ( and [ is closed by a bracket of its kind, in order."""
    open_ones: list[str] = []
    for character in text:
        if character in "([":
            open_ones.append(character)
        elif character in ")]" and (not open_ones or open_ones.pop() + character not in "()[]"):
            return False
    return not open_ones


def line_lengths(scenes: Iterable[Sequence[str]]) -> list[int]:
    """Histogram: the number of lines that `structure` counts with 0 words, 1 word, 2 words ..."""
    counts = collections.Counter(
        len(without_marks(line.words)) for scene in scenes for line in lines_of(scene)[1:-1]
    )
    return [counts[length] for length in range(max(counts, default=-1) + 1)]


def repetition(scenes: Sequence[Sequence[str]]) -> Figures:
    """Repetition metrics of scenes.

    distinct_n is the share of distinct n-grams, in windows of `WINDOW_WORDS` words (Li et al., "A
    Diversity-Promoting Objective Function for Neural Conversation Models", 2016); repeated_4_grams
    is the share of a scene's 4-grams that occur earlier in that scene; longest_loop is the length
    of the longest stretch in which a phrase directly repeats.
    """
    bare = [without_marks(scene) for scene in scenes]
    joined = [word for scene in bare for word in scene]
    figures: Figures = {}
    for n in (1, 2, 3):
        figures[f"distinct_{n}"] = mean(
            [share_distinct(window, n) for window in windows(joined, WINDOW_WORDS)]
        )
    figures["repeated_4_grams"] = mean([1 - share_distinct(s, 4) for s in bare if len(s) > 3])
    figures["longest_loop"] = max((longest_loop(scene) for scene in bare), default=0)
    return figures


def share_distinct(words: Sequence[str], n: int) -> float:
    """The share of distinct n-grams among all n-grams of a text; 1 if it has none."""
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


def longest_loop(words: Sequence[str]) -> int:
    """Words of the longest stretch in which one phrase directly repeats; 0 if there is none."""
    longest = 0
    for period in range(1, len(words) // 2 + 1):
        same = 0
        for here, later in zip(words, words[period:], strict=False):
            same = same + 1 if here == later else 0
            if same >= period:
                longest = max(longest, same + period)
    return longest


def token_kinds(
    words: Iterable[str], known: Collection[str], counts: dict[str, int], rare: int = 10
) -> list[str]:
    """The kind of each token, one of `KINDS`.

    Args:
        words: a script.
        known: the vocabulary.
        counts: count of each word in the training text.
        rare: words with a lower count are rare words.
    """
    kinds: list[str] = []
    for line in split_lines(words):
        name = name_length(line)
        for number, word in enumerate(line):
            if word in MARKS:
                kinds.append("mark")
            elif word not in known:
                kinds.append("unknown")
            elif number < name:
                kinds.append("speaker")
            else:
                kinds.append("rare word" if counts.get(word, 0) < rare else "word")
    return kinds


def split_lines(words: Iterable[str]) -> list[list[str]]:
    """Words by line, each line with its line end."""
    lines: list[list[str]] = [[]]
    for word in words:
        lines[-1].append(word)
        if word == LINE_END:
            lines.append([])
    return lines


def windows(items: Sequence, size: int) -> list[Sequence]:
    """Consecutive windows of exactly `size` items; the rest is dropped."""
    return [items[i : i + size] for i in range(0, len(items) - size + 1, size)]


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean; None of an empty sequence."""
    return statistics.fmean(values) if values else None


def quantile(ordered: Sequence[int], share: float) -> int | None:
    """The quantile of sorted values; None of an empty sequence."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
