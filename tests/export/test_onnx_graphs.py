"""The ONNX models give the scores of the network and the speller that they are built from."""

import math

import numpy
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from export.onnx_graphs.builder import FLOAT
from export.onnx_graphs.int8 import (
    BLOCK_SIZES,
    ZERO_POINT,
    Int8StepGraph,
    block_size,
    build_onnx_int8,
    quantize,
)
from export.onnx_graphs.speller import build_speller_onnx
from export.onnx_graphs.step import build_onnx
from export.torchscript.speller import MAX_LETTERS, ScriptSpeller
from job.finalize import pack_speller
from job.layers.speller import Speller
from job.model import RNN

SHAPES = ((1, 1), (1, 6), (3, 5), (2, 1))  # (batch, time)
WORDS = 50
METADATA = {"show": "Test", "weights_sha256": "0" * 64}
STEP = ["scores", "h_after", "c_after", "features"]
NETWORKS = [
    (cell, n_layers, tied) for cell in ("lstm", "gru") for n_layers in (1, 2) for tied in (0, 1)
]


def make(cell="lstm", n_layers=2, tied=True, words=WORDS, embedding=20, hidden=24):
    torch.manual_seed(2)
    tied = bool(tied)
    network = RNN(words, words, embedding, hidden, n_layers, cell=cell, tie_weights=tied).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # the spread of a trained network's scores
            parameter.mul_(3)
        network.fc.bias.normal_()
    return network


def start_session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


@torch.inference_mode()
def steps(network, session, batch, time):
    """Three chained steps: yields (the network's outputs, the session's), in the order of STEP."""
    generator = torch.Generator().manual_seed(batch * 100 + time)
    hidden = network.init_hidden(batch)
    h = c = torch.zeros(network.n_layers, batch, network.hidden_dim).numpy()
    for _ in range(3):
        tokens = torch.randint(network.vocab_size, (batch, time), generator=generator)
        scores, features, hidden = network.read(tokens, hidden)
        found = session.run(STEP, {"tokens": tokens.numpy(), "h": h, "c": c})
        h, c = found[1:3]
        states = hidden if isinstance(hidden, tuple) else (hidden, torch.zeros_like(hidden))
        yield (scores, *states, features), [torch.from_numpy(output) for output in found]


def log_probabilities(scores):
    return torch.log_softmax(scores, -1)


@pytest.mark.parametrize(("cell", "n_layers", "tied"), NETWORKS)
def test_float32_step_matches_the_network(cell, n_layers, tied):
    network = make(cell, n_layers, tied)
    session = start_session(build_onnx(network, METADATA))
    for batch, time in SHAPES:
        for expected, found in steps(network, session, batch, time):
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("cell", "n_layers", "tied"), NETWORKS)
def test_int8_step_approximates_the_network(cell, n_layers, tied):
    network = make(cell, n_layers, tied)
    session = start_session(build_onnx_int8(network, METADATA))
    for batch, time in SHAPES:
        for expected, found in steps(network, session, batch, time):
            int8, float32 = (log_probabilities(scores) for scores in (found[0], expected[0]))
            # 0.1 nats is twice the largest measured error, and small against the spread of words.
            assert float32.std() > 0.8
            torch.testing.assert_close(int8, float32, rtol=0, atol=0.1)
            for actual, wanted, atol in zip(
                found[1:], expected[1:], (0.04, 0.04, 0.1), strict=True
            ):
                torch.testing.assert_close(actual, wanted, rtol=0, atol=atol)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_int8_step_over_a_sequence_equals_single_steps(cell):
    session = start_session(build_onnx_int8(make(cell), METADATA))
    tokens = numpy.arange(14, dtype=numpy.int64).reshape(2, 7)
    states = [numpy.zeros((2, 2, 24), numpy.float32)] * 2
    whole = session.run(STEP, {"tokens": tokens, "h": states[0], "c": states[1]})
    single = []
    for place in range(7):
        feed = {"tokens": tokens[:, place : place + 1], "h": states[0], "c": states[1]}
        scores, *states, _ = session.run(STEP, feed)
        single.append(scores)
    numpy.testing.assert_allclose(numpy.concatenate(single, 1), whole[0], atol=1e-3)
    numpy.testing.assert_allclose(states[0], whole[1], atol=1e-3)


@settings(deadline=None)
@given(st.integers(1, 600), st.integers(0, 10**6))
def test_quantization_error_is_at_most_half_a_scale(columns, seed):
    weight = torch.randn(3, columns, generator=torch.Generator().manual_seed(seed))
    weight[1] = 0
    quantized, scales = quantize(weight)
    assert quantized.shape[2] == block_size(columns) in BLOCK_SIZES
    restored = (quantized.astype(numpy.float32) - ZERO_POINT) * scales[:, :, None]
    restored = restored.reshape(3, -1)
    assert (restored[:, columns:] == 0).all()
    error = numpy.abs(restored[:, :columns] - weight.numpy())
    assert (error <= numpy.repeat(scales, quantized.shape[2], 1)[:, :columns] * 0.501).all()
    assert numpy.abs(quantized.astype(int) - ZERO_POINT).max() == 127
    assert (restored[1] == 0).all()


