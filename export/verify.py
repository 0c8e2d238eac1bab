"""Whether the exported files say what the trained network says. Nothing takes its name before."""

import pathlib

import numpy
import torch
from torch import Tensor

from data.command_line import UserError
from data.vocab import Vocabulary
from job.model import RNN

SHAPES = ((1, 1), (1, 9), (2, 7), (3, 1), (5, 33))  # (batch, time); each in three chained steps
TOLERANCE = 1e-3  # of scores that are some ten units apart


def verify_torchscript(path: pathlib.Path, network: RNN, vocabulary: Vocabulary) -> float:
    """Loads the file as a stranger would and compares; returns the largest difference of scores.

    Raises:
        UserError: if scores or ids differ, or the vocabulary inside is not the one given.
    """
    extra = {"vocab.json": ""}
    writer = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
    inside = extra["vocab.json"]
    text = inside.decode("utf-8") if isinstance(inside, bytes) else inside
    if Vocabulary.from_json(text) != vocabulary:
        raise UserError(f"{path.name} holds another vocabulary than the one exported with it")
    sample = vocabulary.decode(range(min(300, len(vocabulary))))
    if list(writer.encode(sample)) != vocabulary.encode(sample):
        raise UserError(f"{path.name} turns text into other ids than the vocabulary does")
    return _compare(path.name, network, lambda tokens, h, c: _flat(writer(tokens, (h, c))))


def verify_onnx(path: pathlib.Path, network: RNN) -> float:
    """The same for the ONNX file, by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        feed = {"tokens": tokens.numpy(), "h": h.numpy(), "c": c.numpy()}
        scores, h_after, c_after = (torch.from_numpy(out) for out in session.run(None, feed))
        return scores, h_after, c_after

    return _compare(path.name, network, run)


def _flat(result: tuple[Tensor, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    scores, (h, c) = result
    return scores, h, c


@torch.inference_mode()
def _compare(name: str, network: RNN, run) -> float:
    random = numpy.random.default_rng(0)
    worst = 0.0
    for batch, time in SHAPES:
        hidden = network.init_hidden(batch)
        h = c = torch.zeros(network.n_layers, batch, network.hidden_dim)
        for _ in range(3):
            tokens = torch.from_numpy(random.integers(network.vocab_size, size=(batch, time)))
            expected, hidden = network.all_scores(tokens, hidden)
            scores, h, c = run(tokens, h, c)
            if scores.shape != expected.shape:
                raise UserError(
                    f"{name} gives scores of shape {tuple(scores.shape)} where the network gives "
                    f"{tuple(expected.shape)}: nothing was exported"
                )
            difference = (scores - expected).abs().max().item()
            if not difference <= TOLERANCE:  # also where it is not a number
                raise UserError(
                    f"{name} differs from the trained network by {difference:.2g} at batch "
                    f"{batch}, time {time}: nothing was exported"
                )
            worst = max(worst, difference)
    return worst
