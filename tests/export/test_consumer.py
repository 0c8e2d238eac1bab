"""docs/consumer.py, the TorchScript file and eager PyTorch generate the same words."""

import json
import pathlib
import random
import shutil
import subprocess
import sys

import pytest
import torch

from data import versions
from export.torchscript.writer import ScriptWriter
from job.checkpoint import load_network
from tests.bench.generation import load_consumer
from tests.models import export_with_speller_and_cache

PATH = pathlib.Path(__file__).parent.parent.parent / "docs" / "consumer.py"
CASES = 30  # and more in `make nightly`
PROMPTS = [
    *("", " ", "\n", "Ann:", "ANN: Hello", "bob: not now, ", "[Setting: the CAFÉ]\n\n", "hello-"),
    *('ann: "hello', "Bob: “No?” he said\n\n", "(waving) hello, Bob!", "Ann: …", "a . b - c; d"),
    *("zork: hello zork.\n\nbob:", "quincy: œuvre naïve", "ann: 日本 café", "x y z x y z", "<unk>"),
    *("[setting: the zork]\n\n", "[the zork", "zork] quux) [quux: "),
    *("É é Ça ç, e. É", "a . é", "no - dash ; here"),
]


@pytest.fixture(scope="module")
def consumer():
    """docs/consumer.py as a module; it is not part of a package."""
    return load_consumer()


def spelling_bundle(checkpoint, folder, increase):
    """Exports the small run with an untrained speller and a neural cache of 20 words.

    Args:
        increase: the unknown word's bias above the mean of all words.

    Returns:
        (the folder of the files, the same model as an eager writer).
    """
    network, vocabulary, content = export_with_speller_and_cache(checkpoint, folder, 20, increase)
    return folder, ScriptWriter(network, vocabulary, content.speller, content.cache)


@pytest.fixture(scope="module")
def spelling(trained, tmp_path_factory):
    return spelling_bundle(trained / "checkpoint.pt", tmp_path_factory.mktemp("spelling"), 6)


def draw_options(source):
    """Random options in the order of `stream_next`; each is off in about half of the cases."""
    return {
        "temperature": source.choice([0.0, 0.3, 0.8, 1.0, 2.0]),
        "top_k": source.choice([0, 0, 1, 4, 9]),
        "top_p": source.choice([1.0, 1.0, 0.5, 0.95]),
        "min_p": source.choice([0.0, 0.0, 0.02, 0.2]),
        "repetition_penalty": source.choice([1.0, 1.0, 1.2, 3.0]),
        "no_repeat_ngram_size": source.choice([0, 0, 1, 2, 3]),
        "invent_words": source.choice([False, True]),
    }


def words_of(writer, eager, prompt, count, seed, options):
    """Generates words by streaming.

    Args:
        eager: the same model in eager mode: each access to an attribute of a loaded file copies it.

    Returns:
        (the words as typed, the out-of-vocabulary words of the prompt, all of them).
    """
    state = writer.stream_start(prompt, seed)
    prompt_oov = list(state[4])
    for _ in range(count):
        _, state = writer.stream_next(state, *options.values())
    ids = state[2].tolist()[state[2].size(0) - count :]
    words = [eager.text_of(number, state[4]) for number in ids]
    return [eager.characters.get(word, word) for word in words], prompt_oov, list(state[4])


def compare(folder, eager, consumer, cases):
    """Asserts that all three generate the same words.

    Returns:
        The number of cases with an out-of-vocabulary word in the prompt, with an invented word,
        and with an out-of-vocabulary word of the prompt generated again.
    """
    scripted = torch.jit.load(str(folder / "model.torchscript.pt"))
    bundle = consumer.load(folder)
    source = random.Random(5)
    in_prompt = invented = repeated = 0
    for _ in range(cases):
        prompt, options = source.choice(PROMPTS), draw_options(source)
        count, seed = source.randint(8, 25), source.randrange(2**31)
        given = (prompt, count, seed, options)
        expected, prompt_oov, oov = words_of(scripted, eager, *given)
        assert words_of(eager, eager, *given) == (expected, prompt_oov, oov), given
        assert consumer.generate(bundle, prompt, count, seed=seed, **options) == expected, given
        in_prompt += bool(prompt_oov)
        assert options["invent_words"] or oov == prompt_oov, given
        repeatable = [word for word in oov if not set(word) & set("[]()")]
        assert {*oov[len(prompt_oov) :], *expected} - {*eager.typed_words} <= {*repeatable}, given
        invented += len(oov) > len(prompt_oov)
        repeated += any(word in prompt_oov for word in expected)
    return in_prompt, invented, repeated


@pytest.mark.parametrize("cases", [CASES, pytest.param(10 * CASES, marks=pytest.mark.slow)])
def test_consumer_generates_the_same_words_with_cache_and_speller(spelling, consumer, cases):
    """Ties included: the cache's bound makes out-of-vocabulary words equally likely."""
    in_prompt, invented, repeated = compare(*spelling, consumer, cases)
    assert in_prompt > cases / 3
    assert invented > cases / 10
    assert repeated > cases / 15


def test_consumer_generates_the_same_words_for_the_small_show(bundle, consumer):
    network, vocabulary, content = load_network(bundle / "checkpoint.pt")
    eager = ScriptWriter(network, vocabulary, content.speller, content.cache)
    compare(bundle, eager, consumer, CASES)


def run(folder, where, *arguments):
    command = [sys.executable, "-I", str(PATH), str(folder), *arguments]
    return subprocess.run(command, cwd=where, capture_output=True, check=False, encoding="utf-8")


def test_consumer_imports_only_onnxruntime_and_numpy(spelling, consumer, tmp_path):
    lines = PATH.read_text("utf-8").splitlines()
    imports = [line.split()[1] for line in lines if line.startswith(("import ", "from "))]
    assert imports == ["hashlib", "json", "pathlib", "sys", "numpy", "onnxruntime"]
    done = run(spelling[0], tmp_path, "Ann: hello", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Ann: hello")
    words = consumer.generate(consumer.load(spelling[0]), "Ann: hello", seed=3)
    assert done.stdout == " ".join(["Ann: hello", *words]) + "\n"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def copy(spelling, tmp_path):
    """The files that the consumer reads, to be damaged."""
    for name in ("model.onnx", "speller.onnx", "vocab.json"):
        shutil.copy(spelling[0] / name, tmp_path / name)
    return tmp_path


def test_consumer_refuses_a_vocabulary_of_another_export(copy):
    with (copy / "vocab.json").open("a", encoding="utf-8") as file:
        file.write("\n")
    done = run(copy, copy, "Ann:")
    assert (done.returncode, done.stdout) == (1, "")
    assert "\n" not in done.stderr.strip()
    assert "vocab.json and model.onnx are of different exports" in done.stderr


def test_consumer_refuses_an_older_vocabulary(copy):
    vocabulary = json.loads((copy / "vocab.json").read_text(encoding="utf-8"))
    vocabulary["version"] = versions.VOCABULARY - 1
    (copy / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    done = run(copy, copy, "Ann:")
    assert (done.returncode, done.stdout) == (1, "")
    assert "\n" not in done.stderr.strip()
    assert f"version {versions.VOCABULARY - 1}" in done.stderr
    assert "export the model again" in done.stderr
