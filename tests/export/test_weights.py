"""The weights in an ONNX file are those of the network that it was built from, bit for bit."""

import pytest
import torch

from export.files import weights_sha256
from export.onnx_graphs.int8 import build_onnx_int8
from export.onnx_graphs.speller import build_speller_onnx
from export.onnx_graphs.step import build_onnx
from export.onnx_graphs.weights import network_in, speller_weights_in
from job.layers.speller import Speller, pack_speller
from job.model import RNN


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_network_is_read_from_its_onnx_file(cell, tied, layers):
    network = RNN(11, 11, 6, 10, layers, cell=cell, tie_weights=tied).eval()
    found = network_in(build_onnx(network, {}))
    assert weights_sha256(found) == weights_sha256(network)
    assert (found.cell, found.n_layers, found.tied) == (cell, layers, tied)
    assert build_onnx(found, {}) == build_onnx(network, {})


def test_speller_is_read_from_its_onnx_file():
    packed = pack_speller(Speller("abé", 10, hidden_dim=16))
    found = speller_weights_in(build_speller_onnx(packed, {}))
    assert found.keys() == packed["weights"].keys()
    assert all(torch.equal(found[name], weight) for name, weight in packed["weights"].items())


def test_int8_file_is_not_read_as_a_network():
    network = RNN(11, 11, 6, 10, 1, tie_weights=True).eval()
    with pytest.raises((ValueError, KeyError, IndexError, RuntimeError)):
        network_in(build_onnx_int8(network, {}))
