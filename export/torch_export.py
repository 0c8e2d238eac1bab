"""model.pt2: one word's step by torch.export, the successor of TorchScript.

It is the network alone, as the ONNX file is: a `.pt2` holds no text methods. It is written for
programs that move on, and compiled by AOTInductor if wanted.
"""

import pathlib

import torch
from torch import Tensor, nn

from data.command_line import UserError
from export.parity import TOLERANCE, step_of_network
from export.torchscript.layers import GRULayer, LSTMLayer, Matrix
from job.model import RNN


class OneStep(nn.Module):
    """tokens (batch, 1), h, c (n_layers, batch, hidden) -> scores, h_after, c_after, features."""

    def __init__(self, network: RNN):
        super().__init__()
        self.embedding = nn.Parameter(network.embedding.weight.detach(), requires_grad=False)
        kind = LSTMLayer if network.cell == "lstm" else GRULayer
        self.layers = nn.ModuleList(kind(layer, Matrix) for layer in network.layers)
        self.projection = network.projection
        self.fc_bias = nn.Parameter(network.fc.bias.detach(), requires_grad=False)
        tied = network.fc.weight is network.embedding.weight
        self.fc_weight = self.embedding if tied else nn.Parameter(network.fc.weight.detach())

    def forward(self, tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        """Scores (batch, 1, vocabulary), states as they came in, features (batch, 1, features)."""
        x = nn.functional.embedding(tokens, self.embedding)
        hs, cs = [], []
        for number, layer in enumerate(self.layers):
            x, h_after, c_after = layer(x, h[number], c[number])
            hs.append(h_after)
            cs.append(c_after)
        x = self.projection(x)
        scores = nn.functional.linear(x, self.fc_weight, self.fc_bias)
        return scores, torch.stack(hs), torch.stack(cs), x


def save_pt2(path: pathlib.Path, network: RNN, vocabulary: str) -> float:
    """Writes and loads the file; returns the largest difference of scores.

    Args:
        vocabulary: vocab.json's text, which rides inside.

    Raises:
        UserError: if the loaded file differs from the network.
    """
    state = torch.zeros(network.n_layers, 2, network.hidden_dim)
    example = torch.zeros(2, 1, dtype=torch.int64), state, state.clone()
    batch = torch.export.Dim("batch", min=1)
    shapes = {"tokens": {0: batch}, "h": {1: batch}, "c": {1: batch}}
    program = torch.export.export(OneStep(network).eval(), example, dynamic_shapes=shapes)
    torch.export.save(program, path, extra_files={"vocab.json": vocabulary})
    loaded = torch.export.load(path).module()
    worst = 0.0
    with torch.inference_mode():
        for size in (1, 3):
            right = [torch.zeros(network.n_layers, size, network.hidden_dim) for _ in range(2)]
            found = [state.clone() for state in right]
            for number in range(5):
                tokens = torch.full((size, 1), number % network.vocab_size)
                expected, *right = step_of_network(network)(tokens, *right)
                scores, *found = loaded(tokens, *found)[:3]
                worst = max(worst, (scores - expected).abs().max().item())
    if not worst <= TOLERANCE:
        raise UserError(f"{path.name} differs from the network by {worst:.2g}: nothing exported")
    return worst
