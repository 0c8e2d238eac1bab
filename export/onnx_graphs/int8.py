"""The step of the network with weights of eight bits: a quarter of the file, several times as fast.

A word costs what reading all weights from memory costs: smaller weights are quicker ones. Each
row of a matrix is cut into blocks with a scale each. The products are ONNX Runtime's MatMulNBits,
which also takes its inputs to int8, by blocks of the same length, and adds whole numbers.
"""

import numpy
import onnx
from torch import Tensor, nn

from export.onnx_graphs.builder import CONTRIB, FLOAT, Graph
from export.onnx_graphs.cells import gru_cell, lstm_cell
from export.onnx_graphs.step import Step
from job.model import RNN

BLOCKS = (256, 128, 64, 32, 16)  # lengths of a block
LARGEST = 127
ZERO = 128  # the operator's bytes have no sign: this one stands for 0
INT8_ARITHMETIC = 4  # the attribute `accuracy_level`; without it the products are float32, and slow


def build_onnx_int8(network: RNN, metadata: dict[str, str]) -> onnx.ModelProto:
    """As `export.onnx_graphs.step.build_onnx`, in int8: same inputs, same outputs.

    Fast where ONNX Runtime has kernels of eight bits: x86 with AVX2, and ARM64 since 1.23.
    Elsewhere it turns the bytes back into floats at every step: right, but slow.
    """
    return Int8Step(network).build(metadata)


def block_length(columns: int) -> int:
    """The block that a row takes the fewest bytes with: the last is filled up, each has a scale."""
    return min(BLOCKS, key=lambda length: -(-columns // length) * (length + 4))


def quantised(weight: Tensor) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Weights (rows, columns) as bytes and their scales.

    Returns:
        (uint8 (rows, blocks, block), float32 (rows, blocks)): (bytes - ZERO) * scale is near.
    """
    values = weight.detach().cpu().float().numpy()
    rows, columns = values.shape
    length = block_length(columns)
    values = numpy.pad(values, ((0, 0), (0, -columns % length))).reshape(rows, -1, length)
    scales = numpy.abs(values).max(axis=2) / LARGEST
    scales[scales == 0] = 1  # a block of zeros
    return (numpy.rint(values / scales[:, :, None]) + ZERO).astype(numpy.uint8), scales


class Int8Step(Step):
    """Writes the graph with every matrix in bytes."""

    def matrix(self, name: str, weight: Tensor) -> None:
        """Keeps weights (rows, columns) under a name."""
        values, scales = quantised(weight)
        self.graph.constant(name, values)
        self.graph.constant(f"{name}.scales", scales)

    def product(
        self, graph: Graph, matrix: str, weight: Tensor, x: str, bias: Tensor, out: str
    ) -> str:
        """x (..., columns) times a kept matrix (rows, columns), plus a bias: (..., rows).

        `graph` may be the body of a loop: it sees what the graph around it keeps.
        """
        rows, columns = weight.shape
        graph.node(
            "MatMulNBits",
            [x, matrix, f"{matrix}.scales", "", "", self.graph.constant(f"{out}.bias", bias)],
            out,
            domain=CONTRIB,
            N=rows,
            K=columns,
            bits=8,
            block_size=block_length(columns),
            accuracy_level=INT8_ARITHMETIC,
        )
        return out

    def word_vectors(self) -> str:
        """The tokens' rows of the embedding (batch, time, embedding_dim)."""
        graph, weight = self.graph, self.network.embedding.weight
        columns = weight.shape[1]
        self.matrix("embedding", weight)
        x = graph.node("Gather", ["embedding", "tokens"], "embedded.bytes")
        x = graph.node("Cast", [x], "embedded.cast", to=FLOAT)
        zero = graph.constant("zero", numpy.float32(ZERO))
        x = graph.node("Sub", [x, zero], "embedded.unscaled")
        scales = graph.node("Gather", ["embedding.scales", "tokens"], "embedded.scales")
        last = graph.constant("last", [-1])
        scales = graph.node("Unsqueeze", [scales, last], "embedded.scales.each")
        x = graph.node("Mul", [x, scales], "embedded.blocks")
        x = graph.node("Reshape", [x, graph.constant("joined", [0, 0, -1])], "embedded.joined")
        start, end = graph.constant("start", [0]), graph.constant("end", [columns])
        return graph.node("Slice", [x, start, end, last], "embedded")  # what filled the last block

    def recur(self, number: int, layer: nn.RNNBase, x: str, h: str, c: str) -> tuple[str, str, str]:
        """One layer over x (time, batch, inputs): (time, 1, batch, hidden_dim), state after it."""
        graph, size, lstm = self.graph, self.network.hidden_dim, self.network.cell == "lstm"
        self.matrix(f"W.{number}", layer.weight_ih_l0)
        self.matrix(f"R.{number}", layer.weight_hh_l0)
        # What does not depend on the state is done for all of the time at once.
        given = self.product(
            graph, f"W.{number}", layer.weight_ih_l0, x, layer.bias_ih_l0, f"given.{number}"
        )
        body, name = Graph(), f"step.{number}"  # names in a loop must not be those around it
        h_before, c_before, given_now = f"{name}.h", f"{name}.c", f"{name}.given"
        recurrent = self.product(
            body,
            f"R.{number}",
            layer.weight_hh_l0,
            h_before,
            layer.bias_hh_l0,
            f"{name}.recurrent",
        )
        if lstm:
            states, before = [h, c], [h_before, c_before]
            after = list(lstm_cell(body, name, given_now, recurrent, c_before, size))
        else:
            states, before = [h], [h_before]
            after = [gru_cell(body, name, given_now, recurrent, h_before, size)]
        output = body.node("Identity", [after[0]], f"{name}.output")
        state_shape = (FLOAT, [1, "batch", size])
        loop = body.proto(
            name,
            dict.fromkeys(before, state_shape)
            | {given_now: (FLOAT, ["batch", len(layer.weight_ih_l0)])},
            dict.fromkeys([*after, output], state_shape),
        )
        ends = [f"{state}.end" for state in before]
        outputs = f"outputs.{number}"
        graph.node("Scan", [*states, given], [*ends, outputs], body=loop, num_scan_inputs=1)
        return outputs, ends[0], ends[1] if lstm else c

    def linear(self, name: str, layer: nn.Linear, x: str, out: str) -> str:
        """x (batch, time, inputs) times the layer's weights, plus its bias."""
        matrix = "embedding"
        if layer.weight is not self.network.embedding.weight:
            matrix = f"{name}.weight"
            self.matrix(matrix, layer.weight)
        return self.product(self.graph, matrix, layer.weight, x, layer.bias, out)
