"""The vocabulary: lookup tables between words and ids, and vocab.json, the file that holds them."""

import collections
import dataclasses
import functools
import heapq
import operator
from collections.abc import Callable, Iterable
from typing import Any

from data import strict_json, tokens, versions
from data.command_line import UserError
from data.proper_nouns import proper_nouns
from data.speakers import speaker_of

FORMAT = "cold-open-vocabulary"
UNKNOWN = "<unk>"
MIN_SPEECHES = 20  # with fewer, `LineStats.speaker_repeat` is not measured
MAX_SPEAKERS = 200  # in vocab.json
OPTIONAL = ("names", "heading_words")  # lists that vocab.json lacks if they are empty
MAX_REPLACED = 8  # characters of a text in the normalization table


def create_lookup_tables(words: Iterable[str]) -> tuple[dict[str, int], dict[int, str]]:
    """Ids for the distinct words of a text, most frequent first, ties in alphabetical order.

    Returns:
        (vocab_to_int, int_to_vocab), inverse dictionaries.
    """
    ordered = [word for word, _ in most_frequent(collections.Counter(words).items())]
    vocab_to_int = {word: index for index, word in enumerate(ordered)}
    return vocab_to_int, dict(enumerate(ordered))


def most_frequent(counts: Iterable[tuple[str, int]], size: int = 0) -> list[tuple[str, int]]:
    """The `size` most frequent (word, count), or all for 0; ties in alphabetical order.

    `counts` is iterated once and may be larger than memory: only the result is kept.
    """
    negated = ((-count, word) for word, count in counts)
    kept = heapq.nsmallest(size, negated) if size else sorted(negated)
    return [(word, -count) for count, word in kept]


@dataclasses.dataclass
class LineStats:
    """Counts of a script's lines. A text's counts are the sums of its parts' (cut at line ends)."""

    speakers: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    lines: int = 0
    empty: int = 0
    speeches: int = 0
    repeats: int = 0  # speeches of the speaker before
    first: str = ""  # who speaks first, and last
    last: str = ""

    def add(self, other: "LineStats") -> None:
        """Adds the counts of the part of the text that follows."""
        self.speakers.update(other.speakers)
        self.lines += other.lines
        self.empty += other.empty
        self.speeches += other.speeches
        self.repeats += other.repeats + int(self.last != "" and self.last == other.first)
        self.first = self.first or other.first
        self.last = other.last or self.last

    @property
    def has_blank_lines(self) -> bool:
        """Whether blank lines separate the speeches: more than a third of all lines are empty."""
        return self.empty * 3 > self.lines

    @property
    def speaker_repeat(self) -> float:
        """The fraction of speeches whose speaker spoke the one before too.

        1.0, which restricts nothing, for a text with too few speeches.
        """
        if self.speeches <= MIN_SPEECHES:
            return 1.0
        return round(self.repeats / (self.speeches - 1), 4)


