"""The weights in ONNX files: the inverse of `step` and `speller`. No graph is executed."""

import onnx
import torch
from onnx import external_data_helper, numpy_helper
from torch import Tensor

from export.onnx_graphs.step import GATE_ORDER
from job.model import RNN

GATES = {len(order): cell for cell, order in GATE_ORDER.items()}


def network_in(model: onnx.ModelProto) -> RNN:
    """The network, in evaluation mode, whose step in float32 a model is.

    The sizes are those of the constants, so that no more memory is used than the model has.

    Raises:
        ValueError, KeyError, RuntimeError: if the model has not the constants of `build_onnx`.
    """
    found = constants_in(model)
    (vocab_size, embedding_dim), tied = found["embedding"].shape, "projection.weight" in found
    n_layers = sum(name.startswith("R.") for name in found)
    hidden_dim = found["R.0"].shape[2]
    cell = GATES[found["R.0"].shape[1] // hidden_dim]
    sizes = vocab_size, len(found["fc.bias"]), embedding_dim, hidden_dim, n_layers
    network = RNN(*sizes, 0.0, cell=cell, tie_weights=tied)
    state = {"embedding.weight": found["embedding"], "fc.bias": found["fc.bias"]}
    state["fc.weight"] = found["embedding"] if tied else found["fc.weight"]
    if tied:
        state |= {f"projection.{name}": found[f"projection.{name}"] for name in ("weight", "bias")}
    for number in range(n_layers):
        name = f"layers.{number}"
        input_bias, hidden_bias = found[f"B.{number}"][0].chunk(2)
        state |= {
            f"{name}.weight_ih_l0": in_pytorch_order(found[f"W.{number}"][0], cell),
            f"{name}.weight_hh_l0": in_pytorch_order(found[f"R.{number}"][0], cell),
            f"{name}.bias_ih_l0": in_pytorch_order(input_bias, cell),
            f"{name}.bias_hh_l0": in_pytorch_order(hidden_bias, cell),
        }
    network.load_state_dict(state)
    return network.eval()


def speller_weights_in(model: onnx.ModelProto) -> dict[str, Tensor]:
    """The weights of the speller, by their names in a checkpoint, whose step a model is."""
    found = constants_in(model).items()
    return {name: value for name, value in found if not name.startswith("cell.")}


def constants_in(model: onnx.ModelProto) -> dict[str, Tensor]:
    """The constants of a model's graph by name.

    Raises:
        ValueError: if one is in another file, which could be any file of this machine.
    """
    if any(map(external_data_helper.uses_external_data, model.graph.initializer)):
        raise ValueError("it refers to other files")
    return {
        constant.name: torch.from_numpy(numpy_helper.to_array(constant).copy())
        for constant in model.graph.initializer
    }


def in_pytorch_order(weight: Tensor, cell: str) -> Tensor:
    """Weights or biases (gates * hidden_dim, ...) in ONNX's order of gates in that of PyTorch."""
    order = GATE_ORDER[cell]
    gates = weight.chunk(len(order))
    return torch.cat([gates[order.index(number)] for number in range(len(order))])
