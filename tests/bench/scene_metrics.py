"""Figures of scenes, the same for generated and for real ones.

A scene begins with a prompt. Structure and repetition are measured on the whole scene; new words,
copying and perplexity only on the words after the prompt. Lines, brackets, speakers, n-grams and
copied runs are those of `job.report`.
"""

import dataclasses
import math
import re
from collections.abc import Collection, Sequence

import torch
from torch.nn import functional as F

from data.tokens import join_words
from data.vocab import Vocabulary
from job.evaluate import MAX_SCORES
from job.model import RNN
from job.report.copying import BORDER, COPIED, copies
from job.report.structure import (
    LINE_END,
    SYMBOLS,
    Figures,
    lines_of,
    mean,
    name_length,
    share_distinct,
    split_lines,
    structure,
    windows,
    without_marks,
)

SENTENCE_END = re.compile(r"[.!?][\"')\]]*$")
WHOLE_LINE = re.compile(r"[(\[].*[)\]]$")  # a stage direction or a scene heading
DISTINCT_WINDOW = 500  # words; held-out text of a short show has few windows of 1,000
NAME_WORDS = 4  # words of a name at the start of a line, at most
IGNORED = -100  # target without a loss: `ignore_index` of `cross_entropy`


@dataclasses.dataclass(frozen=True)
class Scene:
    """A scene as words, punctuation under its names as `Vocabulary.split` gives it."""

    words: list[str]
    prompt: int  # number of words of the prompt, which the scene begins with

    @property
    def text(self) -> str:
        """The scene as typed."""
        return join_words(self.words, SYMBOLS)

    @property
    def prompt_text(self) -> str:
        """The prompt as typed, a prefix of `text`."""
        return join_words(self.words[: self.prompt], SYMBOLS)

    def written(self) -> list[str]:
        """The words after the prompt, without punctuation."""
        return without_marks(self.words[self.prompt :])

    def new_words(self, known: Collection[str]) -> list[str]:
        """The written words that are neither known nor in the prompt."""
        prompt = set(self.words[: self.prompt])
        return [word for word in self.written() if word not in known and word not in prompt]


def opening(words: Sequence[str]) -> int:
    """Number of words of a scene's opening: all up to the first speaker's name and colon.

    0 if no speaker begins in the first quarter of the scene.
    """
    length = 0
    for line in split_lines(words):
        if name := name_length(line):
            return length + name if length + name <= len(words) // 4 else 0
        length += len(line)
    return 0


def measure(
    scenes: Sequence[Scene], vocabulary: Collection[str], training: Sequence[str]
) -> Figures:
    """All figures of scenes; None where there is nothing to measure.

    Args:
        scenes: generated or real.
        vocabulary: the model's words; written words outside it are invented.
        training: the show's training text, as words without punctuation.
    """
    found = structure([scene.words for scene in scenes], known=())
    lines, known = found["lines"], set(training)
    bracketed, quoted = found["lines_with_brackets"], found["lines_with_quotes"]
    open_brackets = bracketed * (1 - found["balanced_brackets"]) if bracketed else 0.0
    open_quotes = quoted * (1 - found["balanced_quotes"]) if quoted else 0.0
    changes = found["speaker_changes"]
    written = sum(len(scene.written()) for scene in scenes)
    invented = sum(len(scene.new_words(vocabulary)) for scene in scenes)
    return {
        "scenes": len(scenes),
        "lines": lines,
        "invented_words": share(invented, written),
        "unbalanced_brackets": share(open_brackets, lines),
        "unbalanced_of_bracketed": share(open_brackets, bracketed),
        "unbalanced_quotes": share(open_quotes, lines),
        **misplaced_words(scenes),
        "same_speaker_twice": None if changes is None else 1 - changes,
        "repeated_lines": repeated_lines(scenes),
        "cut_inside_sentence": mean([is_cut(scene.words) for scene in scenes]),
        **copied_ngrams(scenes, training),
        **distinct(scenes),
        "words_per_line": found["words_per_line"],
        "words_outside_show": mean([len(scene.new_words(known)) for scene in scenes]),
    }


def share(part: float, whole: float) -> float | None:
    """A part of a whole as a fraction; None of nothing."""
    return part / whole if whole else None


