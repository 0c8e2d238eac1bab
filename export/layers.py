"""The recurrent layers as plain arithmetic, for TorchScript.

`nn.LSTM` is two to three times slower than this at batch 1 on a CPU, where oneDNN repacks its
weights at every call.
"""

from typing import List, Tuple

import torch
from torch import Tensor, nn


class LSTMLayer(nn.Module):
    """`nn.LSTM` of one layer; gates in PyTorch's order: input, forget, cell, output."""

    def __init__(self, source: nn.RNNBase):
        super().__init__()
        self.weight_ih = nn.Parameter(source.weight_ih_l0.detach().clone())
        self.weight_hh = nn.Parameter(source.weight_hh_l0.detach().clone())
        self.bias = nn.Parameter((source.bias_ih_l0 + source.bias_hh_l0).detach())

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """x (batch, time, inputs), h and c (batch, hidden) -> (outputs, h, c)."""
        from_input = torch.nn.functional.linear(x, self.weight_ih, self.bias)
        outputs: List[Tensor] = []
        for step in range(x.size(1)):
            gates = from_input[:, step] + torch.nn.functional.linear(h, self.weight_hh)
            i, f, g, o = gates.chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, 1), h, c


class GRULayer(nn.Module):
    """`nn.GRU` of one layer; gates in PyTorch's order: reset, update, new. `c` goes through."""

    def __init__(self, source: nn.RNNBase):
        super().__init__()
        self.weight_ih = nn.Parameter(source.weight_ih_l0.detach().clone())
        self.weight_hh = nn.Parameter(source.weight_hh_l0.detach().clone())
        self.bias_ih = nn.Parameter(source.bias_ih_l0.detach().clone())
        self.bias_hh = nn.Parameter(source.bias_hh_l0.detach().clone())

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """x (batch, time, inputs), h (batch, hidden) -> (outputs, h, c as it came)."""
        from_input = torch.nn.functional.linear(x, self.weight_ih, self.bias_ih)
        outputs: List[Tensor] = []
        for step in range(x.size(1)):
            from_hidden = torch.nn.functional.linear(h, self.weight_hh, self.bias_hh)
            reset_x, update_x, new_x = from_input[:, step].chunk(3, 1)
            reset_h, update_h, new_h = from_hidden.chunk(3, 1)
            update = torch.sigmoid(update_x + update_h)
            new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
            h = (1 - update) * new + update * h
            outputs.append(h)
        return torch.stack(outputs, 1), h, c
