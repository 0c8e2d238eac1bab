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
        return Texts(prepared.sample("train"), held_out, vocabulary, ids, counts)
    train, held_out = read_show(config.data), ""
    if config.valid:
        held_out = read_show(config.valid)
    else:
        train, held_out = split_show(train, config.valid_fraction)
    vocabulary = Vocabulary.build(train, config.show_name, config.min_count)
    ids = vocabulary.encode(train)
    seen = collections.Counter(ids)
    return Texts(train, held_out, vocabulary, ids, [seen[n] for n in range(len(vocabulary))])


def held_out_text(config: Config) -> str:
    """The held-out text alone; raises `UserError` likewise."""
    if config.valid:
        return read_show(config.valid)
    if is_prepared(config.data):
        return Prepared.open(config.data).sample("valid")
    return split_show(read_show(config.data), config.valid_fraction)[1]