def line_stats(text: str) -> LineStats:
    """The line counts of a normalized text."""
    *lines, rest = text.split("\n")
    # The pattern ends within 42 characters, so it is applied once to lines that begin alike.
    heads = [line[: line.index(":") + 2] for line in (*lines, rest) if ":" in line[:42]]
    speaker = {head: speaker_of(head) for head in set(heads)}
    names = [name for head in heads if (name := speaker[head])]
    return LineStats(
        collections.Counter(names),
        len(lines),
        lines.count(""),
        len(names),
        sum(map(operator.eq, names, names[1:])),
        *((names[0], names[-1]) if names else ()),
    )


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """All that turns text into ids and back; the content of vocab.json."""

    show: str
    words: list[str]  # by id
    symbols: dict[str, str]  # character -> its name among the words
    normalization: list[tuple[str, str]]  # (from, to) in order, before ASCII is lower-cased
    primer: str  # the separator of two speeches; a scene starts after it
    speakers: list[tuple[str, int]]  # (name, lines spoken), most frequent first
    speaker_repeat: float = 1.0  # fraction of speeches by the speaker before; 1: not known
    names: list[str] = dataclasses.field(default_factory=list)  # words written with a capital
    heading_words: list[str] = dataclasses.field(default_factory=list)  # see `data.headings`
    unknown: str = UNKNOWN
    casing: str = "lower"
    weights_sha256: str = ""

    @classmethod
    def build(cls, text: str, show: str, min_count: int = 2) -> "Vocabulary":
        """The vocabulary of a training text: the words that occur at least `min_count` times."""
        normalization = tokens.normalization_of(text)
        normalized = tokens.normalize(text, normalization)
        words = collections.Counter(tokens.split_words(normalized, tokens.token_lookup()))
        stats = line_stats(normalized)
        counts = words.items(), stats.speakers.items()
        return cls.from_counts(show, normalization, *counts, stats, min_count)[0]

    def with_names_of(self, text: str) -> "Vocabulary":
        """The vocabulary with the names in a text that has its capitals still."""
        return dataclasses.replace(self, names=proper_nouns(text, set(self.words)))

    @classmethod
    def from_counts(
        cls,
        show: str,
        normalization: list[tuple[str, str]],
        words: Iterable[tuple[str, int]],
        speakers: Iterable[tuple[str, int]],
        stats: LineStats,
        min_count: int = 2,
        size: int = 0,
    ) -> tuple["Vocabulary", list[int]]:
        """The vocabulary of a text whose words are counted already.

        Args:
            show: the show's name.
            normalization: the normalization table of the text.
            words: each word once, with its count; iterated once, so it may be larger than memory.
            speakers: each speaker once, with the number of lines; also iterated once.
            stats: of the text's lines; its `speakers` are not used.
            min_count: rarer words are out-of-vocabulary and counted as `UNKNOWN`.
            size: the largest number of words, `UNKNOWN` included; 0 for no limit.

        Returns:
            (the vocabulary, the count of each of its words by id).
        """
        symbols = tokens.token_lookup()
        total = 0

        def frequent() -> Iterable[tuple[str, int]]:
            nonlocal total
            for word, count in words:
                total += count
                if count >= min_count and word != UNKNOWN:
                    yield word, count

        kept = most_frequent(frequent(), max(size - 1, 1) if size else 0)
        # Always in the vocabulary: a prompt may contain new words even if no word is rare.
        kept = most_frequent([*kept, (UNKNOWN, total - sum(count for _, count in kept))])
        known = {word for word, _ in kept}
        kept_speakers = [
            (name, count)
            for name, count in most_frequent(speakers, MAX_SPEAKERS)
            if count > 1 and all(word in known for word in tokens.split_words(name + ":", symbols))
        ]
        vocabulary = cls(
            show=show,
            words=[word for word, _ in kept],
            symbols=symbols,
            normalization=normalization,
            primer="\n\n" if stats.has_blank_lines else "\n",
            speakers=kept_speakers,
            speaker_repeat=stats.speaker_repeat,
        )
        return vocabulary, [count for _, count in kept]

    def __len__(self) -> int:
        return len(self.words)

    @functools.cached_property
    def vocab_to_int(self) -> dict[str, int]:
        """The id of each word."""
        return {word: index for index, word in enumerate(self.words)}

    @property
    def unknown_id(self) -> int:
        """The id of `unknown`, which replaces every out-of-vocabulary word."""
        return self.words.index(self.unknown)

    def is_unknown(self, word: str) -> bool:
        """Whether a word, or a symbol's name, is out of the vocabulary."""
        return word not in self.vocab_to_int or word == self.unknown

    def split(self, text: str) -> list[str]:
        """Text to words: symbols by name, out-of-vocabulary words unchanged."""
        return tokens.split_words(tokens.normalize(text, self.normalization), self.symbols)

    def encode(self, text: str) -> list[int]:
        """Text to ids; an out-of-vocabulary word becomes `unknown_id`."""
        return self.numbers(self.split(text))

    def numbers(self, words: Iterable[str]) -> list[int]:
        """Words to ids; an out-of-vocabulary word becomes `unknown_id`."""
        unknown_id = self.unknown_id
        return [self.vocab_to_int.get(word, unknown_id) for word in words]

    def decode(self, ids: Iterable[int]) -> str:
        """Ids to detokenized text."""
        return tokens.join_words([self.words[index] for index in ids], self.symbols)

    def to_json(self) -> str:
        """The content of vocab.json."""
        names = [field.name for field in dataclasses.fields(self)]  # without cached properties
        fields = {"format": FORMAT, "version": versions.VOCABULARY}
        fields |= {name: getattr(self, name) for name in names}
        for name in OPTIONAL:
            if not fields[name]:
                del fields[name]
        return strict_json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """The vocabulary from the content of vocab.json.

        Raises:
            UserError: if it is not JSON, not a vocabulary, of another version, lacks a field, or
                has a field that `build` does not make.
        """
        try:
            fields = strict_json.loads(text)
        except ValueError as error:
            raise UserError(
                f"the vocabulary is not JSON ({error}): export the model again"
            ) from None
        if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
            raise UserError(f"this JSON is not a vocabulary: it lacks format = {FORMAT!r}")
        if (version := fields.pop("version", None)) != versions.VOCABULARY:
            raise UserError(
                f"the vocabulary has version {version}, this program reads "
                f"{versions.VOCABULARY}: export the model again"
            )
        for name in OPTIONAL:
            fields.setdefault(name, [])
        names = {field.name for field in dataclasses.fields(cls)}
        if names != set(fields):
            different = ", ".join(sorted(names ^ set(fields)))
            raise UserError(
                f"the vocabulary lacks or has unknown fields ({different}): export the model again"
            )
        if problem := _problem(fields):
            raise UserError(f"the vocabulary is damaged: {problem}; export the model again")
        for name in ("normalization", "speakers"):
            fields[name] = [tuple(pair) for pair in fields[name]]
        return cls(**fields)


