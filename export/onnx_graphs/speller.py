"""The speller as an ONNX graph: one letter of a word outside the vocabulary."""

from typing import Any

import onnx
from torch import Tensor

from export.onnx_graphs.builder import FLOAT, INT64, Graph
from export.onnx_graphs.cells import gru_cell


def build_speller_onnx(packed: dict[str, Any], metadata: dict[str, str]) -> onnx.ModelProto:
    """One letter's step in float32: the loop of `export.torchscript.speller.Spelling`.

    Inputs: letter (batch,), the one before, 0 at the word's beginning; h (batch, hidden), zeros
    there; features (batch, features) of the step model, where it expects the unknown word.
    Outputs: scores of the next letter (batch, letters); h_after as h. Score 0 is the word's end.

    Args:
        packed: a speller as it lies in the checkpoint, not an empty one.
    """
    weights: dict[str, Tensor] = packed["weights"]
    letters, hidden = weights["fc.weight"].shape
    graph = Graph()

    def linear(layer: str, x: str, out: str, names: str = "weight bias") -> str:
        kept = [f"{layer}.{name}" for name in names.split()]
        inputs = [x, *(graph.constant(name, weights[name]) for name in kept)]
        return graph.node("Gemm", inputs, out, transB=1)

    context = linear("context", "features", "context.sums")
    context = graph.node("Tanh", [context], "context")
    embedding = graph.constant("embedding.weight", weights["embedding.weight"])
    x = graph.node("Gather", [embedding, "letter"], "embedded")
    x = graph.node("Concat", [x, context], "x", axis=1)
    given = linear("gru", x, "given", "weight_ih_l0 bias_ih_l0")
    recurrent = linear("gru", "h", "recurrent", "weight_hh_l0 bias_hh_l0")
    after = gru_cell(graph, "cell", given, recurrent, "h", hidden)
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
