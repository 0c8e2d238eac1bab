"""model.pt2: the step of one word by torch.export, which replaces TorchScript in PyTorch.

Like the ONNX files it is the network alone, without text methods. AOTInductor can compile it.
"""

import io
import pathlib

import torch
from torch import Tensor, nn

from data.command_line import UserError
from export.parity import TOLERANCE
from export.runtimes import step_of_network
from export.torchscript.layers import GRULayer, Linear, LSTMLayer
from job.model import RNN


class OneStep(nn.Module):
    """tokens (batch, 1), h, c (n_layers, batch, hidden) -> scores, h_after, c_after, features."""

    def __init__(self, network: RNN):
        super().__init__()
        self.embedding = nn.Parameter(network.embedding.weight.detach(), requires_grad=False)
        layer_type = LSTMLayer if network.cell == "lstm" else GRULayer
        self.layers = nn.ModuleList(layer_type(layer, Linear) for layer in network.layers)
        self.projection = network.projection
        self.fc_bias = nn.Parameter(network.fc.bias.detach(), requires_grad=False)
        tied = network.fc.weight is network.embedding.weight
        self.fc_weight = self.embedding if tied else nn.Parameter(network.fc.weight.detach())

    def forward(self, tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        """Scores (batch, 1, vocabulary), h and c as given, features (batch, 1, features)."""
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
    """Writes the file, loads it, and returns the largest absolute difference of scores.

    Args:
        vocabulary: the text of vocab.json, stored in the file as an extra file.

    Raises:
        UserError: if the scores of the loaded file differ from the network's.
    """
    state = torch.zeros(network.n_layers, 2, network.hidden_dim)
    example = torch.zeros(2, 1, dtype=torch.int64), state, state.clone()
    batch = torch.export.Dim("batch", min=1)
    shapes = {"tokens": {0: batch}, "h": {1: batch}, "c": {1: batch}}
    program = torch.export.export(OneStep(network).eval(), example, dynamic_shapes=shapes)
    file = io.BytesIO()  # of a full disk, PyTorch's own writer does not give the reason
    torch.export.save(program, file, extra_files={"vocab.json": vocabulary})
    path.write_bytes(file.getvalue())
    loaded = torch.export.load(path).module()
    largest = 0.0
    with torch.inference_mode():
        for size in (1, 3):
            expected = [torch.zeros(network.n_layers, size, network.hidden_dim) for _ in range(2)]
            actual = [state.clone() for state in expected]
            for number in range(5):
                tokens = torch.full((size, 1), number % network.vocab_size)
                expected_scores, *expected = step_of_network(network)(tokens, *expected)
                scores, *actual = loaded(tokens, *actual)[:3]
                largest = max(largest, (scores - expected_scores).abs().max().item())
    if not largest <= TOLERANCE:
        raise UserError(
            f"{path.name} differs from the trained network by {largest:.2g}: nothing was exported"
        )
    return largest