def _problem(fields: dict[str, Any]) -> str:
    """What is wrong with the fields of a vocabulary's JSON; "" if nothing is."""
    words, symbols = fields["words"], tokens.token_lookup()
    if not _is_list_of(words, lambda word: isinstance(word, str)):
        return "words is not a list of texts"
    if len(set(words)) < len(words) or tokens.split_words(" ".join(words), symbols) != words:
        return "words has an entry that is not one word, or has one twice"
    if fields["unknown"] != UNKNOWN or UNKNOWN not in words:
        return f"it has no word {UNKNOWN}"
    if fields["symbols"] != symbols or fields["casing"] != "lower":
        return "symbols or casing are not those of the tokenizer"
    if fields["primer"] not in ("\n", "\n\n"):
        return "primer is not one or two new lines"
    if not (
        _is_list_of(fields["normalization"], _is_replacement)
        and _is_list_of(fields["speakers"], _is_speaker)
    ):
        return "normalization or speakers is not a list of pairs"
    # Otherwise a short text could become one of any size.
    starts = [(new, start) for _, new in fields["normalization"] for start in range(len(new))]
    inserted = {new[start:end] for new, start in starts for end in range(start + 1, len(new) + 1)}
    if inserted & {old for old, _ in fields["normalization"]}:
        return "normalization replaces what it has put in"
    repeat = fields["speaker_repeat"]
    if type(repeat) not in (int, float) or not 0 <= repeat <= 1:
        return "speaker_repeat is not a number from 0 to 1"
    if not _is_list_of(fields["names"], lambda name: isinstance(name, str) and name.isalpha()):
        return "names is not a list of words"
    heading = fields["heading_words"]
    if not _is_list_of(heading, lambda word: isinstance(word, str)) or set(heading) - set(words):
        return "heading_words is not a list of its words"
    if not isinstance(fields["weights_sha256"], str) or not isinstance(fields["show"], str):
        return "show or weights_sha256 is not a text"
    try:
        strict_json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "it has half of a character (a lone surrogate)"
    return ""


def _is_list_of(value: Any, is_valid: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(is_valid, value))


def _is_replacement(pair: Any) -> bool:
    return (
        _is_list_of(pair, lambda text: isinstance(text, str))
        and len(pair) == 2
        and 1 <= len(pair[0]) <= MAX_REPLACED
        and len(pair[1]) <= MAX_REPLACED
    )


def _is_speaker(pair: Any) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and type(pair[1]) is int
        and pair[1] > 0
    )
