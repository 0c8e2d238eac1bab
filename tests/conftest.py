"""Shared fixtures: a small show, a finished training run on it, its exported bundle."""

import functools
import gc
import pathlib
import random
import ssl
import warnings

import hypothesis
import pytest
import torch

torch.set_num_threads(1)
# A full collection visits the objects of all imports, in 0.3 s, and would run during the imports.
gc.set_threshold(100_000, 20, 100)
# No wall-clock limit per example: the first call of a TorchScript function compiles it.
repeatable = hypothesis.settings(deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.register_profile("repeatable", repeatable)
hypothesis.settings.register_profile("random", deadline=None)  # `make nightly`: 100 examples
hypothesis.settings.load_profile("repeatable")
ROOT = pathlib.Path(__file__).parent.parent
NO_CHROMIUM = "no Chromium starts"  # why browser tests are skipped


def pytest_collection_finish():
    """Leaves the imported modules and the tests out of later garbage collections."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Says after everything else that browser tests were skipped, and how to run them."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    skipped = [each for each in reports if NO_CHROMIUM in str(each.longrepr)]
    if skipped:
        reason = skipped[0].longrepr[2].removeprefix("Skipped: ")
        line = f"{len(skipped)} BROWSER TESTS WERE SKIPPED, {reason}"
        config.get_terminal_writer().line(line, red=True, bold=True)


@pytest.fixture(scope="session", autouse=True)
def one_ssl_context():
    """Each client of httpx would read all certificates, in 25 ms; no request here uses HTTPS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


def write_show(path: pathlib.Path, lines: int = 400) -> pathlib.Path:
    """A script that a very small network can learn: the speaker determines the words."""
    source = random.Random(7)
    speeches = {"Ann": ["hello there.", "(waving) hello, Bob!"], "Bob": ["not now, Ann.", "no?"]}
    text = ["[setting: the café]"]
    for _ in range(lines):
        speaker = source.choice(sorted(speeches))
        text.append(f"{speaker}: {source.choice(speeches[speaker])}")
    path.write_text("\n\n".join(text) + "\n", encoding="utf-8")
    return path


TINY = [
    *("--base", "none"),
    *("--embedding-dim", "16", "--hidden-dim", "24", "--n-layers", "2", "--batch-size", "4"),
    *("--sequence-length", "20", "--epochs", "6", "--learning-rate", "0.02", "--device", "cpu"),
    *("--dropout", "0.1", "--dropout-between", "0.1", "--dropout-input", "0", "--weight-drop", "0"),
    *("--dropout-words", "0", "--grad-clip", "5", "--eval-epochs", "1"),
]


@pytest.fixture(scope="session")
def show(tmp_path_factory) -> pathlib.Path:
    return write_show(tmp_path_factory.mktemp("show") / "the_cafe.txt")


@pytest.fixture(scope="session")
def trained(show, tmp_path_factory) -> pathlib.Path:
    """The folder of a finished training run."""
    from job.options import parse
    from job.train import Run

    folder = tmp_path_factory.mktemp("artifacts") / "the-cafe"
    config, _ = parse(["--data", str(show), "--out", str(folder), *TINY])
    Run(config).train()
    return folder


@pytest.fixture(scope="session")
def bundle(trained) -> pathlib.Path:
    """The folder of `trained` with the exported files."""
    from export.bundle import export

    export(trained / "checkpoint.pt")
    return trained


@pytest.fixture(scope="session")
def writer(bundle):
    """The exported TorchScript model, loaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(str(bundle / "model.torchscript.pt"))
