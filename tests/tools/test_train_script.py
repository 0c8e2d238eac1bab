"""make train takes the container on a GPU machine with Docker and NVIDIA's toolkit, else .venv."""

import os
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>"$RECORD"\n'


@pytest.fixture
def place(tmp_path):
    """A repository with the script alone, whose programs only write down how they were called."""
    tools, venv = tmp_path / "tools", tmp_path / ".venv" / "bin"
    for folder in (tools, venv, tmp_path / "bin", tmp_path / "data" / "raw"):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "train.sh", tools)
    program(venv / "python", RECORD)
    program(tmp_path / "bin" / "setting-up", RECORD)
    return tmp_path


def program(path, text):
    path.write_text(text)
    path.chmod(0o755)


def gpu_machine(place, runtimes="nvidia runc"):
    program(place / "bin" / "nvidia-smi", "#!/bin/sh\n")
    told = f'[ "$1" != info ] || {{ echo "{runtimes}"; exit; }}\n'
    program(place / "bin" / "docker", RECORD.replace("\n", "\n" + told, 1))


def train(place, *flags, code=0, **variables):
    """(what the script said, the lines of the programs that it called)."""
    environment = {
        "PATH": f"{place / 'bin'}:/usr/bin:/bin",
        "RECORD": str(place / "record"),
        "PYTHON": "setting-up",
        **variables,
    }
    done = subprocess.run(
        [place / "tools" / "train.sh", *flags], env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    return done.stderr.strip(), (place / "record").read_text().splitlines()


def test_without_a_gpu_it_runs_in_the_local_environment(place):
    program(place / "bin" / "nvidia-smi", "#!/bin/sh\nexit 1\n")
    said, calls = train(place, "--epochs", "2", PRESET="laptop", DATA="my show.txt")
    assert said == "train: in the local environment, .venv (no NVIDIA GPU)"
    assert calls == [
        "setting-up tools/setup.py train",
        "python -m job --preset laptop --data my show.txt --epochs 2",
    ]


def test_the_scripts_of_seinfeld_are_fetched_once(place):
    _, calls = train(place, DOCKER="0")
    assert calls[1:] == ["python -m data fetch seinfeld", "python -m job --preset seinfeld"]
    (place / "data" / "raw" / "Seinfeld_Scripts.txt").touch()
    (place / "record").unlink()
    _, calls = train(place, DOCKER="0")
    assert calls[1:] == ["python -m job --preset seinfeld"]


def test_on_a_gpu_machine_it_runs_in_the_container(place):
    gpu_machine(place)
    (place / "show.txt").touch()
    out = place / "out"
    said, calls = train(place, DATA="show.txt", OUT=str(out), COLD_OPEN_EPOCHS="3")
    assert said.startswith("train: in the container of Dockerfile.train")
    build, run = calls
    assert build == "docker build -q -f Dockerfile.train -t cold-open-train ."
    words = run.split()
    assert words[:4] == ["docker", "run", "--rm", "--gpus"]
    assert {"--read-only", "/tmp:exec", f"{os.getuid()}:{os.getgid()}"} <= set(words)
    assert {
        f"{place}/show.txt:/app/show.txt:ro",
        f"{place}/artifacts:/artifacts",
        f"{out}:{out}",
        "COLD_OPEN_EPOCHS",
    } <= set(words)
    command = f"job --preset seinfeld --data show.txt --out {out}"
    assert run.endswith(f"cold-open-train {command}")


def test_several_processes_are_launched_only_when_asked_for(place):
    _, calls = train(place, PRESET="laptop", PROCESSES="2")
    launch = "job.engine.launch --nproc-per-node 2 --max-restarts 3 -m job"
    assert calls[-1] == f"python -m {launch} --preset laptop"


def test_a_file_that_is_not_there_is_not_mounted(place):
    gpu_machine(place)
    said, calls = train(place, DATA="shwo.txt", code=2)
    assert said.splitlines()[-1] == "train: shwo.txt: there is no such file"
    assert not any(call.startswith("docker run") for call in calls)


@pytest.mark.parametrize(
    ("runtimes", "variables", "reason"),
    [("runc", {}, "no NVIDIA toolkit for Docker"), ("nvidia", {"DOCKER": "0"}, "DOCKER=0")],
)
def test_it_says_why_it_does_not_take_the_container(place, runtimes, variables, reason):
    gpu_machine(place, runtimes)
    said, _ = train(place, PRESET="laptop", **variables)
    assert said == f"train: in the local environment, .venv ({reason})"
