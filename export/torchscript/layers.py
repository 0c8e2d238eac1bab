"""The recurrent layers and matrices as plain arithmetic, for TorchScript on a CPU.

`nn.LSTM` is two to three times slower than this at batch 1, where oneDNN repacks its weights at
every call. Every matrix is read once for each word written: nothing else counts for as much.
"""

from typing import List, Tuple

import torch
from torch import Tensor, nn


class Matrix(nn.Module):
    """x · weightᵀ + bias.

    The weight (outputs, inputs) is kept transposed: one row of `x` then reads it from end to end,
    which is half as fast again as `nn.functional.linear`.
    """

    def __init__(self, weight: Tensor, bias: Tensor, bounded: bool = False):
        super().__init__()
        self.columns = nn.Parameter(weight.detach().t().contiguous(), requires_grad=False)
        self.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, inputs) or (batch, time, inputs) -> the same with outputs last."""
        if x.dim() == 2:
            return torch.addmm(self.bias, x, self.columns)
        flat = torch.addmm(self.bias, x.reshape(-1, x.size(2)), self.columns)
        return flat.view(x.size(0), x.size(1), -1)

    def rows(self, places: Tensor) -> Tensor:
        """Rows of the weight: places (batch, time) int64 -> (batch, time, inputs)."""
        found = self.columns.index_select(1, places.flatten()).t()
        return found.reshape(places.size(0), places.size(1), -1)


class Matrix8(nn.Module):
    """`Matrix` in int8: each row of the weight has a scale, each row of `x` gets one as it comes.

    PyTorch's product gives all rows of `x` one scale, from the smallest and largest value in them.
    Here each row is divided by its own largest value, and a 1 and a -1 that meet weights of 0 are
    put after it: what is written does not hang on what is written beside it. A layer's outputs lie
    between -1 and 1 (`bounded`) and need no division.

    Only int8 rows and scales are saved. What the machine multiplies with is packed for it when the
    file is loaded, so that a file made on one processor runs on another.
    """

    def __init__(self, weight: Tensor, bias: Tensor, bounded: bool = False):
        super().__init__()
        self.bounded: bool = bounded
        self.scales = (weight.detach().abs().amax(1) / 127.0).clamp(min=1e-12)
        self.weight = torch.round(weight.detach() / self.scales[:, None]).to(torch.int8)
        self.bias = bias.detach().clone()
        self.ends = torch.tensor([[1.0, -1.0]])
        self.packed = torch.ops.quantized.linear_prepack(
            padded(self.weight, self.scales), self.bias if self.bounded else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, inputs) or (batch, time, inputs) -> the same with outputs last."""
        flat = x if x.dim() == 2 else x.reshape(-1, x.size(2))
        ends = self.ends if flat.size(0) == 1 else self.ends.expand(flat.size(0), 2)
        # The reduced range (7 bits) gives the same sums on processors without VNNI, which clip.
        if self.bounded:
            within = torch.cat([flat, ends], 1)
            found = torch.ops.quantized.linear_dynamic(within, self.packed, True)
        else:
            largest = torch.linalg.vector_norm(flat, float("inf"), [1], True) + 1e-12
            within = torch.cat([flat / largest, ends], 1)
            found = torch.ops.quantized.linear_dynamic(within, self.packed, True)
            found = torch.addcmul(self.bias, found, largest)
        return found if x.dim() == 2 else found.view(x.size(0), x.size(1), -1)

    def rows(self, places: Tensor) -> Tensor:
        """Rows of the weight: places (batch, time) int64 -> (batch, time, inputs)."""
        flat = places.flatten()
        found = self.weight.index_select(0, flat).float() * self.scales[flat][:, None]
        return found.reshape(places.size(0), places.size(1), -1)

    @torch.jit.export
    def __getstate__(self) -> Tuple[Tensor, Tensor, Tensor, bool, bool]:
        return self.weight, self.scales, self.bias, self.bounded, self.training

    @torch.jit.export
    def __setstate__(self, state: Tuple[Tensor, Tensor, Tensor, bool, bool]) -> None:
        self.weight = state[0]
        self.scales = state[1]
        self.bias = state[2]
        self.bounded = state[3]
        self.training = state[4]
        self.ends = torch.tensor([[1.0, -1.0]])
        self.packed = torch.ops.quantized.linear_prepack(
            padded(self.weight, self.scales), self.bias if self.bounded else None
        )


def padded(weight: Tensor, scales: Tensor) -> Tensor:
    """int8 rows (outputs, inputs) with two columns of zeros, as a tensor that knows its scales."""
    zeros = torch.zeros([weight.size(0)], dtype=torch.int64)
    columns = torch.nn.functional.pad(weight, [0, 2])
    return torch._make_per_channel_quantized_tensor(columns, scales.to(torch.float64), zeros, 0)


class LSTMLayer(nn.Module):
    """`nn.LSTM` of one layer.

    PyTorch's order of gates is input, forget, cell, output; here the cell comes last, so that one
    sigmoid serves the other three.
    """

    def __init__(self, source: nn.RNNBase, matrix: type[nn.Module], bounded: bool = False):
        super().__init__()
        bias = _cell_last(source.bias_ih_l0 + source.bias_hh_l0)
        self.from_input = matrix(_cell_last(source.weight_ih_l0), bias, bounded)
        self.from_hidden = matrix(_cell_last(source.weight_hh_l0), torch.zeros_like(bias), True)
        self.size: int = source.hidden_size

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """x (batch, time, inputs), h and c (batch, hidden) -> (outputs, h, c)."""
        from_input = self.from_input(x)
        outputs: List[Tensor] = []
        for step in range(x.size(1)):
            gates = from_input[:, step] + self.from_hidden(h)
            i, f, o = torch.sigmoid(gates[:, : 3 * self.size]).chunk(3, 1)
            c = f * c + i * torch.tanh(gates[:, 3 * self.size :])
            h = o * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, 1), h, c


class GRULayer(nn.Module):
    """`nn.GRU` of one layer; gates in PyTorch's order: reset, update, new. `c` goes through."""

    def __init__(self, source: nn.RNNBase, matrix: type[nn.Module], bounded: bool = False):
        super().__init__()
        self.from_input = matrix(source.weight_ih_l0, source.bias_ih_l0, bounded)
        self.from_hidden = matrix(source.weight_hh_l0, source.bias_hh_l0, True)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """x (batch, time, inputs), h (batch, hidden) -> (outputs, h, c as it came)."""
        from_input = self.from_input(x)
        outputs: List[Tensor] = []
        for step in range(x.size(1)):
            reset_x, update_x, new_x = from_input[:, step].chunk(3, 1)
            reset_h, update_h, new_h = self.from_hidden(h).chunk(3, 1)
            update = torch.sigmoid(update_x + update_h)
            new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
            h = (1 - update) * new + update * h
            outputs.append(h)
        return torch.stack(outputs, 1), h, c


def _cell_last(weight: Tensor) -> Tensor:
    i, f, g, o = weight.detach().chunk(4)
    return torch.cat([i, f, o, g])
