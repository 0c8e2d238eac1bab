"""The ONNX model of the speller: one letter of an out-of-vocabulary word."""

from typing import Any

import onnx
from torch import Tensor

from export.onnx_graphs.builder import FLOAT, INT64, GraphBuilder
from export.onnx_graphs.cells import gru_cell


def build_speller_onnx(packed: dict[str, Any], metadata: dict[str, str]) -> onnx.ModelProto:
    """One step of the character-level GRU in float32, as in `torchscript.speller.ScriptSpeller`.

    Inputs: letter (batch,) int64, the letter before, 0 at the start; h (batch, hidden) float32,
    zeros at the start; features (batch, features) of the step model where the unknown word was
    sampled.
    Outputs: scores (batch, letters), the logits of the next letter, of which id 0 is END; h_after
    (batch, hidden).

    Args:
        packed: the speller of a checkpoint, not empty.
        metadata: stored in the file.
    """
    weights: dict[str, Tensor] = packed["weights"]
    letters, hidden = weights["fc.weight"].shape
    graph = GraphBuilder()

    def linear(layer: str, x: str, out: str, parameters: str = "weight bias") -> str:
        names = [f"{layer}.{parameter}" for parameter in parameters.split()]
        inputs = [x, *(graph.constant(name, weights[name]) for name in names)]
        return graph.node("Gemm", inputs, out, transB=1)

    context = linear("context", "features", "context.linear")
    context = graph.node("Tanh", [context], "context")
    embedding = graph.constant("embedding.weight", weights["embedding.weight"])
    x = graph.node("Gather", [embedding, "letter"], "embedded")
    x = graph.node("Concat", [x, context], "x", axis=1)
    input_products = linear("gru", x, "input_products", "weight_ih_l0 bias_ih_l0")
    hidden_products = linear("gru", "h", "hidden_products", "weight_hh_l0 bias_hh_l0")
    after = gru_cell(graph, "cell", input_products, hidden_products, "h", hidden)
    graph.node("Identity", [after], "h_after")
    linear("fc", after, "scores")
    state_shape = (FLOAT, ["batch", hidden])
    return graph.model(
        "cold-open-letter",
        {
            "letter": (INT64, ["batch"]),
            "h": state_shape,
            "features": (FLOAT, ["batch", weights["context.weight"].shape[1]]),
        },
        {"scores": (FLOAT, ["batch", letters]), "h_after": state_shape},
        metadata,
    )
