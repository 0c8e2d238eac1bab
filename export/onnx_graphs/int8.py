"""The ONNX model of one step with int8 weights: a quarter of the size, several times as fast.

The cost of a token at batch size 1 is dominated by reading the weights from memory. Each row of a
matrix is quantized in blocks, each with its own scale. The products are ONNX Runtime's MatMulNBits,
which quantizes its input to int8 in blocks of the same size and accumulates integers.
"""

import numpy
import onnx
from torch import Tensor, nn

from export.onnx_graphs.builder import CONTRIB_DOMAIN, FLOAT, GraphBuilder
from export.onnx_graphs.cells import gru_cell, lstm_cell
from export.onnx_graphs.step import StepGraph
from job.model import RNN

BLOCK_SIZES = (256, 128, 64, 32, 16)
MAX_INT8 = 127
ZERO_POINT = 128  # the operator's weights are unsigned
INT8_ACCURACY = 4  # attribute accuracy_level: int8 inputs; the default is float32, which is slow


def build_onnx_int8(network: RNN, metadata: dict[str, str]) -> onnx.ModelProto:
    """The model of `export.onnx_graphs.step.build_onnx` in int8, with the same signature.

    Fast where ONNX Runtime has 8-bit kernels: on x86 with AVX2, and on ARM64 since version 1.23.
    Elsewhere it dequantizes the weights at every step, which is correct but slow.
    """
    return Int8StepGraph(network).build(metadata)


def block_size(columns: int) -> int:
    """The block size with the fewest bytes per row: the last block is padded, each has a scale."""
    return min(BLOCK_SIZES, key=lambda size: -(-columns // size) * (size + 4))


def quantize(weight: Tensor) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Quantizes weights (rows, columns).

    Returns:
        (quantized uint8 (rows, blocks, block size), scales float32 (rows, blocks)); the weights are
        approximately (quantized - ZERO_POINT) * scale.
    """
    values = weight.detach().cpu().float().numpy()
    rows, columns = values.shape
    size = block_size(columns)
    values = numpy.pad(values, ((0, 0), (0, -columns % size))).reshape(rows, -1, size)
    scales = numpy.abs(values).max(axis=2) / MAX_INT8
    scales[scales == 0] = 1  # a block of zeros
    return (numpy.rint(values / scales[:, :, None]) + ZERO_POINT).astype(numpy.uint8), scales


class Int8StepGraph(StepGraph):
    """Builds the graph with every weight matrix in int8."""

    def add_matrix(self, name: str, weight: Tensor) -> None:
        """Adds quantized weights (rows, columns) as constants."""
        quantized, scales = quantize(weight)
        self.graph.constant(name, quantized)
        self.graph.constant(f"{name}.scales", scales)

    def product(
        self, graph: GraphBuilder, matrix: str, weight: Tensor, x: str, bias: Tensor, out: str
    ) -> str:
        """x (..., columns) times a matrix of `add_matrix` (rows, columns), plus bias: (..., rows).

        Args:
            graph: may be the body of a loop, in which the constants of the outer graph are visible.
        """
        rows, columns = weight.shape
        graph.node(
            "MatMulNBits",
            [x, matrix, f"{matrix}.scales", "", "", self.graph.constant(f"{out}.bias", bias)],
            out,
            domain=CONTRIB_DOMAIN,
            N=rows,
            K=columns,
            bits=8,
            block_size=block_size(columns),
            accuracy_level=INT8_ACCURACY,
        )
        return out

    def embedding_lookup(self) -> str:
        """The embeddings of the tokens, dequantized, (batch, time, embedding_dim)."""
        graph, weight = self.graph, self.network.embedding.weight
        columns = weight.shape[1]
        self.add_matrix("embedding", weight)
        x = graph.node("Gather", ["embedding", "tokens"], "embedded.quantized")
        x = graph.node("Cast", [x], "embedded.cast", to=FLOAT)
        zero_point = graph.constant("zero_point", numpy.float32(ZERO_POINT))
        x = graph.node("Sub", [x, zero_point], "embedded.unscaled")
        scales = graph.node("Gather", ["embedding.scales", "tokens"], "embedded.scales")
        last = graph.constant("last", [-1])
        scales = graph.node("Unsqueeze", [scales, last], "embedded.scales.unsqueezed")
        x = graph.node("Mul", [x, scales], "embedded.blocks")
        x = graph.node("Reshape", [x, graph.constant("flat_shape", [0, 0, -1])], "embedded.padded")
        start, end = graph.constant("start", [0]), graph.constant("end", [columns])
        return graph.node("Slice", [x, start, end, last], "embedded")  # without the padding

    def recurrent_layer(
        self, number: int, layer: nn.RNNBase, x: str, h: str, c: str
    ) -> tuple[str, str, str]:
        """One layer over x (time, batch, inputs): (outputs (time, 1, batch, hidden_dim), h, c)."""
        graph, size, lstm = self.graph, self.network.hidden_dim, self.network.cell == "lstm"
        self.add_matrix(f"W.{number}", layer.weight_ih_l0)
        self.add_matrix(f"R.{number}", layer.weight_hh_l0)
        # The products of the input do not depend on the state: one call for all time steps.
        products = self.product(
            graph,
            f"W.{number}",
            layer.weight_ih_l0,
            x,
            layer.bias_ih_l0,
            f"input_products.{number}",
        )
        # Names in the body of a loop must differ from those of the outer graph.
        body, name = GraphBuilder(), f"step.{number}"
        h_before, c_before, input_products = f"{name}.h", f"{name}.c", f"{name}.input_products"
        hidden_products = self.product(
            body,
            f"R.{number}",
            layer.weight_hh_l0,
            h_before,
            layer.bias_hh_l0,
            f"{name}.hidden_products",
        )
        if lstm:
            states, before = [h, c], [h_before, c_before]
            after = list(lstm_cell(body, name, input_products, hidden_products, c_before, size))
        else:
            states, before = [h], [h_before]
            after = [gru_cell(body, name, input_products, hidden_products, h_before, size)]
        output = body.node("Identity", [after[0]], f"{name}.scan_output")
        state_shape = (FLOAT, [1, "batch", size])
        loop = body.proto(
            name,
            dict.fromkeys(before, state_shape)
            | {input_products: (FLOAT, ["batch", len(layer.weight_ih_l0)])},
            dict.fromkeys([*after, output], state_shape),
        )
        final = [f"{state}.final" for state in before]
        outputs = f"outputs.{number}"
        graph.node("Scan", [*states, products], [*final, outputs], body=loop, num_scan_inputs=1)
        return outputs, final[0], final[1] if lstm else c

    def linear(self, name: str, layer: nn.Linear, x: str, out: str) -> str:
        """A linear layer applied to x (batch, time, inputs)."""
        matrix = "embedding"
        if layer.weight is not self.network.embedding.weight:
            matrix = f"{name}.weight"
            self.add_matrix(matrix, layer.weight)
        return self.product(self.graph, matrix, layer.weight, x, layer.bias, out)
