"""The texts of a run, read in one way for all who need them: from scripts or a prepared corpus."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Union

from data.corpus.prepared import Prepared, is_prepared
from data.show.read import read_show, split_show
from data.vocab import Vocabulary

if TYPE_CHECKING:
    import numpy as np


class Config(Protocol):
    """The settings of a run that say what its texts are; see job/config.py."""

    data: str
    valid: str
    valid_fraction: float
    test: str
    test_fraction: float
    min_count: int

    @property
    def show_name(self) -> str:
        """What the show is called."""


@dataclasses.dataclass(frozen=True)
class Texts:
    """What a network is trained on and judged by. Of a prepared corpus both texts are samples."""

    train_text: str
    valid_text: str
    vocabulary: Vocabulary
    train_ids: Union[list[int], "np.memmap"]  # of all the training text
    counts: Sequence[int]  # how often each word of the vocabulary stands there, by id
    test_text: str = ""  # used for no choice; "" if there is none


def texts_of(config: Config) -> Texts:
    """Reads the texts and makes the vocabulary, or finds it made in a prepared corpus.

    Raises:
        UserError: see `corpus.read_show` and `Prepared.open`.
    """
    if is_prepared(config.data):
        prepared = Prepared.open(config.data)
        vocabulary = dataclasses.replace(prepared.vocabulary(), show=config.show_name)
        held_out = read_show(config.valid) if config.valid else prepared.sample("valid")
        ids, counts = prepared.ids("train"), prepared.counts()
        test = read_show(config.test) if config.test else ""
        return Texts(prepared.sample("train"), held_out, vocabulary, ids, counts, test)
    train, held_out, test = split_parts(config)
    vocabulary = Vocabulary.build(train, config.show_name, config.min_count)
    ids = vocabulary.encode(train)
    seen = collections.Counter(ids)
    counts = [seen[number] for number in range(len(vocabulary))]
    return Texts(train, held_out, vocabulary, ids, counts, test)


def split_parts(config: Config) -> tuple[str, str, str]:
    """The training, validation and test part of a script; the test part may be "".

    A test part without a file of its own is the end of the script, and the validation part comes
    directly before it.
    """
    train, test = read_show(config.data), ""
    if config.test:
        test = read_show(config.test)
    elif config.test_fraction:
        train, test = split_show(train, config.test_fraction)
    if config.valid:
        return train, read_show(config.valid), test
    share = config.valid_fraction / (1 - config.test_fraction)
    return *split_show(train, share), test


def held_out_text(config: Config) -> str:
    """The held-out text alone; raises `UserError` likewise."""
    if config.valid:
        return read_show(config.valid)
    if is_prepared(config.data):
        return Prepared.open(config.data).sample("valid")
    return split_parts(config)[1]
