"""The words a model knows, their numbers, and the file that tells both to everyone else."""

import collections
import dataclasses
import json
import re
from collections.abc import Iterable

from data import tokens
from data.command_line import UserError

FORMAT = "cold-open-vocabulary"
VERSION = 1
UNKNOWN = "<unk>"
# A speaker is what stands before the first colon of a line, if it is short and not a direction.
SPEAKER = re.compile(r'^([^:()\[\]"\n]{1,40}?) ?:(?:\s|$)', re.MULTILINE)


def create_lookup_tables(words: Iterable[str]) -> tuple[dict[str, int], dict[int, str]]:
    """Numbers the distinct words of a text, the most frequent first, ties by the alphabet.

    Returns:
        (vocab_to_int, int_to_vocab), each the other's inverse.
    """
    counts = collections.Counter(words)
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    vocab_to_int = {word: number for number, word in enumerate(ordered)}
    return vocab_to_int, dict(enumerate(ordered))


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """What turns text into ids and back, complete in itself; see `artifacts/README.md`."""

    show: str
    words: list[str]  # by id
    symbols: dict[str, str]  # character -> name among the words
    folds: list[tuple[str, str]]  # applied in this order before lower-casing ASCII
    primer: str  # what a scene starts after: the blank line between two speeches
    speakers: list[tuple[str, int]]  # (name, lines spoken), the most frequent first
    unknown: str = UNKNOWN
    casing: str = "lower"
    weights_sha256: str = ""

    @classmethod
    def build(cls, text: str, show: str, min_count: int = 2) -> "Vocabulary":
        """The vocabulary of a training text: the words seen at least `min_count` times."""
        symbols = tokens.token_lookup()
        folds = tokens.folds_of(text)
        folded = tokens.fold(text, folds)
        words = tokens.split_words(folded, symbols)
        counts = collections.Counter(words)
        kept = [word if counts[word] >= min_count else UNKNOWN for word in words]
        vocab_to_int, int_to_vocab = create_lookup_tables(kept)
        ordered = list(int_to_vocab.values())
        if UNKNOWN not in vocab_to_int:  # a prompt may hold a new word even where no rare one was
            ordered.append(UNKNOWN)
        speakers = collections.Counter(
            name.strip() for name in SPEAKER.findall(folded) if name.strip()
        )
        known = set(ordered)
        named = [
            (name, count)
            for name, count in speakers.most_common(200)
            if count > 1 and all(word in known for word in tokens.split_words(name + ":", symbols))
        ]
        blank_lines = folded.count("\n\n") * 3 > folded.count("\n")
        return cls(
            show=show,
            words=ordered,
            symbols=symbols,
            folds=folds,
            primer="\n\n" if blank_lines else "\n",
            speakers=named,
        )

    def __len__(self) -> int:
        return len(self.words)

    @property
    def unknown_id(self) -> int:
        """The id that stands for every word not in the vocabulary."""
        return self.words.index(self.unknown)

    def split(self, text: str) -> list[str]:
        """Text into words, symbols by name, unknown words as they are."""
        return tokens.split_words(tokens.fold(text, self.folds), self.symbols)

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
        fields = dataclasses.asdict(self)
        return json.dumps({"format": FORMAT, "version": VERSION, **fields}, ensure_ascii=False)

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
        if (version := fields.pop("version", None)) != VERSION:
            raise UserError(f"the vocabulary has version {version}, this program reads {VERSION}")
        names = {field.name for field in dataclasses.fields(cls)}
        if names != set(fields):
            raise UserError(f"the vocabulary's fields differ: {sorted(names ^ set(fields))}")
        pairs = {name: [tuple(pair) for pair in fields.pop(name)] for name in ("folds", "speakers")}
        return cls(**fields, **pairs)
