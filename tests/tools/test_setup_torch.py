"""tools/setup.py: which build of PyTorch it installs, with tiny wheels in a local folder."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow  # installs packages
CPU, CUDA = "torch-2.13.0+cpu-py3-none-any.whl", "torch-2.13.0-py3-none-any.whl"
OTHER = "0" * 64


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with an empty lock and a .venv without PyTorch; wheels of both builds."""
    root = tmp_path_factory.mktemp("setup")
    for name in ("tools", "locks", "wheels"):
        (root / name).mkdir()
    shutil.copy(ROOT / "tools" / "setup.py", root / "tools")
    (root / "pyproject.toml").write_text('torch = ["torch==2.13.0"]')
    for group in ("serve", "serve-onnx"):
        (root / "locks" / f"{group}.txt").write_text("# no packages\n")
    # uv, which would reach PyTorch's index, cannot be installed.
    (root / "locks" / "tools.txt").write_text(f"uv==0 --hash=sha256:{OTHER}\n")
    for name in (CPU, CUDA):
        make_wheel(root / "wheels" / name)
    assert run_setup(root, "serve-onnx").returncode == 0  # creates .venv
    return root


@pytest.fixture
def set_up(repository):
    """A function that sets up the group `serve`; returns (exit code, messages, build)."""

    def call(**variables):
        done = run_setup(repository, "serve", **variables)
        probe = "import torch; print(torch.__version__)"
        python = repository / ".venv" / "bin" / "python"
        build = subprocess.run([python, "-c", probe], capture_output=True, text=True).stdout.strip()
        return done.returncode, done.stderr, build

    for path in (repository / ".venv" / "lib").glob("python*/site-packages/torch*"):
        shutil.rmtree(path)
    for path in (repository / "wheels").glob("*.sha256"):
        path.unlink()
    stamp = repository / ".venv" / "cold-open.json"
    stamp.write_text(json.dumps({"at": json.loads(stamp.read_text())["at"]}))
    lock(repository, "cpu", checksum(repository, CPU))
    lock(repository, "cu130", checksum(repository, CUDA))
    return call


def make_wheel(path):
    name, version = path.name.split("-")[:2]
    build = version if "+" in version else version + "+cu130"  # as the default index names it
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("torch/__init__.py", f"__version__ = {build!r}\n")
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def checksum(repository, wheel):
    return hashlib.sha256((repository / "wheels" / wheel).read_bytes()).hexdigest()


def lock(repository, build, digest):
    name = "torch==2.13.0+cpu" if build == "cpu" else "torch===2.13.0"
    text = f"{name} ; sys_platform == 'linux' \\\n    --hash=sha256:{digest}\n"
    (repository / "locks" / f"torch-{build}.txt").write_text(text)


def run_setup(root, group, **variables):
    environment = {
        **os.environ,
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": str(root / "wheels"),
        "TORCH_BACKEND": "cpu",
        **variables,
    }
    command = [sys.executable, root / "tools" / "setup.py", group]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_local_wheel_with_a_locked_hash_is_installed(set_up):
    code, messages, build = set_up(TORCH_STRICT="1")
    assert (code, build) == (0, "2.13.0+cpu"), messages


def test_wheel_with_another_hash_is_refused_unless_its_hash_is_beside_it(set_up, repository):
    lock(repository, "cpu", OTHER)
    code, messages, build = set_up(TORCH_STRICT="1")
    assert (code, build) == (2, "")  # no fallback to the CUDA build
    assert "a local wheel of PyTorch has a hash that is neither in locks/ nor beside it" in messages
    assert "setup: cannot install torch==2.13.0 (build: cpu)" in messages
    digest = checksum(repository, CPU)
    (repository / "wheels" / (CPU + ".sha256")).write_text(f"{digest}  {CPU}\n")
    code, messages, build = set_up(TORCH_STRICT="1")
    assert (code, build) == (0, "2.13.0+cpu"), messages


def test_cuda_build_is_installed_beside_a_cpu_wheel(set_up):
    code, messages, build = set_up(TORCH_BACKEND="cu130", TORCH_STRICT="1")
    assert (code, build) == (0, "2.13.0+cu130"), messages


def test_other_cuda_build_without_a_lock_is_refused_if_strict(set_up):
    code, messages, build = set_up(TORCH_BACKEND="cu126", TORCH_STRICT="1")
    assert (code, build) == (2, "")
    assert "(build: cu126): locks/ has no such build" in messages


def test_venv_falls_back_to_the_locked_cuda_build(set_up, repository):
    lock(repository, "cpu", OTHER)
    code, messages, build = set_up()
    assert (code, build) == (0, "2.13.0+cu130"), messages
    assert "installing the CUDA build instead, several GB" in messages
