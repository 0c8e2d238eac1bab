"""The reference consumer of docs/ against the writer itself: the same words for the same seed."""

import dataclasses
import pathlib
import random
import shutil
import subprocess
import sys

import pytest
import torch

from export.bundle import _write
from export.torchscript.writer import ScriptWriter
from job.checkpoint import load_network
from job.finalize import pack_speller
from job.layers.speller import Speller
from tests.bench.generation import load_consumer

PATH = pathlib.Path(__file__).parent.parent.parent / "docs" / "consumer.py"
CASES = 300
PROMPTS = [
    *("", " ", "\n", "Ann:", "ANN: Hello", "bob: not now, ", "[Setting: the CAFÉ]\n\n", "hello-"),
    *('ann: "hello', "Bob: “No?” he said\n\n", "(waving) hello, Bob!", "Ann: …", "a . b - c; d"),
    *("zork: hello zork.\n\nbob:", "quincy: œuvre naïve", "ann: 日本 café", "x y z x y z", "<unk>"),
    *("É é Ça ç, e. É", "a . é", "no - dash ; here"),
]


@pytest.fixture(scope="module")
def consumer():
    """docs/consumer.py, which is no part of any package."""
    return load_consumer()


def spelling_bundle(checkpoint, folder, rise):
    """The small run with a speller and a cache, neither of which so regular a show gives it.

    The exported files in `folder`, and the same as an eager writer. `rise`: how much likelier than
    words on average the unknown one is made.
    """
    network, vocabulary, content = load_network(checkpoint)
    torch.manual_seed(8)
    speller = pack_speller(Speller("abdeno:é", network.fc.in_features, hidden_dim=16).eval())
    with torch.no_grad():
        network.fc.bias[vocabulary.unknown_id] = network.fc.bias.mean() + rise
    cache = {"size": 20, "theta": 0.1, "weight": 0.3}
    content = dataclasses.replace(content, speller=speller, cache=cache)
    _write(folder, network, vocabulary, content, pt2=False)
    return folder, ScriptWriter(network, vocabulary, speller, cache)


@pytest.fixture(scope="module")
def spelling(trained, tmp_path_factory):
    return spelling_bundle(trained / "checkpoint.pt", tmp_path_factory.mktemp("spelling"), 6)


def draw_options(source):
    """The options of one case in the order of `stream_next`; each is off in about half of them."""
    return {
        "temperature": source.choice([0.0, 0.3, 0.8, 1.0, 2.0]),
        "top_k": source.choice([0, 0, 1, 4, 9]),
        "top_p": source.choice([1.0, 1.0, 0.5, 0.95]),
        "min_p": source.choice([0.0, 0.0, 0.02, 0.2]),
        "repetition_penalty": source.choice([1.0, 1.0, 1.2, 3.0]),
        "no_repeat_ngram_size": source.choice([0, 0, 1, 2, 3]),
    }


def words_of(writer, eager, prompt, count, seed, options):
    """The words of a writer's stream, symbols as characters; those met in the prompt, and in all.

    `eager` knows the vocabulary's words as typed: attributes of a loaded file copy at each use.
    """
    state = writer.stream_start(prompt, seed)
    read = list(state[4])
    for _ in range(count):
        _, state = writer.stream_next(state, *options.values())
    names = {name: symbol for symbol, name in eager.symbols.items()}
    ids = state[2].tolist()[state[2].size(0) - count :]
    words = [eager.text_of(number, state[4]) for number in ids]
    return [names.get(word, word) for word in words], read, list(state[4])


def compare(folder, eager, consumer, cases):
    """Asserts that all write the same words.

    How many cases oov an unknown word in the prompt, spelled one, wrote one of the prompt again.
    """
    scripted = torch.jit.load(str(folder / "model.torchscript.pt"))
    reader = consumer.load(folder)
    source = random.Random(5)
    met_in_prompt = spelled = again = 0
    for _ in range(cases):
        prompt, options = source.choice(PROMPTS), draw_options(source)
        count, seed = source.randint(8, 25), source.randrange(2**31)
        given = (prompt, count, seed, options)
        expected, read, oov = words_of(scripted, eager, *given)
        assert words_of(eager, eager, *given) == (expected, read, oov), given
        assert consumer.generate(reader, prompt, count, seed=seed, **options) == expected, given
        met_in_prompt += bool(read)
        spelled += len(oov) > len(read)
        again += any(word in read for word in expected)
    return met_in_prompt, spelled, again


def test_the_same_words_as_the_writer(spelling, consumer):
    """Equals too: the cache makes words met exactly alike; the lower number then goes first."""
    met_in_prompt, spelled, again = compare(*spelling, consumer, CASES)
    assert met_in_prompt > 100
    assert spelled > 100
    assert again > 20


def test_the_same_words_as_the_small_show(bundle, consumer):
    network, vocabulary, content = load_network(bundle / "checkpoint.pt")
    cache = content.cache
    eager = ScriptWriter(network, vocabulary, content.speller, cache)
    compare(bundle, eager, consumer, CASES // 5)


def run(folder, where, *arguments):
    command = [sys.executable, "-I", str(PATH), str(folder), *arguments]
    return subprocess.run(command, cwd=where, capture_output=True, check=False, encoding="utf-8")


def test_it_needs_onnxruntime_and_numpy_alone(spelling, consumer, tmp_path):
    lines = PATH.read_text("utf-8").splitlines()
    imports = [line.split()[1] for line in lines if line.startswith(("import ", "from "))]
    assert imports == ["hashlib", "json", "pathlib", "sys", "numpy", "onnxruntime"]
    done = run(spelling[0], tmp_path, "Ann: hello", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Ann: hello")
    words = consumer.generate(consumer.load(spelling[0]), "Ann: hello", seed=3)
    assert done.stdout == " ".join(["Ann: hello", *words]) + "\n"
    assert list(tmp_path.iterdir()) == []


def test_a_vocabulary_of_another_export_is_refused_in_one_line(spelling, tmp_path):
    for name in ("model.onnx", "speller.onnx", "vocab.json"):
        shutil.copy(spelling[0] / name, tmp_path / name)
    with (tmp_path / "vocab.json").open("a", encoding="utf-8") as file:
        file.write("\n")
    done = run(tmp_path, tmp_path, "Ann:")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "vocab.json and model.onnx are not of one export" in done.stderr
