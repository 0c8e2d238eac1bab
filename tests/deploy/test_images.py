"""The Dockerfiles, tested without a container engine: lint and image contents."""

import pathlib
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.deploy.dockerfiles import ignored, stages
from tests.sources import imported_files

FILES = ("Dockerfile.train", "Dockerfile.serve")


@pytest.mark.parametrize("file", FILES)
def test_hadolint_reports_nothing(file):
    hadolint = pathlib.Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", ROOT / file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES)
def test_first_stage_is_the_only_one_with_a_base_image(file):
    # An engine replaces the image of the first FROM: podman build --from
    first, *others = stages(file)
    assert first.base.startswith("python:3.11-slim-bookworm@sha256:")
    assert {stage.base for stage in others} <= {"scratch", "base"}


@pytest.mark.parametrize("file", FILES)
def test_image_runs_as_a_numeric_non_root_user(file):
    (user,) = stages(file)[-1].values("USER")
    assert int(user) > 0


def test_serve_image_contains_only_serve_and_its_imports():
    copied = stages("Dockerfile.serve")[-1].copied()
    data = {name for name in copied if name.startswith("data/")}
    serve = {name for name in copied if name.startswith("serve/")}
    assert copied == data | serve
    wanted = set().union(*(imported_files(ROOT / name) for name in copied if name.endswith(".py")))
    assert wanted <= copied
    assert data == {name for name in wanted if name.startswith("data/")} | {"data/__init__.py"}


def test_no_stage_of_the_serve_image_copies_training_code():
    for stage in stages("Dockerfile.serve"):
        packages = {name.split("/")[0] for name in stage.copied()}
        assert packages <= {"pyproject.toml", "locks", "tools", "data", "serve"}


def test_train_image_contains_all_imports_of_training_and_export():
    copied = stages("Dockerfile.train")[-1].copied()
    assert {"job/__main__.py", "export/__main__.py", "data/shows/low_tide.txt"} <= copied
    assert not {name for name in copied if name.startswith(("serve/", "tests/"))}
    wanted = set().union(*(imported_files(ROOT / name) for name in copied if name.endswith(".py")))
    assert wanted <= copied | {"setup.py"}


@pytest.mark.parametrize("file", FILES)
def test_setup_in_an_image_has_the_locks_it_needs(file):
    for stage in stages(file):
        for command in stage.values("RUN"):
            for groups in re.findall(r"tools/setup\.py((?: [a-z-]+)+)", command):
                wanted = {f"locks/{group}.txt" for group in (*groups.split(), "tools")}
                builds = ("cpu", "cu130") if file == "Dockerfile.train" else ("cpu",)
                wanted |= {f"locks/torch-{build}.txt" for build in builds}
                assert wanted <= stage.copied()
                assert "TORCH_STRICT=1" in command


@pytest.mark.parametrize(
    ("name", "excluded"),
    [
        ("job/train.py", False),
        ("data/shows/low_tide.txt", False),
        ("data/raw/Seinfeld_Scripts.txt", True),
        ("job/__pycache__/train.cpython-311.pyc", True),
        ("artifacts/low-tide/resume.pt", True),
        ("tests/conftest.py", True),
        ("tools/setup.py", False),
        (".git/config", True),
    ],
)
def test_dockerignore_excludes(name, excluded):
    assert ignored(name) is excluded