@pytest.mark.parametrize("columns", [1, 20, 192, 600])
def test_onnx_runtime_dequantizes_the_stored_weights(columns):
    """A one-hot input is exact in int8: the output is a column of the weights."""
    step = Int8StepGraph(make())
    weight = torch.randn(5, columns, generator=torch.Generator().manual_seed(7))
    bias = torch.arange(5.0)
    step.add_matrix("matrix", weight)
    step.product(step.graph, "matrix", weight, "x", bias, "y")
    shapes = {"x": (FLOAT, ["rows", columns])}, {"y": (FLOAT, ["rows", 5])}
    session = start_session(step.graph.model("product", *shapes, {}))
    (found,) = session.run(None, {"x": numpy.eye(columns, dtype=numpy.float32)})
    _, scales = quantize(weight)
    error = numpy.abs(found - (weight.t() + bias).numpy())
    assert (error <= scales.max() * 0.501).all()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("embedding", [192, 256])
def test_int8_model_has_a_quarter_of_the_size(cell, embedding):
    network = make(cell, 2, True, 3000, embedding, 384)
    small = build_onnx_int8(network, METADATA).ByteSize()
    large = build_onnx(network, METADATA).ByteSize()
    assert 0.25 < small / large < 0.275


@pytest.mark.parametrize("build", [build_onnx, build_onnx_int8])
def test_step_model_has_metadata_and_a_dynamic_signature(build):
    model = build(make("lstm", 2, True, WORDS, 20, 24), METADATA)
    onnx.checker.check_model(model, full_check=True)
    assert {prop.key: prop.value for prop in model.metadata_props} == METADATA
    assert [value.name for value in model.graph.output] == STEP
    session = start_session(model)
    assert [(value.name, value.type, value.shape) for value in session.get_inputs()] == [
        ("tokens", "tensor(int64)", ["batch", "time"]),
        ("h", "tensor(float)", [2, "batch", 24]),
        ("c", "tensor(float)", [2, "batch", 24]),
    ]
    assert [value.shape for value in session.get_outputs()] == [
        ["batch", "time", WORDS],
        [2, "batch", 24],
        [2, "batch", 24],
        ["batch", "time", 20],
    ]
    domains = {opset.domain: opset.version for opset in model.opset_import}
    assert domains == ({"": 17} if build is build_onnx else {"": 17, "com.microsoft": 1})


@pytest.fixture
def packed():
    torch.manual_seed(4)
    speller = Speller("abcdez:", 20, hidden_dim=16).eval()
    with torch.no_grad():
        for parameter in speller.parameters():
            parameter.mul_(3)
    return pack_speller(speller)


@torch.inference_mode()
def test_speller_step_matches_torchscript(packed):
    speller = ScriptSpeller(packed)
    session = start_session(build_speller_onnx(packed, METADATA))
    generator = torch.Generator().manual_seed(5)
    for batch in (1, 4):
        features = torch.randn(batch, 20, generator=generator)
        context = torch.tanh(speller.context(features))
        hidden = torch.zeros(batch, 16)
        h = hidden.numpy()
        for _ in range(5):
            letter = torch.randint(9, (batch,), generator=generator)
            x = torch.cat([speller.embedding[letter], context], dim=1)[:, None]
            x, hidden, _ = speller.gru(x, hidden, hidden)
            feed = {"letter": letter.numpy(), "h": h, "features": features.numpy()}
            scores, h = session.run(["scores", "h_after"], feed)
            torch.testing.assert_close(torch.from_numpy(h), hidden, rtol=0, atol=1e-5)
            expected = speller.fc(x[:, 0])
            torch.testing.assert_close(torch.from_numpy(scores), expected, rtol=0, atol=1e-4)


def test_speller_model_spells_the_same_word_as_torchscript(packed):
    session = start_session(build_speller_onnx(packed, METADATA))
    features = torch.randn(1, 20, generator=torch.Generator().manual_seed(6))
    with torch.inference_mode():
        expected, _, _ = ScriptSpeller(packed)(features, 0.0, 1.0, 1, 2)
    letter, h, word = 0, numpy.zeros((1, 16), numpy.float32), ""
    for place in range(MAX_LETTERS):
        feed = {"letter": numpy.array([letter]), "h": h, "features": features.numpy()}
        scores, h = session.run(["scores", "h_after"], feed)
        scores[0, 1] = -math.inf  # OTHER cannot be written
        if place == 0:
            scores[0, 0] = -math.inf
        letter = int(scores.argmax())
        if letter == 0:
            break
        word += packed["letters"][letter - 2]
    assert word == expected
    assert word
