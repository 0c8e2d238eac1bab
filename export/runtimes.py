"""One step of the network in each runtime, with the same signature: PyTorch, TorchScript, ONNX."""

import pathlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from data.command_line import UserError
from data.vocab import Vocabulary
from job.model import RNN

# tokens (batch, time) int64, h, c (n_layers, batch, hidden_dim)
# -> scores (batch, time, vocabulary), h, c
StepFunction = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]

METHODS = ("generate", "stream_start", "stream_next_batch", "logprobs", "top_next")


def load_torchscript(path: pathlib.Path) -> tuple[Any, Vocabulary]:
    """A loaded TorchScript file and the vocabulary inside it.

    Raises:
        UserError: if the file is damaged or of another kind.
    """
    extra = {"vocab.json": ""}
    try:
        writer = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0][:120]
        raise UserError(f"{path} is damaged or not a TorchScript file ({reason})") from None
    if missing := [name for name in METHODS if not hasattr(writer, name)]:
        raise UserError(f"{path} is no exported model: it has no method {missing[0]}")
    content = extra["vocab.json"]
    text = content.decode("utf-8") if isinstance(content, bytes) else content
    return writer, Vocabulary.from_json(text)


def step_of_network(network: RNN) -> StepFunction:
    """The step of the trained network in PyTorch; for a GRU, `c` is passed through."""
    lstm = network.cell == "lstm"

    def step(tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if not lstm:
            scores, h = network.all_scores(tokens, h)
            return scores, h, c
        scores, (h, c) = network.all_scores(tokens, (h, c))
        return scores, h, c

    return step


def step_of_torchscript(writer: Any) -> StepFunction:
    """The step of a loaded TorchScript file."""

    def step(tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores, (h, c) = writer(tokens, (h, c))
        return scores, h, c

    return step


def step_of_onnx(path: pathlib.Path) -> StepFunction:
    """The step of an ONNX file in ONNX Runtime on the CPU.

    Raises:
        UserError: if the file is damaged or of another kind.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base class
        reason = str(error).strip().split("\n")[0][:120]
        raise UserError(f"{path} is damaged or not an ONNX file ({reason})") from None

    def step(tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inputs = {"tokens": tokens.numpy(), "h": h.numpy(), "c": c.numpy()}
        outputs = session.run(["scores", "h_after", "c_after"], inputs)
        scores, h, c = (torch.from_numpy(output) for output in outputs)
        return scores, h, c

    return step
