"""The step of the network as an ONNX graph, written out node by node.

PyTorch's own exporter is right for an LSTM only once per process, and fixes the time axis without
a word the second time. The graph is a dozen nodes: saying them is shorter than guarding that.
"""

import onnx
import torch
from torch import Tensor, nn

from export.onnx_graphs.builder import FLOAT, INT64, Graph
from job.model import RNN

# PyTorch keeps an LSTM's gates as input, forget, cell, output, and a GRU's as reset, update, new;
# ONNX wants input, output, forget, cell, and update, reset, new.
GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}


def build_onnx(network: RNN, metadata: dict[str, str]) -> onnx.ModelProto:
    """The model of one step, over one word or more: batch and time are free.

    Inputs: tokens (batch, time); h, c (n_layers, batch, hidden_dim). A GRU hands `c` through, so
    that one caller serves both.
    Outputs: scores (batch, time, vocabulary); h_after, c_after as h, c; features (batch, time,
    inputs of the output layer), which the scores are made of. `metadata` is kept in the file.
    """
    return Step(network).build(metadata)


class Step:
    """Writes the graph in float32. What a model of other numbers does otherwise, it overrides."""

    def __init__(self, network: RNN):
        self.network = network
        self.graph = Graph()

    def build(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """The checked model: see `build_onnx`."""
        network, graph = self.network, self.graph
        axis = graph.constant("axis", [1])
        x = self.word_vectors()
        x = graph.node("Transpose", [x], "embedded.time", perm=[1, 0, 2])
        states = (self.layers_of("h"), self.layers_of("c"))
        after: list[tuple[str, str]] = []
        for number, (layer, h, c) in enumerate(zip(network.layers, *states, strict=True)):
            x, h, c = self.recur(number, layer, x, h, c)
            after.append((h, c))
            x = graph.node("Squeeze", [x, axis], f"layer.{number}")
        projected = isinstance(network.projection, nn.Linear)
        x = graph.node("Transpose", [x], "recurred" if projected else "features", perm=[1, 0, 2])
        graph.node("Concat", [h for h, _ in after], "h_after", axis=0)
        graph.node("Concat", [c for _, c in after], "c_after", axis=0)
        if projected:
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

    def layers_of(self, state: str) -> list[str]:
        """One state (1, batch, hidden_dim) for each layer."""
        count = self.network.n_layers
        if count == 1:
            return [state]
        names = [f"{state}.{number}" for number in range(count)]
        lengths = self.graph.constant(f"{state}.lengths", [1] * count)
        self.graph.node("Split", [state, lengths], names, axis=0)
        return names

    def word_vectors(self) -> str:
        """The tokens' rows of the embedding (batch, time, embedding_dim)."""
        embedding = self.graph.constant("embedding", self.network.embedding.weight)
        return self.graph.node("Gather", [embedding, "tokens"], "embedded")

    def recur(self, number: int, layer: nn.RNNBase, x: str, h: str, c: str) -> tuple[str, str, str]:
        """One layer over x (time, batch, inputs): (time, 1, batch, hidden_dim), state after it."""
        constant, cell = self.graph.constant, self.network.cell
        inputs = [
            x,
            constant(f"W.{number}", reordered(layer.weight_ih_l0, cell)[None]),
            constant(f"R.{number}", reordered(layer.weight_hh_l0, cell)[None]),
            constant(f"B.{number}", biases(layer, cell)),
            "",  # all sequences of a batch are of one length
            h,
        ]
        names = [f"outputs.{number}", f"h.{number}.after"]
        size = self.network.hidden_dim
        if cell == "gru":
            self.graph.node("GRU", inputs, names, hidden_size=size, linear_before_reset=1)
            return names[0], names[1], c
        names.append(f"c.{number}.after")
        self.graph.node("LSTM", [*inputs, c], names, hidden_size=size)
        return names[0], names[1], names[2]

    def linear(self, name: str, layer: nn.Linear, x: str, out: str) -> str:
        """x (batch, time, inputs) times the layer's weights, plus its bias."""
        tied = layer.weight is self.network.embedding.weight
        rows = "embedding" if tied else self.graph.constant(f"{name}.weight", layer.weight)
        # Turned round when the model is loaded, not at each step: the weights are constant.
        columns = self.graph.node("Transpose", [rows], f"{name}.columns", perm=[1, 0])
        products = self.graph.node("MatMul", [x, columns], f"{name}.products")
        bias = self.graph.constant(f"{name}.bias", layer.bias)
        return self.graph.node("Add", [products, bias], out)


def reordered(weight: Tensor, cell: str) -> Tensor:
    """Weights or biases (gates * hidden_dim, ...) of PyTorch with the gates in ONNX's order."""
    gates = weight.detach().chunk(len(GATES[cell]))
    return torch.cat([gates[number] for number in GATES[cell]])


def biases(layer: nn.RNNBase, cell: str) -> Tensor:
    """Both biases of a recurrent layer as ONNX wants them: (1, 2 * gates * hidden_dim)."""
    both = (layer.bias_ih_l0, layer.bias_hh_l0)
    return torch.cat([reordered(bias, cell) for bias in both])[None]
