"""The two passes over the shards of a corpus: tokenize with local ids, then encode with final ids.

Each shard is tokenized once and gets ids of its own. The vocabulary needs the counts of all shards;
once it exists, a table maps each shard's local ids to the vocabulary's ids.
"""

import collections
import dataclasses
import functools
import itertools
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data import strict_json
from data.atomic import atomic_write
from data.corpus.byte_range import ByteRange
from data.corpus.counts import WordCounter
from data.corpus.fast_lines import FastLineStats
from data.corpus.fast_tokens import Normalizer, unix_lines
from data.corpus.word_ids import WordIds
from data.vocab import LineStats, Vocabulary

MAX_KEPT_WORDS = 100_000  # distinct words that a process keeps from shard to shard, about 15 MB


@dataclasses.dataclass(frozen=True)
class Shard:
    """A unit of work: some byte ranges of the training or the validation text."""

    path: pathlib.Path  # the .npz file of local ids, between the two passes
    split: str  # "train" or "valid"
    ranges: list[ByteRange]
    normalization: list[tuple[str, str]]


def tokenize_shard(shard: Shard, block_bytes: int) -> None:
    """First pass: writes a shard's local ids, its words and their counts, and its line counts."""
    normalize, number = Normalizer(shard.normalization), _word_ids()
    line_stats = FastLineStats()
    chunks, sizes, stats = [], [], LineStats()
    for byte_range in shard.ranges:
        sizes.append(0)
        for content in byte_range.blocks(block_bytes):
            normalized = normalize(unix_lines(content))
            chunks.append(number(normalized))
            sizes[-1] += len(chunks[-1])
            if shard.split == "train":
                stats.add(line_stats(normalized))
    ids, words, counts = _local_ids(chunks, number.words())
    if len(number) > MAX_KEPT_WORDS:
        _word_ids.cache_clear()
    lines = dict(vars(stats))
    facts = {"sizes": sizes, "speakers": lines.pop("speakers"), "lines": lines}
    with atomic_write(shard.path) as file:
        np.savez(
            file,
            ids=ids,
            words=_as_array(b" ".join(words)),  # no word contains a space
            counts=counts,
            facts=_as_array(strict_json.dumps(facts).encode()),
        )


@functools.lru_cache(maxsize=1)
def _word_ids() -> WordIds:
    """The words that this process has numbered, which are kept because most occur in all shards."""
    return WordIds()


def _local_ids(
    chunks: list[np.ndarray], words: list[bytes]
) -> tuple[np.ndarray, list[bytes], np.ndarray]:
    """A shard's ids with no gaps; its words by id; their counts.

    Args:
        chunks: ids (words,) in parts.
        words: the words of these ids, and others.
    """
    counts = sum(
        (np.bincount(chunk, minlength=len(words)) for chunk in chunks),
        np.zeros(len(words), np.int64),
    )
    used = np.flatnonzero(counts)
    # Two bytes per id need half the memory and half the file.
    table = np.zeros(len(words), np.uint16 if len(used) <= 1 << 16 else np.uint32)
    table[used] = np.arange(len(used))
    ids = np.concatenate([table[chunk] for chunk in chunks])
    return ids, [words[place] for place in used.tolist()], counts[used]


def build_vocabulary(
    shards: Sequence[Shard],
    work: pathlib.Path,
    show: str,
    min_count: int,
    vocab_size: int,
    max_words: int,
) -> None:
    """Builds the vocabulary from the counts of all shards, and the layout of the id files.

    Writes vocab.json, counts.json and, last, layout.json:
        dtype: of the ids.
        tokens: the number of tokens of each split.
        offsets: the position of each shard's first token in its split.
        sizes: the number of tokens of each byte range, by shard.
        oov_rate: the fraction of training tokens that are out-of-vocabulary.

    Args:
        shards: all shards, tokenized.
        work: the folder to write to.
        show: the show's name.
        min_count: rarer words are out-of-vocabulary.
        vocab_size: the largest number of words; 0 for no limit.
        max_words: the largest number of distinct words in memory.
    """
    words, speakers = (WordCounter(work / name, max_words) for name in ("words", "speakers"))
    tokens, stats = {"train": 0, "valid": 0}, LineStats()
    offsets, sizes = [], []
    for shard in shards:
        with np.load(shard.path) as arrays:
            facts = strict_json.loads(arrays["facts"].tobytes())
            if shard.split == "train":
                words.add(_word_counts(arrays))
                speakers.add(facts["speakers"])
                stats.add(LineStats(**facts["lines"]))
        offsets.append(tokens[shard.split])
        sizes.append(facts["sizes"])
        tokens[shard.split] += sum(facts["sizes"])
    vocabulary, counts = Vocabulary.from_counts(
        show,
        shards[0].normalization,
        words.items(),
        speakers.items(),
        stats,
        min_count,
        vocab_size,
    )
    layout = {
        "dtype": "<u2" if len(vocabulary) <= 1 << 16 else "<u4",
        "tokens": tokens,
        "offsets": offsets,
        "sizes": sizes,
        "oov_rate": counts[vocabulary.unknown_id] / tokens["train"],
    }
    files: Mapping[str, Any] = {
        "vocab.json": vocabulary.to_json(),
        "counts.json": strict_json.dumps(counts),
        "layout.json": strict_json.dumps(layout),
    }
    for name, text in files.items():
        with atomic_write(work / name) as file:
            file.write(text.encode())


def encode_shard(shard: Shard, offset: int, dtype: str) -> None:
    """Second pass: writes a shard's vocabulary ids into its split's file, removes its local ids.

    After an interruption in between, the second pass writes the same ids once more.

    Args:
        shard: a shard that is tokenized.
        offset: the position of its first token in the split.
        dtype: of the ids in the file.
    """
    work = shard.path.parent
    ids_by_word, unknown_id = _lookup_table(work / "vocab.json")
    with np.load(shard.path) as arrays:
        table = map(ids_by_word.get, _words(arrays), itertools.repeat(unknown_id))
        ids = np.fromiter(table, dtype)[arrays["ids"]]
    with (work / f"{shard.split}.ids").open("r+b") as file:
        file.seek(offset * ids.itemsize)
        file.write(ids.data)
        file.flush()
        os.fsync(file.fileno())
    shard.path.unlink()


@functools.lru_cache(maxsize=1)
def _lookup_table(path: pathlib.Path) -> tuple[dict[bytes, int], int]:
    vocabulary = Vocabulary.from_json(path.read_text(encoding="utf-8"))
    ids_by_word = {word.encode(): index for index, word in enumerate(vocabulary.words)}
    return ids_by_word, vocabulary.unknown_id


def _word_counts(arrays: Mapping[str, np.ndarray]) -> Mapping[str, int]:
    names = arrays["words"].tobytes().decode().split(" ")
    counts = arrays["counts"].tolist()
    # Not strict: a shard without words has one empty name and no count.
    by_name = dict(zip(names, counts, strict=False))
    if len(by_name) == len(names):
        return by_name
    total: collections.Counter[str] = collections.Counter()
    for name, count in zip(names, counts, strict=False):
        total[name] += count  # a symbol, and a word of the text that is spelled like its name
    return total


def _as_array(text: bytes) -> np.ndarray:
    return np.frombuffer(text, np.uint8)


def _words(arrays: Mapping[str, np.ndarray]) -> list[bytes]:
    text = arrays["words"].tobytes()
    return text.split(b" ") if text else []
