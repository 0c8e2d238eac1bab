"""What these tests share: writers of either runtime, and a model that spells and remembers."""

import hashlib
import json
import pathlib
import shutil

import pytest
import torch

from export.bundle import write_files
from export.manifest import build_manifest
from job.checkpoint import load_network
from job.finalize import pack_speller
from job.layers.speller import Speller
from serve.actions import Model
from serve.models.backends import load_writer
from serve.models.bundles import open_bundle

RUNTIMES = ("torchscript", "onnx")


def load(folder: pathlib.Path, runtime: str, precision: str = "fp32") -> Model:
    """A bundle's file, loaded: in fp32, both runtimes' words are the same."""
    bundle = open_bundle(folder, runtime, precision)
    return Model(bundle, load_writer(bundle))


def remembering(checkpoint: pathlib.Path, folder: pathlib.Path, size: int) -> pathlib.Path:
    """The small run exported with a speller, and a memory of so many words; unknown ones likely."""
    network, vocabulary, content = load_network(checkpoint)
    torch.manual_seed(8)
    speller = pack_speller(Speller("abdeno:é", network.fc.in_features, hidden_dim=16).eval())
    with torch.no_grad():
        network.fc.bias[vocabulary.unknown_id] = network.fc.bias.mean() + 6
    cache = {"size": size, "theta": 0.1, "weight": 0.3}
    content = {**content, "speller": speller, "scores": {**content["scores"], "cache": cache}}
    checks = write_files(folder, network, vocabulary, content, pt2=False) | {"held_out": {}}
    manifest = build_manifest(folder, network, vocabulary, content, checks)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def spelling(trained, tmp_path_factory) -> dict[str, Model]:
    """By runtime: a model that spells, and whose memory is soon full."""
    folder = remembering(trained / "checkpoint.pt", tmp_path_factory.mktemp("spelling"), 20)
    return {runtime: load(folder, runtime) for runtime in RUNTIMES}


@pytest.fixture(scope="session")
def long_memory(trained, tmp_path_factory) -> dict[str, Model]:
    """By runtime: a model that spells, and remembers as much as is ever remembered."""
    folder = remembering(trained / "checkpoint.pt", tmp_path_factory.mktemp("long"), 1000)
    return {runtime: load(folder, runtime) for runtime in RUNTIMES}


@pytest.fixture(scope="session")
def small(bundle) -> dict[str, Model]:
    """By runtime: the small show's model."""
    return {runtime: load(bundle, runtime) for runtime in RUNTIMES}


@pytest.fixture(scope="session")
def small_int8(bundle) -> dict[str, Model]:
    """The small show's model in int8, by TorchScript."""
    return {"torchscript": load(bundle, "torchscript", "int8")}


@pytest.fixture
def copy(bundle, tmp_path) -> pathlib.Path:
    """A bundle of one's own, to be damaged."""
    return shutil.copytree(bundle, tmp_path / "copy")


def edit_manifest(folder: pathlib.Path, change) -> None:
    """Lets `change` alter the manifest's fields."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def replace_file(folder: pathlib.Path, name: str, content: bytes) -> None:
    """Another content for a file, which the manifest vouches for."""
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit_manifest(folder, lambda manifest: manifest["files"][name].update(sha256=digest))
