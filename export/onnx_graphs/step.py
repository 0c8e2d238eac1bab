"""The ONNX model of one step of the network, in float32.

The graph is built by hand because PyTorch's exporter of LSTMs is correct only once per process: the
second export has a fixed time axis, without a warning. The graph has about a dozen nodes.
"""

import onnx
import torch
from torch import Tensor, nn

from export.onnx_graphs.builder import FLOAT, INT64, GraphBuilder
from job.model import RNN

# PyTorch orders the gates of an LSTM input, forget, cell, output, and those of a GRU reset, update,
# new. ONNX orders them input, output, forget, cell, and update, reset, new.
GATE_ORDER = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}


def build_onnx(network: RNN, metadata: dict[str, str]) -> onnx.ModelProto:
    """The model of one step over one or more tokens; batch and time are dynamic.

    Inputs: tokens (batch, time) int64; h, c (n_layers, batch, hidden_dim) float32. A GRU passes `c`
    through unchanged, so that both cells have the same signature.
    Outputs: scores (batch, time, vocabulary), the logits of the next word; h_after and c_after,
    shaped as h and c; features (batch, time, features), the input of the output layer.

    Args:
        metadata: stored in the file.
    """
    return StepGraph(network).build(metadata)


class StepGraph:
    """Builds the graph in float32. `export.onnx_graphs.int8` overrides the matrix products."""

    def __init__(self, network: RNN):
        self.network = network
        self.graph = GraphBuilder()

    def build(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """The checked model; see `build_onnx`."""
        network, graph = self.network, self.graph
        axis = graph.constant("axis", [1])
        x = self.embedding_lookup()
        x = graph.node("Transpose", [x], "embedded.time_first", perm=[1, 0, 2])
        states = (self.split_layers("h"), self.split_layers("c"))
        after: list[tuple[str, str]] = []
        for number, (layer, h, c) in enumerate(zip(network.layers, *states, strict=True)):
            x, h, c = self.recurrent_layer(number, layer, x, h, c)
            after.append((h, c))
            x = graph.node("Squeeze", [x, axis], f"layer.{number}")
        has_projection = isinstance(network.projection, nn.Linear)
        name = "recurrent_outputs" if has_projection else "features"
        x = graph.node("Transpose", [x], name, perm=[1, 0, 2])
        graph.node("Concat", [h for h, _ in after], "h_after", axis=0)
        graph.node("Concat", [c for _, c in after], "c_after", axis=0)
        if has_projection:
            x = self.linear("projection", network.projection, x, "features")
        self.linear("fc", network.fc, x, "scores")

        state_shape = (FLOAT, [network.n_layers, "batch", network.hidden_dim])
        return graph.model(
            "cold-open-step",
            {"tokens": (INT64, ["batch", "time"]), "h": state_shape, "c": state_shape},
            {
                "scores": (FLOAT, ["batch", "time", network.fc.out_features]),
                "h_after": state_shape,
                "c_after": state_shape,
                "features": (FLOAT, ["batch", "time", network.fc.in_features]),
            },
            metadata,
        )

    def split_layers(self, state: str) -> list[str]:
        """The state of each layer, (1, batch, hidden_dim)."""
        count = self.network.n_layers
        if count == 1:
            return [state]
        names = [f"{state}.{number}" for number in range(count)]
        lengths = self.graph.constant(f"{state}.lengths", [1] * count)
        self.graph.node("Split", [state, lengths], names, axis=0)
        return names

    def embedding_lookup(self) -> str:
        """The embeddings of the tokens, (batch, time, embedding_dim)."""
        embedding = self.graph.constant("embedding", self.network.embedding.weight)
        return self.graph.node("Gather", [embedding, "tokens"], "embedded")

    def recurrent_layer(
        self, number: int, layer: nn.RNNBase, x: str, h: str, c: str
    ) -> tuple[str, str, str]:
        """One layer over x (time, batch, inputs): (outputs (time, 1, batch, hidden_dim), h, c)."""
        constant, cell = self.graph.constant, self.network.cell
        inputs = [
            x,
            constant(f"W.{number}", reorder_gates(layer.weight_ih_l0, cell)[None]),
            constant(f"R.{number}", reorder_gates(layer.weight_hh_l0, cell)[None]),
            constant(f"B.{number}", biases(layer, cell)),
            "",  # sequence_lens: all sequences of a batch have the same length
            h,
        ]
        names = [f"outputs.{number}", f"h_after.{number}"]
        size = self.network.hidden_dim
        if cell == "gru":
            self.graph.node("GRU", inputs, names, hidden_size=size, linear_before_reset=1)
            return names[0], names[1], c
        names.append(f"c_after.{number}")
        self.graph.node("LSTM", [*inputs, c], names, hidden_size=size)
        return names[0], names[1], names[2]

    def linear(self, name: str, layer: nn.Linear, x: str, out: str) -> str:
        """A linear layer applied to x (batch, time, inputs)."""
        tied = layer.weight is self.network.embedding.weight
        rows = "embedding" if tied else self.graph.constant(f"{name}.weight", layer.weight)
        # ONNX Runtime folds this transpose of a constant when it loads the model.
        transposed = self.graph.node("Transpose", [rows], f"{name}.transposed", perm=[1, 0])
        products = self.graph.node("MatMul", [x, transposed], f"{name}.products")
        bias = self.graph.constant(f"{name}.bias", layer.bias)
        return self.graph.node("Add", [products, bias], out)


def reorder_gates(weight: Tensor, cell: str) -> Tensor:
    """PyTorch's weights or biases (gates * hidden_dim, ...) with the gates in ONNX's order."""
    gates = weight.detach().chunk(len(GATE_ORDER[cell]))
    return torch.cat([gates[number] for number in GATE_ORDER[cell]])


def biases(layer: nn.RNNBase, cell: str) -> Tensor:
    """Both biases of a recurrent layer in ONNX's layout: (1, 2 * gates * hidden_dim)."""
    both = (layer.bias_ih_l0, layer.bias_hh_l0)
    return torch.cat([reorder_gates(bias, cell) for bias in both])[None]
