"""One LSTM layer over a sequence, three times as fast as cuDNN's where its weights fit on the chip.

At the batch sizes that a show is trained with, cuDNN reads the recurrent weights at every time
step, and its time goes into waiting for them. The kernels of `job.layers.recurrence_kernels` keep
them in shared memory. tests/job/test_gpu.py compares results and gradients with cuDNN's.
"""

import importlib.util
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

HOPPER = 9  # the compute capability that the kernels were tested on, by its first number
HIDDEN_DIMS = (256, 512, 1024)  # powers of two whose weights fit


def is_supported(x: Tensor, hidden_dim: int, state: list[Tensor]) -> bool:
    """Whether `lstm` can compute a layer.

    Args:
        x: inputs (batch, time, inputs).
        hidden_dim: hidden units of the layer.
        state: initial state and cell; the kernels compute no gradients for them.
    """
    if not x.is_cuda or x.dtype != torch.bfloat16 or hidden_dim not in HIDDEN_DIMS:
        return False
    if importlib.util.find_spec("triton") is None or any(each.requires_grad for each in state):
        return False
    from job.layers.recurrence_kernels import ROWS, UNITS

    device = torch.cuda.get_device_properties(x.device)
    programs = hidden_dim // UNITS * len(x) // ROWS  # all of them run at the same time
    fits = len(x) % ROWS == 0 and programs <= device.multi_processor_count
    return fits and device.major == HOPPER


def lstm(
    x: Tensor, state: list[Tensor], weights: list[Tensor]
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """As `torch.lstm` with one layer and `batch_first`.

    Args:
        x: (batch, time, inputs), bfloat16.
        state: state and cell before the first time step, each (1, batch, hidden).
        weights: weight_ih, weight_hh, bias_ih, bias_hh in PyTorch's order of the gates; the biases
            may be float32.

    Returns:
        (states (batch, time, hidden), (last state, last cell), without gradients).
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    inputs = F.linear(x.transpose(0, 1), weight_ih)
    bias = bias_ih + bias_hh
    states, h, c = _Recurrence.apply(inputs, weight_hh, bias, state[0][0], state[1][0])
    return states.transpose(0, 1), (h[None], c[None])


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        from job.layers import recurrence_kernels as kernels

        steps, batch, hidden = *inputs.shape[:2], weight.shape[1]
        states = inputs.new_empty(steps + 1, batch, hidden)
        cells = inputs.new_empty(steps + 1, batch, hidden, dtype=torch.float32)
        states[0], cells[0] = h, c
        gates = torch.empty_like(inputs)
        weight = weight.contiguous()
        arguments = (inputs.contiguous(), weight, bias, states, cells, gates)
        _launch(kernels.forward, arguments, steps, batch, hidden)
        ctx.save_for_backward(weight, states, cells, gates)
        h, c = states[-1].clone(), cells[-1].to(inputs.dtype)
        ctx.mark_non_differentiable(h, c)
        ctx.bias_dtype = bias.dtype
        return states[1:], h, c

    @staticmethod
    def backward(ctx: Any, grad_states: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        from job.layers import recurrence_kernels as kernels

        weight, states, cells, gates = ctx.saved_tensors
        steps, batch, hidden = *gates.shape[:2], weight.shape[1]
        grad_inputs = torch.empty_like(gates)
        partial = gates.new_empty(4, batch, hidden, dtype=torch.float32)
        grad_bias = gates.new_empty(batch // kernels.ROWS, 4 * hidden, dtype=torch.float32)
        results = (grad_inputs, grad_bias, partial)
        arguments = (grad_states.contiguous(), weight, cells, gates, *results)
        _launch(kernels.backward, arguments, steps, batch, hidden)
        grad_weight = grad_inputs.flatten(0, 1).t() @ states[:-1].flatten(0, 1)
        return grad_inputs, grad_weight, grad_bias.sum(0).to(ctx.bias_dtype), None, None


def _launch(
    kernel: Any, arguments: tuple[Tensor, ...], steps: int, batch: int, hidden: int
) -> None:
    from job.layers.recurrence_kernels import COUNTER_STRIDE, LAUNCH, ROWS, UNITS

    groups = batch // ROWS
    counters = arguments[0].new_zeros(groups * COUNTER_STRIDE, dtype=torch.int32)
    sizes = (steps, batch, hidden, UNITS, ROWS, COUNTER_STRIDE)
    kernel[(hidden // UNITS * groups,)](*arguments, counters, *sizes, **LAUNCH)
