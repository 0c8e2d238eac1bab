"""The step of the network as an ONNX graph, written out node by node.

PyTorch's own exporter is right for an LSTM only once per process, and fixes the time axis without
a word the second time. The graph is a dozen nodes: saying them is shorter than guarding that.
"""

import numpy
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from job.model import RNN

OPSET = 17
IR_VERSION = 8
# PyTorch keeps an LSTM's gates as input, forget, cell, output, and a GRU's as reset, update, new;
# ONNX wants input, output, forget, cell, and update, reset, new.
GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}


def build_onnx(network: RNN, metadata: dict[str, str]) -> onnx.ModelProto:
    """The model tokens (batch, time), h, c -> scores (batch, time, vocabulary), h_after, c_after.

    h and c are (n_layers, batch, hidden_dim); a GRU hands `c` through, so that one caller serves
    both. Batch and time are free. `metadata` is kept in the file (custom metadata map).
    """
    cell, n_layers, size = network.cell, network.n_layers, network.hidden_dim
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(name: str, value: Tensor | list[int]) -> str:
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else numpy.array(value)
        constants.append(numpy_helper.from_array(numpy.ascontiguousarray(array), name))
        return name

    def node(kind: str, inputs: list[str], outputs: list[str], **attributes) -> str:
        nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0]

    def reordered(weight: Tensor) -> Tensor:
        gates = weight.detach().chunk(len(GATES[cell]))
        return torch.cat([gates[number] for number in GATES[cell]])

    states = [[f"{state}.{number}" for number in range(n_layers)] for state in "hc"]
    if n_layers > 1:
        lengths = constant("one.each", [1] * n_layers)
        node("Split", ["h", lengths], states[0], axis=0)
        node("Split", ["c", lengths], states[1], axis=0)
    else:
        states = [["h"], ["c"]]

    axis = constant("axis", [1])
    embedding = constant("embedding", network.embedding.weight)
    x = node("Gather", [embedding, "tokens"], ["embedded"])
    x = node("Transpose", [x], ["embedded.time"], perm=[1, 0, 2])
    after: list[list[str]] = [[], []]
    for number, layer in enumerate(network.layers):
        biases = torch.cat([reordered(layer.bias_ih_l0), reordered(layer.bias_hh_l0)])
        inputs = [
            x,
            constant(f"W.{number}", reordered(layer.weight_ih_l0)[None]),
            constant(f"R.{number}", reordered(layer.weight_hh_l0)[None]),
            constant(f"B.{number}", biases[None]),
            "",  # all sequences of a batch are of one length
            states[0][number],
        ]
        names = [f"outputs.{number}", f"h.{number}.after"]
        if cell == "lstm":
            c_after = f"c.{number}.after"
            node("LSTM", [*inputs, states[1][number]], [*names, c_after], hidden_size=size)
            after[1].append(c_after)
        else:
            node("GRU", inputs, names, hidden_size=size, linear_before_reset=1)
        after[0].append(names[1])
        x = node("Squeeze", [names[0], axis], [f"layer.{number}"])
    x = node("Transpose", [x], ["features"], perm=[1, 0, 2])
    node("Concat", after[0], ["h_after"], axis=0)
    if cell == "lstm":
        node("Concat", after[1], ["c_after"], axis=0)
    else:
        node("Identity", ["c"], ["c_after"])

    if isinstance(network.projection, torch.nn.Linear):
        weight = constant("projection.weight", network.projection.weight.t())
        x = node("MatMul", [x, weight], ["projected"])
        x = node("Add", [x, constant("projection.bias", network.projection.bias)], ["out"])
    tied = network.fc.weight is network.embedding.weight
    rows = embedding if tied else constant("fc.weight", network.fc.weight)
    columns = node("Transpose", [rows], ["fc.columns"], perm=[1, 0])  # folded when it is loaded
    x = node("MatMul", [x, columns], ["products"])
    node("Add", [x, constant("fc.bias", network.fc.bias)], ["scores"])

    def tensor(name: str, shape: list[str | int], kind: int = TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, kind, shape)

    state_shape = [n_layers, "batch", size]
    graph = helper.make_graph(
        nodes,
        "cold-open-step",
        [
            tensor("tokens", ["batch", "time"], TensorProto.INT64),
            tensor("h", state_shape),
            tensor("c", state_shape),
        ],
        [
            tensor("scores", ["batch", "time", network.fc.out_features]),
            tensor("h_after", state_shape),
            tensor("c_after", state_shape),
        ],
        constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="cold-open",
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model