def misplaced_words(scenes: Sequence[Scene]) -> Figures:
    """The shares of headings that go on after their bracket, and of lines with a name in them.

    A name is a word that ends in a colon, after the start of its line. The first line of a scene,
    which the prompt began, and its last one, which is cut off, do not count.
    """
    lines = [line for scene in scenes for line in lines_of(scene.words)[1:-1]]
    headings = [line for line in lines if line.words[0].startswith("[") and "]" in line.text]
    names = [any(len(w) > 1 and w[-1] == ":" for w in line.words[NAME_WORDS:]) for line in lines]
    return {
        "headings": len(headings),
        "heading_goes_on": mean([not line.text.endswith("]") for line in headings]),
        "name_within_line": mean(names),
    }


def repeated_lines(scenes: Sequence[Scene]) -> float | None:
    """The share of lines that occur word for word earlier in their scene.

    The last line of a scene, which is cut off, does not count.
    """
    lines = [[line.text for line in lines_of(scene.words)[:-1]] for scene in scenes]
    return share(sum(len(texts) - len(set(texts)) for texts in lines), sum(map(len, lines)))


def is_cut(words: Sequence[str]) -> bool:
    """Whether a scene ends inside a sentence, a heading or a stage direction."""
    if not words or words[-1] == LINE_END:
        return False
    last = lines_of(words)[-1].text
    return not SENTENCE_END.search(last) and not WHOLE_LINE.match(last)


def distinct(scenes: Sequence[Scene]) -> Figures:
    """The share of distinct n-grams in windows of `DISTINCT_WINDOW` words, scenes joined."""
    words = [word for scene in scenes for word in without_marks(scene.words)]
    parts = windows(words, DISTINCT_WINDOW)
    return {f"distinct_{n}": mean([share_distinct(part, n) for part in parts]) for n in (1, 2, 3)}


def copied_ngrams(scenes: Sequence[Scene], training: Sequence[str]) -> Figures:
    """The share of written n-grams of `COPIED` words that occur in the training text.

    Also the length of the longest run of words that occurs there.
    """
    words: list[str] = []
    total = 0
    for scene in scenes:
        written = scene.written()
        words += [*written, BORDER]
        total += max(0, len(written) - COPIED + 1)
    found = copies(words, training)
    # Runs may overlap; an n-gram within two of them counts once.
    copied = {
        place for start, length in found.runs for place in range(start, start + length - COPIED + 1)
    }
    return {
        "copied_8_grams": share(len(copied), total),
        "longest_copied_run": found.longest[1],
    }


@torch.inference_mode()
def perplexity(scenes: Sequence[Scene], network: RNN, vocabulary: Vocabulary) -> Figures:
    """Perplexity per token of the scenes under another network, the judge, given their prompts.

    A word outside the judge's vocabulary is the event that any such word occurs: the unknown token.
    Each scene is read on its own, after the judge's primer.

    Args:
        network: in evaluation mode.
        vocabulary: the network's.

    Returns:
        perplexity, and unknown_to_judge, the share of tokens outside the judge's vocabulary.
    """
    primer = vocabulary.encode(vocabulary.primer)
    rows = [primer + vocabulary.encode(scene.text) for scene in scenes]
    length = max(map(len, rows)) - 1
    inputs = torch.zeros(len(rows), length, dtype=torch.int64)
    targets = torch.full((len(rows), length), IGNORED)
    for number, (row, scene) in enumerate(zip(rows, scenes, strict=True)):
        inputs[number, : len(row) - 1] = torch.tensor(row[:-1])
        first = len(primer) + len(vocabulary.encode(scene.prompt_text))
        targets[number, first - 1 : len(row) - 1] = torch.tensor(row[first:])
    counted = targets != IGNORED
    device = network.embedding.weight.device
    chunk = max(1, MAX_SCORES // (len(rows) * network.fc.out_features))
    hidden, total = network.init_hidden(len(rows)), 0.0
    for start in range(0, length, chunk):
        part = slice(start, start + chunk)
        scores, _, hidden = network.read(inputs[:, part].to(device), hidden)
        total += F.cross_entropy(
            scores.flatten(0, 1).float(),
            targets[:, part].flatten().to(device),
            ignore_index=IGNORED,
            reduction="sum",
        ).item()
    count = int(counted.sum())
    if not count:
        return {"perplexity": None, "unknown_to_judge": None}
    unknown = int((targets == vocabulary.unknown_id).sum())
    return {"perplexity": math.exp(total / count), "unknown_to_judge": unknown / count}
