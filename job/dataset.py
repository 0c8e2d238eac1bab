"""The texts of a run as ids: batches to train on, and the texts that evaluation needs."""

import math
import random
from collections.abc import Iterator

import torch
from torch import Tensor

from data.batches import as_tensor, batch_data, count_stream_batches, stream_batches
from data.command_line import UserError
from data.texts import texts_of
from job.base import Base, extend_texts
from job.config import Config
from job.evaluate import TokenizedText, unigram_loss


class Dataset:
    """The training, validation and test text of a run, and the vocabulary.

    Args:
        config: the run's settings.
        device: "cpu" or "cuda".
        rows: this process's rows of each batch.
        base: the base network to fine-tune, whose words join the vocabulary; None for none.

    Raises:
        UserError: for unusable texts, or settings that do not fit them.
    """

    def __init__(self, config: Config, device: str, rows: slice, base: Base | None = None):
        self.config, self.device, self.rows = config, device, rows
        texts = texts_of(config)
        if base is not None:
            texts = extend_texts(texts, base.vocabulary, config.vocab_size)
        self.texts = texts
        self.vocabulary = texts.vocabulary
        self.primer = self.vocabulary.encode(self.vocabulary.primer)
        self.valid = TokenizedText.read(texts.valid_text, self.vocabulary, device)
        self.unigram = unigram_loss(texts.counts, self.valid.ids.tolist())
        # As much training text as validation text, to measure overfitting.
        self.train_sample = as_tensor(texts.train_ids[: len(self.valid.ids)]).to(device)
        # The ids of a prepared corpus stay in their memory-mapped file; batches are copied.
        self.train_ids = (
            torch.tensor(texts.train_ids, device=device)
            if isinstance(texts.train_ids, list)
            else texts.train_ids
        )
        self.steps_per_epoch = self._count_steps()

    def batches(self, epoch: int, done: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The (inputs, targets) of an epoch on the device, this process's rows of them.

        Args:
            epoch: from 0.
            done: batches to skip: those that a resumed run has trained on.

        Yields:
            ids (rows, time) and the word after each (rows, time); with --objective window, the
            word after each window (rows,).
        """
        config = self.config
        if config.objective == "window":
            torch.manual_seed(config.seed + epoch)  # a resumed epoch needs the same order
            windows = batch_data(self.train_ids.cpu(), config.sequence_length, config.batch_size)
            batches = ((inp[self.rows], target[self.rows]) for inp, target in windows)
        else:
            # The text is rotated differently in each epoch, so that batches start elsewhere.
            shift = random.Random(f"{config.seed} {epoch}").randrange(len(self.train_ids))
            shift = shift if epoch else 0
            batches = stream_batches(
                self.train_ids, config.batch_size, config.sequence_length, shift, self.rows
            )
        for number, (inp, target) in enumerate(batches):
            if number >= done:
                yield inp.to(self.device), target.to(self.device)

    def _count_steps(self) -> int:
        config, n_ids = self.config, len(self.train_ids)
        if len(self.vocabulary) < 2:
            raise UserError(
                f"no word of {config.data} occurs {config.min_count} times: give a smaller "
                "--min-count"
            )
        if n_ids <= config.sequence_length:
            raise UserError(
                f"{config.data} has {n_ids} words of training text, too few for sequences of "
                f"{config.sequence_length}: give a smaller --sequence-length"
            )
        if config.objective == "window":
            if not isinstance(self.train_ids, Tensor):
                raise UserError(
                    "--objective window needs random access to a text in memory: train on "
                    f"{config.data}, a prepared corpus, with --objective stream"
                )
            return math.ceil((n_ids - config.sequence_length) / config.batch_size)
        if n_ids < 2 * config.batch_size:
            raise UserError(
                f"{config.data} has {n_ids} words of training text, too few for "
                f"{config.batch_size} streams: give a smaller --batch-size"
            )
        return count_stream_batches(n_ids, config.batch_size, config.sequence_length)
