"""tools/train.sh: a container on a GPU machine with Docker and the NVIDIA toolkit, else .venv."""

import os
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>"$RECORD"\n'


@pytest.fixture
def repository(tmp_path):
    """A folder with the script and fake programs that record their arguments."""
    tools, venv = tmp_path / "tools", tmp_path / ".venv" / "bin"
    for folder in (tools, venv, tmp_path / "bin", tmp_path / "data" / "raw"):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "train.sh", tools)
    program(venv / "python", RECORD)
    program(tmp_path / "bin" / "fake-python", RECORD)
    return tmp_path


def program(path, text):
    path.write_text(text)
    path.chmod(0o755)


def gpu_machine(repository, runtimes="nvidia runc"):
    program(repository / "bin" / "nvidia-smi", "#!/bin/sh\n")
    info = f'[ "$1" != info ] || {{ echo "{runtimes}"; exit; }}\n'
    program(repository / "bin" / "docker", RECORD.replace("\n", "\n" + info, 1))


def train(repository, *flags, code=0, **variables):
    """Runs the script; returns (stderr, the recorded calls)."""
    environment = {
        "PATH": f"{repository / 'bin'}:/usr/bin:/bin",
        "RECORD": str(repository / "record"),
        "PYTHON": "fake-python",
        **variables,
    }
    done = subprocess.run(
        [repository / "tools" / "train.sh", *flags], env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    return done.stderr.strip(), (repository / "record").read_text().splitlines()


def test_training_without_a_gpu_uses_the_virtual_environment(repository):
    program(repository / "bin" / "nvidia-smi", "#!/bin/sh\nexit 1\n")
    output, calls = train(repository, "--epochs", "2", PRESET="laptop", DATA="my show.txt")
    assert output == "train: training in .venv (no NVIDIA GPU)"
    assert calls == [
        "fake-python tools/setup.py train",
        "python -m job --preset laptop --data my show.txt --epochs 2",
    ]


def test_seinfeld_is_downloaded_only_if_it_is_missing(repository):
    _, calls = train(repository, DOCKER="0")
    assert calls[1:] == ["python -m data fetch seinfeld", "python -m job --preset seinfeld"]
    (repository / "data" / "raw" / "Seinfeld_Scripts.txt").touch()
    (repository / "record").unlink()
    _, calls = train(repository, DOCKER="0")
    assert calls[1:] == ["python -m job --preset seinfeld"]


def test_training_with_a_gpu_and_docker_uses_a_container(repository):
    gpu_machine(repository)
    (repository / "show.txt").touch()
    out = repository / "out"
    output, calls = train(repository, DATA="show.txt", OUT=str(out), COLD_OPEN_EPOCHS="3")
    assert output.startswith("train: training in the container of Dockerfile.train")
    build, run = calls
    assert build == "docker build -q -f Dockerfile.train -t cold-open-train ."
    words = run.split()
    assert words[:4] == ["docker", "run", "--rm", "--gpus"]
    assert {"--read-only", "/tmp:exec", f"{os.getuid()}:{os.getgid()}"} <= set(words)
    assert {
        f"{repository}/show.txt:/app/show.txt:ro",
        f"{repository}/artifacts:/artifacts",
        f"{out}:{out}",
        "COLD_OPEN_EPOCHS",
    } <= set(words)
    command = f"job --preset seinfeld --data show.txt --out {out}"
    assert run.endswith(f"cold-open-train {command}")


def test_distributed_training_uses_the_launcher(repository):
    _, calls = train(repository, PRESET="laptop", PROCESSES="2")
    launch = "job.engine.launch --nproc-per-node 2 --max-restarts 3 -m job"
    assert calls[-1] == f"python -m {launch} --preset laptop"


def test_missing_data_file_is_an_error_and_is_not_mounted(repository):
    gpu_machine(repository)
    output, calls = train(repository, DATA="shwo.txt", code=2)
    assert output.splitlines()[-1] == "train: shwo.txt: no such file"
    assert not any(call.startswith("docker run") for call in calls)


@pytest.mark.parametrize(
    ("runtimes", "variables", "reason"),
    [("runc", {}, "no NVIDIA Container Toolkit"), ("nvidia", {"DOCKER": "0"}, "DOCKER=0")],
)
def test_reason_for_not_using_a_container_is_printed(repository, runtimes, variables, reason):
    gpu_machine(repository, runtimes)
    output, _ = train(repository, PRESET="laptop", **variables)
    assert output == f"train: training in .venv ({reason})"
