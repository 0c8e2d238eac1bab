"""One step of a recurrent cell in plain ONNX operators, whoever makes the products of the weights.

ONNX's own LSTM and GRU keep float32 weights. ONNX Runtime's LSTM of int8 weights is half as fast as
these cells with MatMulNBits (measured on one thread, batch and time 1), and it has no such GRU. The
gates are in PyTorch's order. All names that a cell adds begin with its own.
"""

from export.onnx_graphs.builder import Graph


def lstm_cell(
    graph: Graph, name: str, given: str, recurrent: str, c: str, size: int
) -> tuple[str, str]:
    """An LSTM's states h and c after a step, from the products of the weights and the state c.

    Args:
        given: products of the input and its weights, with the bias (..., 4 * size).
        recurrent: products of the state h and its weights, with the bias, likewise.
        c: state (..., size).
        size: units of the layer.
    """
    node = _Node(graph, name)
    gates = node("Add", [given, recurrent], "gates")
    parts = [f"{name}.{gate}" for gate in ("enter", "keep", "new", "show")]
    graph.node("Split", [gates, graph.constant(f"{name}.sizes", [size] * 4)], parts, axis=-1)
    enter = node("Sigmoid", [parts[0]], "enter.gate")
    keep = node("Sigmoid", [parts[1]], "keep.gate")
    new = node("Tanh", [parts[2]], "new.tanh")
    show = node("Sigmoid", [parts[3]], "show.gate")
    entered = node("Mul", [enter, new], "entered")
    kept = node("Mul", [keep, c], "kept")
    c = node("Add", [kept, entered], "c.after")
    return node("Mul", [show, node("Tanh", [c], "c.tanh")], "h.after"), c


def gru_cell(graph: Graph, name: str, given: str, recurrent: str, h: str, size: int) -> str:
    """A GRU's state after a step, from the state h; as `lstm_cell`, of 3 * size products."""
    node = _Node(graph, name)
    sizes = graph.constant(f"{name}.sizes", [2 * size, size])
    halves = graph.constant(f"{name}.halves", [size, size])
    given_gates, given_new = f"{name}.given.gates", f"{name}.given.new"
    graph.node("Split", [given, sizes], [given_gates, given_new], axis=-1)
    recurrent_gates, recurrent_new = f"{name}.recurrent.gates", f"{name}.recurrent.new"
    graph.node("Split", [recurrent, sizes], [recurrent_gates, recurrent_new], axis=-1)
    gates = node("Sigmoid", [node("Add", [given_gates, recurrent_gates], "gates")], "gates.open")
    reset, update = f"{name}.reset", f"{name}.update"
    graph.node("Split", [gates, halves], [reset, update], axis=-1)
    remembered = node("Mul", [reset, recurrent_new], "remembered")
    new = node("Tanh", [node("Add", [given_new, remembered], "new")], "new.tanh")
    # (1 - update) * new + update * h, in one node less
    moved = node("Mul", [update, node("Sub", [h, new], "difference")], "moved")
    return node("Add", [new, moved], "h.after")


class _Node:
    """Adds nodes of one output, named after the cell."""

    def __init__(self, graph: Graph, name: str):
        self.graph, self.name = graph, name

    def __call__(self, kind: str, inputs: list[str], output: str) -> str:
        return self.graph.node(kind, inputs, f"{self.name}.{output}")
