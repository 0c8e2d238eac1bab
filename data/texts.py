"""The texts of a training run, from a script or a prepared corpus: one loader for all callers."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from data.corpus.prepared import Prepared, is_prepared
from data.headings import heading_words
from data.show.read import read_show, split_with_test
from data.vocab import Vocabulary


@dataclasses.dataclass(frozen=True)
class TrainingText:
    """The train, validation and test text of a run, with vocabulary, ids and counts.

    Of a prepared corpus, `train_text` and `valid_text` are excerpts; `train_ids` and `counts` are
    those of the whole training text.
    """

    train_text: str
    train_words: list[str]  # of `train_text`, by `Vocabulary.split`
    valid_text: str
    vocabulary: Vocabulary
    train_ids: list[int] | np.memmap  # a list for a script, a memory-mapped array for a corpus
    counts: Sequence[int]  # of each vocabulary word in the training text, by id
    test_text: str = ""  # "" without a test part


def load_texts(
    data: str,
    show: str,
    *,
    valid: str = "",
    valid_fraction: float = 0.05,
    test: str = "",
    test_fraction: float = 0.0,
    min_count: int = 2,
    format: str = "",
    columns: str = "",
) -> TrainingText:
    """Loads a script and builds its vocabulary, or opens a prepared corpus.

    Args:
        data: a script (see `read_show`) or the folder of a prepared corpus.
        show: the show's name, for the vocabulary.
        valid: a file of validation text, instead of the end of the script.
        valid_fraction: the fraction of the script to hold out for validation.
        test: a file of test text, instead of the end of the script.
        test_fraction: the fraction of the script to hold out for the test; 0 for none.
        min_count: rarer words are out-of-vocabulary.
        format: of all three files; "" detects it by the content of each.
        columns: of tables, see `read_show`.

    A prepared corpus has its own validation split and vocabulary, and no test split.

    Raises:
        UserError: if a file or a corpus cannot be used; see `read_show` and `Prepared.open`.
    """
    files = {"format": format, "columns": columns}
    if is_prepared(data):
        corpus = Prepared.open(data)
        train_text = corpus.excerpt("train")
        vocabulary = dataclasses.replace(corpus.vocabulary(), show=show)
        return TrainingText(
            train_text=train_text,
            train_words=vocabulary.split(train_text),
            valid_text=read_show(valid, **files) if valid else corpus.excerpt("valid"),
            vocabulary=vocabulary.with_names_of(train_text),
            train_ids=corpus.ids("train"),
            counts=corpus.counts(),
            test_text=read_show(test, **files) if test else "",
        )
    train_text, valid_text, test_text = split_with_test(
        read_show(data, **files), 0.0 if valid else valid_fraction, 0.0 if test else test_fraction
    )
    valid_text = read_show(valid, **files) if valid else valid_text
    test_text = read_show(test, **files) if test else test_text
    vocabulary = Vocabulary.build(train_text, show, min_count).with_names_of(train_text)
    words = vocabulary.split(train_text)
    heading = heading_words(words, vocabulary.vocab_to_int, vocabulary.symbols["\n"])
    vocabulary = dataclasses.replace(vocabulary, heading_words=heading)
    ids = vocabulary.numbers(words)
    counts = collections.Counter(ids)
    return TrainingText(
        train_text,
        words,
        valid_text,
        vocabulary,
        ids,
        [counts[index] for index in range(len(vocabulary))],
        test_text,
    )


def texts_of(config: Any) -> TrainingText:
    """`load_texts` with the fields of a run's configuration (`job.config.Config`).

    A field that the configuration lacks has its default value.
    """
    names = ("valid", "valid_fraction", "test", "test_fraction", "min_count", "format", "columns")
    options = {name: getattr(config, name) for name in names if hasattr(config, name)}
    return load_texts(config.data, config.show_name, **options)


def held_out_text(config: Any) -> str:
    """The validation text of a run, without the vocabulary; raises `UserError` as `load_texts`."""
    files = {name: getattr(config, name, "") for name in ("format", "columns")}
    if config.valid:
        return read_show(config.valid, **files)
    if is_prepared(config.data):
        return Prepared.open(config.data).excerpt("valid")
    test_file, test_fraction = getattr(config, "test", ""), getattr(config, "test_fraction", 0.0)
    text = read_show(config.data, **files)
    return split_with_test(text, config.valid_fraction, 0.0 if test_file else test_fraction)[1]
