"""The words a model knows, their numbers, and the file that tells both to everyone else."""

import collections
import dataclasses
import heapq
import json
from collections.abc import Iterable

from data import tokens, versions
from data.command_line import UserError
from data.speakers import SPEAKER

FORMAT = "cold-open-vocabulary"
UNKNOWN = "<unk>"
SPEAKERS = 200  # so many are told, at most


def create_lookup_tables(words: Iterable[str]) -> tuple[dict[str, int], dict[int, str]]:
    """Numbers the distinct words of a text, the most frequent first, ties by the alphabet.

    Returns:
        (vocab_to_int, int_to_vocab), each the other's inverse.
    """
    ordered = [word for word, _ in most_frequent(collections.Counter(words).items())]
    vocab_to_int = {word: number for number, word in enumerate(ordered)}
    return vocab_to_int, dict(enumerate(ordered))


def most_frequent(counts: Iterable[tuple[str, int]], size: int = 0) -> list[tuple[str, int]]:
    """The `size` most frequent (word, count), or all for 0; ties by the alphabet.

    Of `counts`, which may be more than fit into memory, only those that are returned are kept.
    """
    turned = ((-count, word) for word, count in counts)
    kept = heapq.nsmallest(size, turned) if size else sorted(turned)
    return [(word, -count) for count, word in kept]


def is_blank_between(lines: int, empty: int) -> bool:
    """Whether a script has blank lines between its speeches: more than a third are empty."""
    return empty * 3 > lines


def count_lines(text: str) -> tuple[collections.Counter[str], int, int]:
    """What the lines of a normalized text tell: (speakers with their lines, lines, empty ones).

    Those of a text are the sums of its parts, wherever it is cut at a line's end.
    """
    *lines, rest = text.split("\n")
    # A name's 40 letters, a space and the colon: the pattern need only see what differs.
    heads = collections.Counter(
        line[: line.index(":") + 2] for line in (*lines, rest) if ":" in line[:42]
    )
    speakers: collections.Counter[str] = collections.Counter()
    for head, count in heads.items():
        if (match := SPEAKER.match(head)) and (name := match.group(1).strip()):
            speakers[name] += count
    return speakers, len(lines), lines.count("")


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """What turns text into ids and back, complete in itself; see `artifacts/README.md`."""

    show: str
    words: list[str]  # by id
    symbols: dict[str, str]  # character -> name among the words
    normalization: list[tuple[str, str]]  # applied in this order before lower-casing ASCII
    primer: str  # what a scene starts after: the blank line between two speeches
    speakers: list[tuple[str, int]]  # (name, lines spoken), the most frequent first
    unknown: str = UNKNOWN
    casing: str = "lower"
    weights_sha256: str = ""

    @classmethod
    def build(cls, text: str, show: str, min_count: int = 2) -> "Vocabulary":
        """The vocabulary of a training text: the words seen at least `min_count` times."""
        normalization = tokens.normalization_of(text)
        normalized = tokens.normalize(text, normalization)
        words = collections.Counter(tokens.split_words(normalized, tokens.token_lookup()))
        speakers, lines, empty = count_lines(normalized)
        blank_lines = is_blank_between(lines, empty)
        return cls.of_counts(
            show, normalization, words.items(), speakers.items(), blank_lines, min_count
        )[0]

    @classmethod
    def of_counts(
        cls,
        show: str,
        normalization: list[tuple[str, str]],
        words: Iterable[tuple[str, int]],
        speakers: Iterable[tuple[str, int]],
        blank_lines: bool,
        min_count: int = 2,
        size: int = 0,
    ) -> tuple["Vocabulary", list[int]]:
        """The vocabulary of a text that has been counted.

        Args:
            words: each word once, with its count; read once, and never held whole.
            speakers: `count_lines`'s, likewise.
            blank_lines: whether a blank line stands between two speeches.
            min_count: words seen less often become the unknown word.
            size: words at most, the unknown word among them; 0 for no limit.

        Returns:
            (the vocabulary, how often each of its words was seen, by id).
        """
        symbols = tokens.token_lookup()
        total = 0

        def often() -> Iterable[tuple[str, int]]:
            nonlocal total
            for word, count in words:
                total += count
                if count >= min_count and word != UNKNOWN:
                    yield word, count

        kept = most_frequent(often(), max(size - 1, 1) if size else 0)
        # Also where no word was rare: a prompt may hold a new one.
        kept = most_frequent([*kept, (UNKNOWN, total - sum(count for _, count in kept))])
        known = {word for word, _ in kept}
        named = [
            (name, count)
            for name, count in most_frequent(speakers, SPEAKERS)
            if count > 1 and all(word in known for word in tokens.split_words(name + ":", symbols))
        ]
        vocabulary = cls(
            show=show,
            words=[word for word, _ in kept],
            symbols=symbols,
            normalization=normalization,
            primer="\n\n" if blank_lines else "\n",
            speakers=named,
        )
        return vocabulary, [count for _, count in kept]

    def __len__(self) -> int:
        return len(self.words)

    @property
    def unknown_id(self) -> int:
        """The id that stands for every word not in the vocabulary."""
        return self.words.index(self.unknown)

    def split(self, text: str) -> list[str]:
        """Text into words, symbols by name, unknown words as they are."""
        return tokens.split_words(tokens.normalize(text, self.normalization), self.symbols)

    def encode(self, text: str) -> list[int]:
        """Text into ids; a word not in the vocabulary becomes the unknown word's id."""
        return self.numbers(self.split(text))

    def numbers(self, words: Iterable[str]) -> list[int]:
        """Words into ids, likewise."""
        vocab_to_int = {word: number for number, word in enumerate(self.words)}
        unknown_id = self.unknown_id
        return [vocab_to_int.get(word, unknown_id) for word in words]

    def decode(self, ids: Iterable[int]) -> str:
        """Ids into text as a person types it."""
        return tokens.join_words([self.words[number] for number in ids], self.symbols)

    def to_json(self) -> str:
        """The whole vocabulary as the text of vocab.json."""
        fields = {"format": FORMAT, "version": versions.VOCABULARY, **vars(self)}
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """Reads `to_json`'s text; raises `UserError` for anything else, naming what is wrong."""
        try:
            fields = json.loads(text)
        except json.JSONDecodeError as error:
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
        names = {field.name for field in dataclasses.fields(cls)}
        if names != set(fields):
            raise UserError(f"the vocabulary's fields differ: {sorted(names ^ set(fields))}")
        pairs = {
            name: [tuple(pair) for pair in fields.pop(name)]
            for name in ("normalization", "speakers")
        }
        return cls(**fields, **pairs)
