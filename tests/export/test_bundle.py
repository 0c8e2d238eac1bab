"""The exported bundle: its manifest, parity between runtimes, atomic publication."""

import dataclasses
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading

import numpy
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data import versions
from data.command_line import DiskFull, UserError
from data.vocab import Vocabulary
from export.bundle import export
from export.files import BUILD, onnx_step
from export.onnx_graphs.step import build_onnx
from export.parity import verify_onnx
from export.torchscript.writer import ScriptWriter
from export.verify_bundle import verify
from job.checkpoint import load_network
from job.layers.sampling import Options, apply_structure, sample_token, seeded, uniform
from job.model import RNN
from tests.conftest import ROOT


def test_manifest_has_sizes_and_checksums_of_all_files(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    for name, file in manifest["files"].items():
        content = (bundle / name).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert file["bytes"] == len(content)
    assert manifest["show"] == "The Cafe"
    assert manifest["version"] == versions.MANIFEST
    metadata = onnx.load(str(bundle / "model.onnx")).metadata_props
    cache = next(json.loads(entry.value) for entry in metadata if entry.key == "cache")
    assert manifest["cache"] == cache
    assert set(cache) == {"size", "theta", "weight", "max_ratio"}
    vocabulary = Vocabulary.from_json((bundle / "vocab.json").read_text())
    assert manifest["weights_sha256"] == vocabulary.weights_sha256
    assert not list(bundle.glob(".export-*"))


def test_readme_example_runs_without_the_projects_code(bundle, tmp_path):
    readme = (ROOT / "README.md").read_text()
    code = re.search(r"```python\n(.*?torch\.jit\.load.*?)```", readme, re.DOTALL)[1]
    path = tmp_path / "artifacts/low-tide/model.torchscript.pt"
    path.parent.mkdir(parents=True)
    shutil.copy(bundle / "model.torchscript.pt", path)
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 20


def test_stream_next_gives_the_text_of_generate(writer):
    options = (1.0, 0, 0.9, 0.0, 1.1)
    state = writer.stream_start("Ann: hello ", 5)
    texts = ["Ann: hello"]
    for _ in range(40):
        text, state = writer.stream_next(state, *options)
        texts.append(text)
    text = writer.generate("Ann: hello ", 40, 1.0, 0, 0.9, 0.0, 1.1, 5)
    assert "".join(texts) == text
    assert writer.decode(writer.encode(text)) == text.lower()


def test_eager_torchscript_and_onnx_generate_the_same_words(bundle, writer):
    network, vocabulary, content = load_network(bundle / "checkpoint.pt")
    prompt, seed = "Bob: no?\n\n", 3
    eager = ScriptWriter(network, vocabulary, content.speller, content.cache)
    generated = writer.generate(prompt, 60, 1.0, 0, 0.95, 0.0, 1.0, seed)
    assert eager.generate(prompt, 60, 1.0, 0, 0.95, 0.0, 1.0, seed) == generated
    # The ONNX file is the network alone, without neural cache and speller.
    eager = ScriptWriter(network, vocabulary)
    expected = eager.generate(prompt, 60, 1.0, 0, 0.95, 0.0, 1.0, seed)
    session = onnxruntime.InferenceSession(str(bundle / "model.onnx"))
    one, two = seeded(seed)
    ids = vocabulary.encode(vocabulary.primer + prompt)
    primer = len(vocabulary.encode(vocabulary.primer))
    state = numpy.zeros((network.n_layers, 1, network.hidden_dim), numpy.float32)
    h, c, tokens = state, state, ids
    for _ in range(60):
        scores, h, c, _ = session.run(None, {"tokens": numpy.array([tokens]), "h": h, "c": c})
        u, one, two = uniform(one, two)
        last = torch.from_numpy(scores[0, -1]).double()
        last[vocabulary.unknown_id] = -torch.inf
        recent = torch.tensor(ids[primer:])
        apply_structure(last, recent, eager.roles, eager.excluded, vocabulary.speaker_repeat)
        ids.append(sample_token(last, Options(temperature=1.0, top_p=0.95), u))
        tokens = ids[-1:]
    assert vocabulary.decode(ids[primer:]) == expected.lower()


@settings(deadline=None)  # the first call compiles
@given(st.text())
def test_tokenizer_gives_the_same_ids_in_python_and_torchscript(bundle, writer, text):
    vocabulary = Vocabulary.from_json((bundle / "vocab.json").read_text())
    assert list(writer.encode(text)) == vocabulary.encode(text)
    known = set(vocabulary.words)
    typed = {name: symbol for symbol, name in vocabulary.symbols.items()}
    unknown = [typed.get(word, word) for word in vocabulary.split(text) if word not in known]
    assert list(writer.unknown_words(text)) == list(dict.fromkeys(unknown))


def test_concurrent_calls_give_the_same_text_as_sequential_ones(writer):
    sequential = [writer.generate("", 80, seed=seed) for seed in range(6)]
    concurrent = [""] * 6

    def work(seed):
        concurrent[seed] = writer.generate("", 80, seed=seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert concurrent == sequential
    assert len(set(sequential)) > 1


def test_unknown_word_is_never_generated(writer):
    for seed in range(5):
        text = writer.generate("zebra unknownish", 100, temperature=2.0, top_p=1.0, seed=seed)
        assert "<unk>" not in text
        assert "||" not in text


@pytest.mark.parametrize("name", ["temperature", "top_k", "top_p", "min_p", "seed"])
def test_sampling_option_out_of_range_is_named_in_the_error(writer, name):
    with pytest.raises(torch.jit.Error, match=name):
        writer.generate("", 5, **{name: -1})


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("layers", [1, 3])
def test_export_of_each_architecture_matches_the_network(cell, tied, layers, tmp_path):
    vocabulary = Vocabulary.build("Ann: a b c.\n\n" * 9, "Small")
    size = len(vocabulary)
    torch.manual_seed(1)
    network = RNN(size, size, 6, 10, layers, cell=cell, tie_weights=tied).eval()
    onnx.save(build_onnx(network, {"show": "Small"}), str(tmp_path / "model.onnx"))
    assert verify_onnx(tmp_path / "model.onnx", network) < 1e-4
    writer = ScriptWriter(network, vocabulary)
    tokens = torch.randint(size, (2, 5))
    scores, _ = writer(tokens, writer.init_hidden(2))
    expected, _ = network.all_scores(tokens, network.init_hidden(2))
    torch.testing.assert_close(scores, expected)


def test_vocabulary_size_mismatch_gives_both_sizes():
    vocabulary = Vocabulary.build("Ann: a b c.\n\n" * 9, "Small")
    network = RNN(99, 99, 4, 4, 1)
    with pytest.raises(UserError, match=f"99 words and the vocabulary {len(vocabulary)}"):
        ScriptWriter(network, vocabulary)


def contents(folder):
    """The content of all files in a folder by their names."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def exported(bundle, tmp_path):
    """A copy of the bundle with its checkpoint and its version."""
    return shutil.copytree(bundle, tmp_path / "exported")


def test_parity_failure_leaves_the_previous_export_unchanged(exported, monkeypatch):
    before = contents(exported)

    def wrong(model):
        other = RNN(model.network.vocab_size, model.network.vocab_size, 16, 24, 2, tie_weights=True)
        return onnx_step(dataclasses.replace(model, network=other.eval()))

    monkeypatch.setitem(BUILD, "model.onnx", wrong)
    with pytest.raises(UserError, match=r"model.onnx differs .* nothing was exported"):
        export(exported / "checkpoint.pt")
    assert contents(exported) == before


@pytest.fixture
def keyboard_interrupt():
    """SIGINT raises KeyboardInterrupt, whatever handler an earlier test has left."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard_interrupt")
def test_interrupted_export_leaves_the_previous_bundle_valid(exported, monkeypatch):
    before = contents(exported)

    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("export.bundle.verify_onnx", interrupt)
        with pytest.raises(KeyboardInterrupt):
            export(exported / "checkpoint.pt")
    assert contents(exported) == before

    replace = os.replace
    with monkeypatch.context() as patch:  # blocked until all files are moved
        patch.setattr("export.rollout.os.replace", lambda *names: (interrupt(), replace(*names)))
        with pytest.raises(KeyboardInterrupt):
            export(exported / "checkpoint.pt")
    assert len(list(verify(exported, run_torchscript=True))) > 8


def test_full_disk_is_an_error_of_its_own_and_leaves_the_previous_bundle(exported):
    before = contents(exported)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, limits[1]))
    try:
        with pytest.raises(DiskFull, match=r"File too large.*free some disk space"):
            export(exported / "checkpoint.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(exported) == before


def test_missing_checkpoint_gives_one_line_and_exit_code_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "export", "--checkpoint", str(tmp_path / "none.pt")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "checkpoint" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
