"""A builder of ONNX graphs, shared by all ONNX models of the project."""

from collections.abc import Sequence

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

OPSET = 17
IR_VERSION = 8
CONTRIB_DOMAIN = "com.microsoft"  # operators of ONNX Runtime outside the ONNX standard
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64

Shape = Sequence[str | int]


class GraphBuilder:
    """Collects nodes and constants (initializers) in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Tensor | numpy.ndarray | Sequence[int]) -> str:
        """Adds a constant and returns its name."""
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else numpy.asarray(value)
        self.constants.append(numpy_helper.from_array(numpy.ascontiguousarray(array), name))
        return name

    def node(
        self, operator: str, inputs: Sequence[str], outputs: str | Sequence[str], **attributes
    ) -> str:
        """Adds a node with an operator and returns the name of its first output."""
        outputs = [outputs] if isinstance(outputs, str) else outputs
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs[0]

    def proto(
        self, name: str, inputs: dict[str, tuple[int, Shape]], outputs: dict[str, tuple[int, Shape]]
    ) -> onnx.GraphProto:
        """The graph. `inputs` and `outputs` give (element type, shape) by name."""

        def value_infos(values: dict[str, tuple[int, Shape]]) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(name, element_type, list(shape))
                for name, (element_type, shape) in values.items()
            ]

        return helper.make_graph(
            self.nodes, name, value_infos(inputs), value_infos(outputs), self.constants
        )

    def model(
        self,
        name: str,
        inputs: dict[str, tuple[int, Shape]],
        outputs: dict[str, tuple[int, Shape]],
        metadata: dict[str, str],
    ) -> onnx.ModelProto:
        """The model of the graph, checked by `onnx.checker`.

        Args:
            metadata: stored in the file; ONNX Runtime returns it as the custom metadata map.
        """
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain == CONTRIB_DOMAIN for node in self.nodes):
            opsets.append(helper.make_opsetid(CONTRIB_DOMAIN, 1))
        model = helper.make_model(
            self.proto(name, inputs, outputs),
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="cold-open",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model
