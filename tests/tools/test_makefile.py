"""make demo: when it trains and exports, with fake programs in place of Python."""

import os
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

# Records its arguments and creates the files that training and export create.
PROGRAM = """#!/bin/sh
echo "$*" >>calls
case "$*" in
  *"-m job"*) touch artifacts/low-tide/checkpoint.pt ;;
  *"-m export"*) touch artifacts/low-tide/manifest.json artifacts/low-tide/model.torchscript.pt ;;
esac
"""
TRAIN, EXPORT = "-m job --preset laptop", "-m export --checkpoint artifacts/low-tide/checkpoint.pt"
SERVE = "-m serve --model artifacts/low-tide"


@pytest.fixture
def repository(tmp_path):
    """A copy of the source files, where a demo has been trained and exported an hour ago."""
    ignore = shutil.ignore_patterns("raw", "prepared", "__pycache__")
    for name in ("data", "job", "export"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    shutil.copy(ROOT / "Makefile", tmp_path)
    program = tmp_path / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (tmp_path / "artifacts" / "low-tide").mkdir(parents=True)
    (tmp_path / "artifacts" / "base").mkdir()
    (tmp_path / "artifacts" / "base" / "checkpoint.pt").touch()
    demo(tmp_path)
    order = ("checkpoint.pt", ".trained", "model.torchscript.pt", "manifest.json")
    for source in tmp_path.rglob("*"):
        age = 3600 - order.index(source.name) if source.name in order else 7200
        shift_mtime(source, -age)
    return tmp_path


def shift_mtime(path, seconds):
    now = path.stat().st_mtime
    os.utime(path, (now + seconds, now + seconds))


def demo(repository):
    """Runs `make demo`; returns the calls of Python."""
    (repository / "calls").unlink(missing_ok=True)
    command = ["make", "-s", "demo", "PYTHON=true"]
    # Variables of a `make` that runs these tests, such as ARGS, would apply here too.
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("MAKE")}
    environment.pop("MFLAGS", None)
    environment.pop("ARGS", None)
    subprocess.run(command, cwd=repository, check=True, capture_output=True, env=environment)
    return [line.strip() for line in (repository / "calls").read_text().splitlines()]


def test_demo_only_serves_if_nothing_has_changed(repository):
    assert demo(repository) == [SERVE]


@pytest.mark.parametrize(
    "name",
    [
        *("data/shows/low_tide.txt", "data/versions.py", "job/config.py", "job/layers/cache.py"),
        "artifacts/base/checkpoint.pt",
    ],
)
def test_demo_starts_a_new_run_if_an_input_of_training_has_changed(repository, name):
    (repository / name).touch()
    assert demo(repository) == [TRAIN + " --fresh", EXPORT, SERVE]
    assert demo(repository) == [SERVE]


@pytest.mark.parametrize("name", ["export/bundle.py", "export/torchscript/writer.py"])
def test_demo_exports_again_if_the_export_has_changed(repository, name):
    (repository / name).touch()
    assert demo(repository) == [EXPORT, SERVE]


def test_demo_resumes_an_interrupted_run(repository):
    (repository / "artifacts" / "low-tide" / ".trained").unlink()
    assert demo(repository) == [TRAIN, EXPORT, SERVE]


def test_demo_trains_again_if_the_checkpoint_is_missing(repository):
    (repository / "artifacts" / "low-tide" / "checkpoint.pt").unlink()
    assert demo(repository) == [TRAIN + " --fresh", EXPORT, SERVE]
