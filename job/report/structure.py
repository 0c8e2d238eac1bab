"""What a script is made of: its lines, speakers, directions and repetitions. No torch.

Scripts come as words: `Vocabulary.split`'s, the ten symbols under their names. A text is judged by
scenes, pieces of equal length; generated scenes and excerpts of a real script are then alike in
everything that depends on length. Repetition is counted without punctuation.
"""

import collections
import dataclasses
import itertools
import random
import statistics
from collections.abc import Collection, Iterable, Sequence

from data.speakers import SPEAKER
from data.tokens import join_words, split_words, token_lookup

WINDOW_WORDS = 1000  # distinct n-grams are counted in windows of so many words
WINDOW_LINES = 100  # and distinct speakers in windows of so many lines
KINDS = ("word", "rare word", "unknown", "speaker", "mark")

SYMBOLS = token_lookup()
MARKS = frozenset(SYMBOLS.values())
LINE_END = SYMBOLS["\n"]

Figures = dict[str, float | int | None]


@dataclasses.dataclass(frozen=True)
class Line:
    """A line that is not blank."""

    words: list[str]  # punctuation among them
    text: str  # as a person types it
    speaker: str  # "" if none opens it
    after_blank: bool

    def spoken(self) -> int:
        """How many words it has, without the speaker's name and without punctuation."""
        return len(without_marks(self.words[name_length(self.words) :]))


def lines_of(words: Iterable[str]) -> list[Line]:
    """The lines of a script, blank ones left out."""
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
    """How many words of a line are the speaker's name and its colon; 0 if no speaker opens it."""
    for number, word in enumerate(line[:20], 1):
        if ":" in word:
            return number if SPEAKER.fullmatch(join_words(line[:number], SYMBOLS)) else 0
    return 0


def known_names(speakers: Iterable[tuple[str, int]]) -> set[str]:
    """The names of `Vocabulary.speakers`, spelled as `Line.speaker` spells them."""
    return {join_words(split_words(name, SYMBOLS), SYMBOLS) for name, _ in speakers}


def without_marks(words: Iterable[str]) -> list[str]:
    """The words that are no punctuation and no line end."""
    return [word for word in words if word not in MARKS]


def excerpts(words: Sequence[str], count: int, length: int, seed: int) -> list[list[str]]:
    """At most `count` pieces of `length` words, spread over a script, each from a line's start.

    In random order, as generated scenes are: neighbours in a script have much in common.
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
    """How scenes are built; a figure without anything to measure it on is None.

    A scene's first line is begun by the prompt and its last one cut short: neither counts.

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
    """The words of each speech: a line that a speaker opens, and those right under it."""
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
    """Whether every ( and [ is closed by its own kind, in order."""
    open_ones: list[str] = []
    for character in text:
        if character in "([":
            open_ones.append(character)
        elif character in ")]" and (not open_ones or open_ones.pop() + character not in "()[]"):
            return False
    return not open_ones


def line_lengths(scenes: Iterable[Sequence[str]]) -> list[int]:
    """How many of the lines that `structure` counts have 0 words, 1 word, 2 words, and so on."""
    counts = collections.Counter(
        len(without_marks(line.words)) for scene in scenes for line in lines_of(scene)[1:-1]
    )
    return [counts[length] for length in range(max(counts, default=-1) + 1)]


def repetition(scenes: Sequence[Sequence[str]]) -> Figures:
    """How much scenes repeat themselves.

    distinct_n is the share of n-grams that are different ones, in windows of `WINDOW_WORDS` words
    (Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models", 2016);
    repeated_4_grams the share of a scene's 4-grams that stood in that scene before.
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
    """The share of a text's n-grams that are different ones; 1 if it is too short for any."""
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


def longest_loop(words: Sequence[str]) -> int:
    """The words of the longest stretch in which one phrase directly follows itself; 0 if none."""
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
    """The kind of each word, one of `KINDS`.

    Args:
        known: the vocabulary.
        counts: how often each word was seen in training; less than `rare` is a rare word.
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
    """Words by line, each with its line end."""
    lines: list[list[str]] = [[]]
    for word in words:
        lines[-1].append(word)
        if word == LINE_END:
            lines.append([])
    return lines


def windows(items: Sequence, size: int) -> list[Sequence]:
    """Consecutive pieces of exactly `size`; what is left over is left out."""
    return [items[i : i + size] for i in range(0, len(items) - size + 1, size)]


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean; None of nothing."""
    return statistics.fmean(values) if values else None


def quantile(ordered: Sequence[int], share: float) -> int | None:
    """The value that `share` of the values lie below; None of nothing."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
