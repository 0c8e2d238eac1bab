"""Weights as int8 with a scale for each row: a quarter of the bytes of float32."""

import torch
from torch import Tensor


def quantize_rows(weight: Tensor) -> dict[str, Tensor]:
    """A matrix (rows, columns) as {"int8": the same shape, "scale": (rows,) float32}."""
    weight = weight.float()
    scale = weight.abs().amax(1).clamp_min(1e-12) / 127
    return {"int8": torch.round(weight / scale[:, None]).to(torch.int8), "scale": scale}


def dequantize_rows(packed: dict[str, Tensor]) -> Tensor:
    """The float32 matrix that `quantize_rows` packed, to half a step of each row's scale."""
    return packed["int8"].float() * packed["scale"][:, None]


def pack(state: dict[str, Tensor]) -> dict[str, Tensor | dict[str, Tensor]]:
    """A state dict with its matrices quantized; a tensor under two names is packed once."""
    packed: dict[int, dict[str, Tensor]] = {}
    found: dict[str, Tensor | dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if tensor.dim() == 2:
            found[name] = packed.setdefault(tensor.data_ptr(), quantize_rows(tensor))
        else:
            found[name] = tensor
    return found


def unpack(state: dict[str, Tensor | dict[str, Tensor]]) -> dict[str, Tensor]:
    """The state dict that `pack` packed, in float32."""
    return {
        name: dequantize_rows(value) if isinstance(value, dict) else value
        for name, value in state.items()
    }
