"""Whether the exported files say what the trained network says. Nothing takes its name before."""

import pathlib
from typing import Any

import numpy
import torch
from torch import Tensor

from data.command_line import UserError
from data.vocab import Vocabulary
from export.quality import Step
from job.model import RNN

SHAPES = ((1, 1), (1, 9), (2, 7), (3, 1), (5, 33))  # (batch, time); each in three chained steps
TOLERANCE = 1e-3  # of scores that are some ten units apart


def load_torchscript(path: pathlib.Path) -> tuple[Any, Vocabulary]:
    """The file as a stranger loads it, and the vocabulary inside.

    Raises:
        UserError: if it is damaged, or no file of ours.
    """
    extra = {"vocab.json": ""}
    try:
        writer = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0][:120]
        raise UserError(f"{path} is damaged, or not a TorchScript file ({reason})") from None
    inside = extra["vocab.json"]
    text = inside.decode("utf-8") if isinstance(inside, bytes) else inside
    return writer, Vocabulary.from_json(text)


def step_of_torchscript(writer: Any) -> Step:
    """A loaded TorchScript file as tokens, h, c -> scores, h, c."""

    def step(tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores, (h, c) = writer(tokens, (h, c))
        return scores, h, c

    return step


def step_of_onnx(path: pathlib.Path) -> Step:
    """An ONNX file in ONNX Runtime on the CPU, likewise.

    Raises:
        UserError: if it is damaged, or no ONNX file.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common base
        reason = str(error).strip().split("\n")[0][:120]
        raise UserError(f"{path} is damaged, or not an ONNX file ({reason})") from None

    def step(tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        feed = {"tokens": tokens.numpy(), "h": h.numpy(), "c": c.numpy()}
        outputs = session.run(["scores", "h_after", "c_after"], feed)
        scores, h, c = (torch.from_numpy(output) for output in outputs)
        return scores, h, c

    return step


def step_of_network(network: RNN) -> Step:
    """The trained network itself, likewise; a GRU's `c` is zeros."""
    lstm = network.cell == "lstm"

    def step(tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if not lstm:
            scores, h = network.all_scores(tokens, h)
            return scores, h, c
        scores, (h, c) = network.all_scores(tokens, (h, c))
        return scores, h, c

    return step


def verify_torchscript(path: pathlib.Path, network: RNN, vocabulary: Vocabulary) -> float:
    """Loads the file as a stranger would and compares; returns the largest difference of scores.

    Raises:
        UserError: if scores or ids differ, or the vocabulary inside is not the one given.
    """
    writer, inside = load_torchscript(path)
    if inside != vocabulary:
        raise UserError(f"{path.name} holds another vocabulary than the one exported with it")
    sample = vocabulary.decode(range(min(300, len(vocabulary))))
    if list(writer.encode(sample)) != vocabulary.encode(sample):
        raise UserError(f"{path.name} turns text into other ids than the vocabulary does")
    return compare(path.name, step_of_network(network), step_of_torchscript(writer), network)


def verify_onnx(path: pathlib.Path, network: RNN) -> float:
    """The same for the ONNX file, by ONNX Runtime on the CPU."""
    return compare(path.name, step_of_network(network), step_of_onnx(path), network)


@torch.inference_mode()
def compare(name: str, expected: Step, found: Step, network: Any, what: str = "exported") -> float:
    """The largest difference of scores between two steps, at several shapes, in chained calls.

    Args:
        network: tells n_layers, hidden_dim and vocab_size.

    Raises:
        UserError: if it is above `TOLERANCE`, or not a number.
    """
    random = numpy.random.default_rng(0)
    worst = 0.0
    for batch, time in SHAPES:
        states = [torch.zeros(network.n_layers, batch, network.hidden_dim) for _ in range(4)]
        for _ in range(3):
            tokens = torch.from_numpy(random.integers(network.vocab_size, size=(batch, time)))
            right, *states[:2] = expected(tokens, *states[:2])
            scores, *states[2:] = found(tokens, *states[2:])
            if scores.shape != right.shape:
                raise UserError(
                    f"{name} gives scores of shape {tuple(scores.shape)} where the network gives "
                    f"{tuple(right.shape)}: nothing was {what}"
                )
            difference = (scores - right).abs().max().item()
            if not difference <= TOLERANCE:  # also where it is not a number
                raise UserError(
                    f"{name} differs from the trained network by {difference:.2g} at batch "
                    f"{batch}, time {time}: nothing was {what}"
                )
            worst = max(worst, difference)
    return worst
