"""Checks that an exported file gives the same scores as the trained network."""

import pathlib
from typing import Protocol

import numpy
import torch

from data.command_line import UserError
from data.vocab import Vocabulary
from export.runtimes import (
    StepFunction,
    load_torchscript,
    step_of_network,
    step_of_onnx,
    step_of_torchscript,
)
from job.model import RNN

SHAPES = ((1, 1), (1, 9), (2, 7), (3, 1), (5, 33))  # (batch, time), three chained steps of each
TOLERANCE = 1e-3  # absolute; the scores of one step have a range of about 10


class Sizes(Protocol):
    """The sizes that `compare` needs; an `RNN` has them."""

    n_layers: int
    hidden_dim: int
    vocab_size: int


def verify_torchscript(path: pathlib.Path, network: RNN, vocabulary: Vocabulary) -> float:
    """The largest absolute difference between the scores of a TorchScript file and the network.

    The file is loaded as a third-party consumer would load it.

    Raises:
        UserError: if scores, ids or the vocabulary in the file differ.
    """
    writer, vocabulary_in_file = load_torchscript(path)
    if vocabulary_in_file != vocabulary:
        raise UserError(f"{path.name} has another vocabulary than the exported vocab.json")
    sample = vocabulary.decode(range(min(300, len(vocabulary))))
    if list(writer.encode(sample)) != vocabulary.encode(sample):
        raise UserError(f"{path.name} encodes text to other ids than the vocabulary")
    return compare(path.name, step_of_network(network), step_of_torchscript(writer), network)


def verify_onnx(path: pathlib.Path, network: RNN) -> float:
    """The largest absolute difference between the scores of an ONNX file and the network.

    Raises:
        UserError: if scores differ.
    """
    return compare(path.name, step_of_network(network), step_of_onnx(path), network)


@torch.inference_mode()
def compare(
    name: str,
    expected: StepFunction,
    actual: StepFunction,
    sizes: Sizes,
    action: str = "exported",
) -> float:
    """The largest absolute difference of scores between two steps, over several shapes.

    Args:
        name: of the file, for messages.
        action: what is refused if the scores differ, for messages.

    Raises:
        UserError: if the difference exceeds `TOLERANCE` or is NaN.
    """
    random = numpy.random.default_rng(0)
    largest = 0.0
    for batch, time in SHAPES:
        states = [torch.zeros(sizes.n_layers, batch, sizes.hidden_dim) for _ in range(4)]
        for _ in range(3):
            tokens = torch.from_numpy(random.integers(sizes.vocab_size, size=(batch, time)))
            expected_scores, *states[:2] = expected(tokens, *states[:2])
            scores, *states[2:] = actual(tokens, *states[2:])
            if scores.shape != expected_scores.shape:
                raise UserError(
                    f"{name} gives scores of shape {tuple(scores.shape)}, the network "
                    f"{tuple(expected_scores.shape)}: nothing was {action}"
                )
            difference = (scores - expected_scores).abs().max().item()
            if not difference <= TOLERANCE:  # true for NaN too
                raise UserError(
                    f"{name} differs from the trained network by {difference:.2g} at batch "
                    f"{batch}, time {time}: nothing was {action}"
                )
            largest = max(largest, difference)
    return largest
