"""One step of an LSTM and a GRU cell in elementwise ONNX operators.

The matrix products of the weights are the caller's, in float32 or int8. ONNX's own LSTM and GRU
operators have float32 weights only. ONNX Runtime's int8 LSTM is half as fast as these cells with
MatMulNBits (measured on one thread, batch and time 1), and it has no int8 GRU. The gates are in
PyTorch's order. The names of all nodes begin with the cell's name.
"""

from export.onnx_graphs.builder import GraphBuilder


def lstm_cell(
    graph: GraphBuilder, name: str, input_products: str, hidden_products: str, c: str, size: int
) -> tuple[str, str]:
    """The states h and c of an LSTM after one step.

    Args:
        input_products: the input times its weights, plus the bias (..., 4 * size).
        hidden_products: the state h times its weights, plus the bias (..., 4 * size).
        c: cell state (..., size).
        size: hidden units of the layer.
    """
    node = _CellNodes(graph, name)
    gates = node("Add", [input_products, hidden_products], "gates")
    parts = [f"{name}.{gate}" for gate in ("input", "forget", "cell", "output")]
    graph.node("Split", [gates, graph.constant(f"{name}.sizes", [size] * 4)], parts, axis=-1)
    input_gate = node("Sigmoid", [parts[0]], "input_gate")
    forget_gate = node("Sigmoid", [parts[1]], "forget_gate")
    cell_gate = node("Tanh", [parts[2]], "cell_gate")
    output_gate = node("Sigmoid", [parts[3]], "output_gate")
    added = node("Mul", [input_gate, cell_gate], "added")
    kept = node("Mul", [forget_gate, c], "kept")
    c = node("Add", [kept, added], "c_after")
    return node("Mul", [output_gate, node("Tanh", [c], "c_tanh")], "h_after"), c


def gru_cell(
    graph: GraphBuilder, name: str, input_products: str, hidden_products: str, h: str, size: int
) -> str:
    """The state h of a GRU after one step; as `lstm_cell`, with products of 3 * size."""
    node = _CellNodes(graph, name)
    sizes = graph.constant(f"{name}.sizes", [2 * size, size])
    halves = graph.constant(f"{name}.halves", [size, size])
    input_gates, input_new = f"{name}.input_gates", f"{name}.input_new"
    graph.node("Split", [input_products, sizes], [input_gates, input_new], axis=-1)
    hidden_gates, hidden_new = f"{name}.hidden_gates", f"{name}.hidden_new"
    graph.node("Split", [hidden_products, sizes], [hidden_gates, hidden_new], axis=-1)
    gates = node("Sigmoid", [node("Add", [input_gates, hidden_gates], "gate_sums")], "gates")
    reset, update = f"{name}.reset", f"{name}.update"
    graph.node("Split", [gates, halves], [reset, update], axis=-1)
    reset_hidden = node("Mul", [reset, hidden_new], "reset_hidden")
    new = node("Tanh", [node("Add", [input_new, reset_hidden], "new_sum")], "new")
    # (1 - update) * new + update * h = new + update * (h - new), which saves a node
    weighted = node("Mul", [update, node("Sub", [h, new], "difference")], "weighted")
    return node("Add", [new, weighted], "h_after")


class _CellNodes:
    """Adds nodes with one output whose name begins with the cell's name."""

    def __init__(self, graph: GraphBuilder, name: str):
        self.graph, self.name = graph, name

    def __call__(self, operator: str, inputs: list[str], output: str) -> str:
        return self.graph.node(operator, inputs, f"{self.name}.{output}")
