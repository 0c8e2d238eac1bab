"""Recurrent and linear layers as plain tensor operations, for TorchScript on a CPU.

`nn.LSTM` is two to three times slower at batch size 1, because oneDNN repacks its weights at every
call. Reading each weight matrix once per token is what dominates the cost.
"""

from typing import List, Tuple

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """x · weightᵀ + bias, in float32.

    The weight (outputs, inputs) is stored transposed. A single row of `x` then reads it
    contiguously, which is 1.5 times as fast as `nn.functional.linear`.

    Args:
        bounded_input: used by `Int8Linear` only.
    """

    def __init__(self, weight: Tensor, bias: Tensor, bounded_input: bool = False):
        super().__init__()
        self.transposed = nn.Parameter(weight.detach().t().contiguous(), requires_grad=False)
        self.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
        self.has_bias: bool = bool(bias.any())

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, inputs) or (batch, time, inputs) -> the same shape with outputs last."""
        if x.dim() == 2:
            # A product that starts from the bias is a tenth slower with a single row.
            result = torch.mm(x, self.transposed)
            return result.add_(self.bias) if self.has_bias else result
        flat = torch.addmm(self.bias, x.reshape(-1, x.size(2)), self.transposed)
        return flat.view(x.size(0), x.size(1), -1)

    def rows(self, indices: Tensor) -> Tensor:
        """Rows of the weight: indices (count,) int64 -> (count, inputs)."""
        return self.transposed.index_select(1, indices).t()


class Int8Linear(nn.Module):
    """`Linear` with int8 weights and dynamic quantization of the input.

    Each row of the weight has its own scale, and so has each row of `x`. PyTorch's dynamic kernel
    derives one scale for all rows of `x` from their minimum and maximum, so that a row's result
    would depend on the other rows of the batch. To prevent this, each row is divided by its largest
    absolute value, and the range of the input is always [-1, 1].

    On x86 the kernel is told this range. The kernels of other processors have no such operator:
    there, two columns with 1 and -1 are appended to `x`, whose weights are 0.

    Only the int8 weights and the scales are saved. They are packed for the processor when the file
    is loaded, so that a file exported on one processor runs on another.

    Args:
        bounded_input: whether `x` lies in [-1, 1] already, as the outputs of a recurrent layer do;
            then no division is needed.
    """

    def __init__(self, weight: Tensor, bias: Tensor, bounded_input: bool = False):
        super().__init__()
        self.bounded_input: bool = bounded_input
        self.scales = (weight.detach().abs().amax(1) / 127.0).clamp(min=1e-12)
        self.weight = torch.round(weight.detach() / self.scales[:, None]).to(torch.int8)
        self.bias = bias.detach().clone()
        self.takes_range: bool = kernel_takes_range()
        self.packed = torch.ops.quantized.linear_prepack(
            quantized_weight(self.weight, self.scales, self.takes_range),
            self.bias if self.bounded_input else None,
        )

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, inputs) or (batch, time, inputs) -> the same shape with outputs last."""
        flat = x if x.dim() == 2 else x.reshape(-1, x.size(2))
        if self.bounded_input:
            result = self.product(flat)
        else:
            largest = torch.linalg.vector_norm(flat, float("inf"), [1], True).clamp_(min=1e-12)
            result = torch.addcmul(self.bias, self.product(flat / largest), largest)
        return result if x.dim() == 2 else result.view(x.size(0), x.size(1), -1)

    def product(self, x: Tensor) -> Tensor:
        """The product with the packed weight: x (rows, inputs) in [-1, 1] -> (rows, outputs)."""
        # The reduced range (7 bits) avoids the saturation of processors without VNNI: the sums are
        # then the same everywhere.
        if self.takes_range:
            # -1 and 1 are quantized to 0 and 127: the scale and the zero point of 0.
            return torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
                x, 2.0 / 127.0, 64, self.packed
            )
        ends = torch.tensor([[1.0, -1.0]]).expand(x.size(0), 2)
        return torch.ops.quantized.linear_dynamic(torch.cat([x, ends], 1), self.packed, True)

    def rows(self, indices: Tensor) -> Tensor:
        """Rows of the weight: indices (count,) int64 -> (count, inputs) float32."""
        scales = self.scales.index_select(0, indices).unsqueeze(1)
        return self.weight.index_select(0, indices) * scales

    @torch.jit.export
    def __getstate__(self) -> Tuple[Tensor, Tensor, Tensor, bool, bool]:
        return self.weight, self.scales, self.bias, self.bounded_input, self.training

    @torch.jit.export
    def __setstate__(self, state: Tuple[Tensor, Tensor, Tensor, bool, bool]) -> None:
        self.weight = state[0]
        self.scales = state[1]
        self.bias = state[2]
        self.bounded_input = state[3]
        self.training = state[4]
        self.takes_range = kernel_takes_range()
        self.packed = torch.ops.quantized.linear_prepack(
            quantized_weight(self.weight, self.scales, self.takes_range),
            self.bias if self.bounded_input else None,
        )


