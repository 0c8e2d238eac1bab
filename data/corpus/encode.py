"""The two steps of a piece of a corpus: words to numbers of its own, and those to the vocabulary's.

Words are split once. Between the steps stands the vocabulary, which needs the counts of all.
"""

import collections
import dataclasses
import functools
import itertools
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data.atomic import atomic_write
from data.corpus.counts import Tally
from data.corpus.fast_tokens import Normalizer, Splitter, unix_lines
from data.corpus.scan import Span
from data.vocab import Vocabulary, count_lines, is_blank_between


@dataclasses.dataclass(frozen=True)
class Piece:
    """A part of the work: the text of some spans, to train on ("train") or held out ("valid")."""

    path: pathlib.Path  # where its own numbers are kept until they are exchanged
    split: str
    spans: list[Span]
    normalization: list[tuple[str, str]]


def split_piece(piece: Piece, block: int) -> None:
    """Numbers a piece's words as they come; keeps the numbers, the words and their counts."""
    normalize, split = Normalizer(piece.normalization), Splitter()
    numbers: dict[bytes, int] = collections.defaultdict(itertools.count().__next__)
    speakers: collections.Counter[str] = collections.Counter()
    found, sizes, lines, empty = [], [], 0, 0
    for span in piece.spans:
        sizes.append(0)
        for content in span.blocks(block):
            normalized = normalize(unix_lines(content))
            words = split(normalized)
            found.append(np.fromiter(map(numbers.__getitem__, words), np.uint32, len(words)))
            sizes[-1] += len(words)
            if piece.split == "train":
                who, all_lines, empty_lines = count_lines(normalized.decode())
                speakers.update(who)
                lines, empty = lines + all_lines, empty + empty_lines
    ids = np.concatenate(found)
    facts = {"sizes": sizes, "speakers": speakers, "lines": lines, "empty": empty}
    with atomic_write(piece.path) as file:
        np.savez(
            file,
            ids=ids,
            words=_packed(b" ".join(split.named(numbers))),  # no word has a space in it
            counts=np.bincount(ids, minlength=len(numbers)),
            facts=_packed(json.dumps(facts).encode()),
        )


def settle(
    pieces: Sequence[Piece],
    work: pathlib.Path,
    show: str,
    min_count: int,
    size: int,
    most_words: int,
) -> None:
    """Makes the vocabulary of all pieces, and settles where each piece's ids will lie.

    Writes vocab.json, counts.json and, last, settled.json: dtype; tokens of each split; offsets,
    the place of each piece within its split; sizes, the tokens of each of its spans; unknown,
    the share of training tokens that are not in the vocabulary.
    """
    words, speakers = (Tally(work / name, most_words) for name in ("words", "speakers"))
    tokens, lines, empty = {"train": 0, "valid": 0}, 0, 0
    offsets, sizes = [], []
    for piece in pieces:
        with np.load(piece.path) as packed:
            facts = json.loads(packed["facts"].tobytes())
            if piece.split == "train":
                names = packed["words"].tobytes().decode().split(" ")
                counts = packed["counts"].tolist()
                counted = dict(zip(names, counts, strict=False))
                if len(counted) < len(names):  # a symbol, and a word that bears its name
                    counted = collections.Counter()
                    for name, count in zip(names, counts, strict=False):
                        counted[name] += count
                words.add(counted)
                speakers.add(facts["speakers"])
        lines, empty = lines + facts["lines"], empty + facts["empty"]
        offsets.append(tokens[piece.split])
        sizes.append(facts["sizes"])
        tokens[piece.split] += sum(facts["sizes"])
    vocabulary, counts = Vocabulary.of_counts(
        show,
        pieces[0].normalization,
        words.items(),
        speakers.items(),
        is_blank_between(lines, empty),
        min_count,
        size,
    )
    settled = {
        "dtype": "<u2" if len(vocabulary) <= 1 << 16 else "<u4",
        "tokens": tokens,
        "offsets": offsets,
        "sizes": sizes,
        "unknown": counts[vocabulary.unknown_id] / tokens["train"],
    }
    files: Mapping[str, Any] = {
        "vocab.json": vocabulary.to_json(),
        "counts.json": json.dumps(counts),
        "settled.json": json.dumps(settled),
    }
    for name, text in files.items():
        with atomic_write(work / name) as file:
            file.write(text.encode())


def number_piece(piece: Piece, offset: int, dtype: str) -> None:
    """Puts a piece's ids at their place in the split's file, and removes what was kept of it.

    An interruption in between does no harm: the same is written once more.
    """
    work = piece.path.parent
    numbers, unknown = _lookup(work / "vocab.json")
    with np.load(piece.path) as packed:
        table = [numbers.get(word, unknown) for word in _words(packed)]
        ids = np.array(table, dtype)[packed["ids"]]
    with (work / f"{piece.split}.ids").open("r+b") as file:
        file.seek(offset * ids.itemsize)
        file.write(ids.data)
        file.flush()
        os.fsync(file.fileno())
    piece.path.unlink()


@functools.lru_cache(maxsize=1)
def _lookup(path: pathlib.Path) -> tuple[dict[bytes, int], int]:
    vocabulary = Vocabulary.from_json(path.read_text(encoding="utf-8"))
    numbers = {word.encode(): number for number, word in enumerate(vocabulary.words)}
    return numbers, vocabulary.unknown_id


def _packed(text: bytes) -> np.ndarray:
    return np.frombuffer(text, np.uint8)


def _words(packed: Mapping[str, np.ndarray]) -> list[bytes]:
    text = packed["words"].tobytes()
    return text.split(b" ") if text else []
