"""ONNX graphs, written node by node: what the project's ONNX models share."""

from collections.abc import Sequence

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

OPSET = 17
IR_VERSION = 8
CONTRIB = "com.microsoft"  # ONNX Runtime's own operators
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64

Shape = Sequence[str | int]


class Graph:
    """Nodes and constants in the order in which they were added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Tensor | numpy.ndarray | Sequence[int]) -> str:
        """Keeps a value under a name, which is returned."""
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else numpy.asarray(value)
        self.constants.append(numpy_helper.from_array(numpy.ascontiguousarray(array), name))
        return name

    def node(
        self, kind: str, inputs: Sequence[str], outputs: str | Sequence[str], **attributes
    ) -> str:
        """Adds an operator and returns the name of its first output."""
        outputs = [outputs] if isinstance(outputs, str) else outputs
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0]

    def proto(
        self, name: str, inputs: dict[str, tuple[int, Shape]], outputs: dict[str, tuple[int, Shape]]
    ) -> onnx.GraphProto:
        """The graph, its inputs and outputs by name: (type of their elements, shape)."""

        def values(described: dict[str, tuple[int, Shape]]) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(name, kind, list(shape))
                for name, (kind, shape) in described.items()
            ]

        return helper.make_graph(self.nodes, name, values(inputs), values(outputs), self.constants)

    def model(
        self,
        name: str,
        inputs: dict[str, tuple[int, Shape]],
        outputs: dict[str, tuple[int, Shape]],
        metadata: dict[str, str],
    ) -> onnx.ModelProto:
        """A checked model of the graph. `metadata` is kept in the file (custom metadata map)."""
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain == CONTRIB for node in self.nodes):
            opsets.append(helper.make_opsetid(CONTRIB, 1))
        model = helper.make_model(
            self.proto(name, inputs, outputs),
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="cold-open",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model
