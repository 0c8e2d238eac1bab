"""Shared fixtures: models in both runtimes, with and without speller and neural cache."""

import hashlib
import json
import pathlib
import shutil

import pytest

from export.rollout import publish
from serve.models.backends import load_writer
from serve.models.bundles import open_bundle
from serve.models.load import Model
from tests.models import export_with_speller_and_cache
from tests.serve.acting import actions_on
from tests.serve.fakes import SimulatedClock, simulated_engine

RUNTIMES = ("torchscript", "onnx")


def load(folder: pathlib.Path, runtime: str, precision: str = "fp32") -> Model:
    """A bundle's loaded model. In fp32 both runtimes generate the same words."""
    bundle = open_bundle(folder, runtime, precision)
    return Model(bundle, load_writer(bundle))


def export_with_cache(checkpoint: pathlib.Path, folder: pathlib.Path, size: int) -> pathlib.Path:
    """Exports the small run with a speller and a cache of `size` words; OOV words are likely."""
    export_with_speller_and_cache(checkpoint, folder, size, 6)
    return folder


@pytest.fixture(scope="session")
def spelling(trained, tmp_path_factory) -> dict[str, Model]:
    """By runtime: a model with a speller and a cache of 20 words, which is soon full."""
    folder = export_with_cache(trained / "checkpoint.pt", tmp_path_factory.mktemp("spelling"), 20)
    return {runtime: load(folder, runtime) for runtime in RUNTIMES}


@pytest.fixture(scope="session")
def long_cache(trained, tmp_path_factory) -> dict[str, Model]:
    """By runtime: a model with a speller and a cache of 1,000 words, the largest."""
    folder = export_with_cache(trained / "checkpoint.pt", tmp_path_factory.mktemp("long"), 1000)
    return {runtime: load(folder, runtime) for runtime in RUNTIMES}


@pytest.fixture(scope="session")
def small(bundle) -> dict[str, Model]:
    """By runtime: the small show's model, without speller and cache."""
    return {runtime: load(bundle, runtime) for runtime in RUNTIMES}


@pytest.fixture(scope="session")
def small_int8(bundle) -> dict[str, Model]:
    """The small show's model in int8, by TorchScript."""
    return {"torchscript": load(bundle, "torchscript", "int8")}


@pytest.fixture(scope="module", params=RUNTIMES)
def actions(small, request):
    """The actions on the small show's model, in each runtime."""
    with actions_on(small[request.param]) as made:
        yield made


@pytest.fixture(scope="module")
def spelled(spelling):
    """The actions on the model with a speller and a cache."""
    with actions_on(spelling["onnx"]) as made:
        yield made


@pytest.fixture
def clock():
    """The time of `engine`."""
    return SimulatedClock()


@pytest.fixture
def engine(clock):
    """A scheduler in simulated time and one thread."""
    with simulated_engine(clock) as engine:
        yield engine


@pytest.fixture
def copy(bundle, tmp_path) -> pathlib.Path:
    """A copy of the bundle, to be damaged."""
    return copy_without_versions(bundle, tmp_path / "copy")


def copy_without_versions(bundle: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """A copy of a bundle's files alone: no other version takes the place of a changed one."""
    return shutil.copytree(bundle, target, ignore=shutil.ignore_patterns("versions", "current"))


def edit_manifest(folder: pathlib.Path, change) -> None:
    """Rewrites the manifest after `change` has altered its fields."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def replace_file(folder: pathlib.Path, name: str, content: bytes) -> None:
    """Replaces a file's content and its checksum in the manifest."""
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit_manifest(folder, lambda manifest: manifest["files"][name].update(sha256=digest))


def export_to(folder: pathlib.Path, bundle: pathlib.Path, **changes) -> str:
    """Publishes the ONNX files of a bundle, with other fields in its manifest, as a new version.

    Returns:
        The version.
    """
    staged = copy_without_versions(bundle, folder / ".staged")
    for path in staged.iterdir():
        if path.suffix in (".onnx", ".pt") and path.name not in ("model.int8.onnx", "model.onnx"):
            path.unlink()
    edit_manifest(staged, lambda manifest: manifest.update(changes))
    return publish(staged, folder)