def kernel_takes_range() -> bool:
    """Whether int8 products can be told the range of their input: on x86, by FBGEMM."""
    return torch.ops.aten._get_cpu_capability().startswith("AVX")


def quantized_weight(weight: Tensor, scales: Tensor, takes_range: bool) -> Tensor:
    """int8 weights (outputs, inputs) as a quantized tensor, for `Int8Linear.product`."""
    if not takes_range:
        weight = torch.nn.functional.pad(weight, [0, 2])
    zero_points = torch.zeros([weight.size(0)], dtype=torch.int64)
    return torch._make_per_channel_quantized_tensor(
        weight, scales.to(torch.float64), zero_points, 0
    )


class LSTMLayer(nn.Module):
    """One layer of `nn.LSTM` (Hochreiter & Schmidhuber, 1997).

    PyTorch orders the gates input, forget, cell, output. Here the cell gate is last, so that one
    call of sigmoid covers the other three.

    Args:
        linear: `Linear` or `Int8Linear`.
        bounded_input: whether the layer's input lies in [-1, 1].
    """

    def __init__(self, source: nn.RNNBase, linear: type[nn.Module], bounded_input: bool = False):
        super().__init__()
        bias = _cell_gate_last(source.bias_ih_l0 + source.bias_hh_l0)
        self.linear_ih = linear(_cell_gate_last(source.weight_ih_l0), bias, bounded_input)
        self.linear_hh = linear(_cell_gate_last(source.weight_hh_l0), torch.zeros_like(bias), True)
        self.hidden_size: int = source.hidden_size

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """x (batch, time, inputs), h and c (batch, hidden) -> (outputs, h, c)."""
        outputs: List[Tensor] = []
        for products in self.linear_ih(x).unbind(1):  # one matrix product for all time steps
            h, c = self.cell(products, h, c)
            outputs.append(h)
        return torch.stack(outputs, 1), h, c

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor]:
        """One time step: x (batch, inputs), h and c (batch, hidden) -> (h, c)."""
        return self.cell(self.linear_ih(x), h, c)

    def cell(self, products: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor]:
        """`step` from the products of the input and its weights (batch, 4 * hidden)."""
        gates = self.linear_hh(h).add_(products)
        i, f, o, g = gates.chunk(4, 1)
        gates.narrow(1, 0, 3 * self.hidden_size).sigmoid_()  # i, f and o are views of it
        c = (f * c).add_(i.mul_(g.tanh_()))
        return torch.tanh(c).mul_(o), c


class GRULayer(nn.Module):
    """One layer of `nn.GRU` (Cho et al., 2014), gates in PyTorch's order: reset, update, new.

    `c` is passed through unchanged, so that both cells have the same signature. For the arguments
    see `LSTMLayer`.
    """

    def __init__(self, source: nn.RNNBase, linear: type[nn.Module], bounded_input: bool = False):
        super().__init__()
        self.linear_ih = linear(source.weight_ih_l0, source.bias_ih_l0, bounded_input)
        self.linear_hh = linear(source.weight_hh_l0, source.bias_hh_l0, True)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """x (batch, time, inputs), h (batch, hidden) -> (outputs, h, c unchanged)."""
        outputs: List[Tensor] = []
        for products in self.linear_ih(x).unbind(1):  # one matrix product for all time steps
            h, c = self.cell(products, h, c)
            outputs.append(h)
        return torch.stack(outputs, 1), h, c

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor]:
        """One time step: x (batch, inputs), h (batch, hidden) -> (h, c unchanged)."""
        return self.cell(self.linear_ih(x), h, c)

    def cell(self, products: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor]:
        """`step` from the products of the input and its weights (batch, 3 * hidden)."""
        reset_x, update_x, new_x = products.chunk(3, 1)
        reset_h, update_h, new_h = self.linear_hh(h).chunk(3, 1)
        update = torch.sigmoid(update_x + update_h)
        new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
        return (1 - update) * new + update * h, c


def _cell_gate_last(weight: Tensor) -> Tensor:
    i, f, g, o = weight.detach().chunk(4)
    return torch.cat([i, f, o, g])
