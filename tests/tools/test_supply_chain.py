"""tools/locked_packages.py, tools/supply_chain.py, and the checks of tools/check_images.py."""

import json
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")


def test_locked_packages_follow_environment_markers():
    from locked_packages import IMAGE, locked_lines, locked_packages

    here = locked_packages(["serve"], IMAGE)
    assert here["gradio"] == locked_packages(["serve-onnx"], IMAGE)["gradio"]
    assert "audioop-lts" not in here  # part of Python until 3.13
    assert "audioop-lts" in locked_packages(["serve"], {**IMAGE, "python_full_version": "3.13.0"})
    assert locked_lines(["serve"], IMAGE)["gradio"].count("--hash=sha256:") == 2


def test_locked_packages_contain_torch_only_for_groups_that_install_it():
    from locked_packages import IMAGE, locked_packages
    from setup import torch_requirement

    version = torch_requirement().partition("==")[2]
    assert locked_packages(["train", "export"], IMAGE)["torch"] == version + "+cpu"
    assert locked_packages(["train"], IMAGE, "cu130")["torch"] == version
    assert "torch" not in locked_packages(["serve-onnx"])


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("build", ["cpu", "cu130"])
def test_locks_of_pytorch_agree_with_the_locks_of_the_groups(build, python):
    from locked_packages import IMAGE, locked_packages

    environment = {**IMAGE, "python_version": python, "python_full_version": python + ".0"}
    groups = locked_packages(["serve", "train", "export"], environment, build)
    cuda = {name for name in groups if name.startswith(("nvidia-", "cuda-", "triton"))}
    assert bool(cuda) == (build == "cu130")
    for group in ("train", "export", "serve"):
        own = locked_packages([group], environment, build)
        assert {name: groups[name] for name in own} == own


def test_pytorch_has_a_hash_in_every_lock_and_on_every_platform():
    from locked_packages import IMAGE, locked_lines

    for system in ("linux", "darwin", "win32"):
        line = locked_lines(["train"], {**IMAGE, "sys_platform": system})["torch"]
        # A wheel for each of three versions of Python, on Linux for two processors.
        assert line.count("--hash=sha256:") >= (6 if system == "linux" else 3)


def test_audit_reports_known_vulnerabilities(capsys):
    from supply_chain import report

    known = {"id": "CVE-1", "fix_versions": ["1.1"]}
    packages = [
        {"name": "a", "version": "1.0", "vulns": [known]},
        {"name": "b", "version": "2.0", "vulns": []},
        {"name": "c", "skip_reason": "not found"},
    ]
    assert report(packages) == 1
    output = capsys.readouterr()
    assert "a 1.0: CVE-1, fixed in 1.1" in output.out
    assert "2 of 3 packages audited, 1 known vulnerabilities" in output.out
    assert "c: not audited (not found)" in output.err
    assert report(packages[1:2]) == 0


def test_audit_fails_if_no_package_could_be_audited():
    from supply_chain import SupplyChainError, report

    with pytest.raises(SupplyChainError, match="nothing is audited"):
        report([{"name": "a", "skip_reason": "not found"}])


@pytest.fixture
def image_check(tmp_path):
    """An ImageCheck whose container engine prints the content of a file for every command."""
    from check_images import ImageCheck

    engine = tmp_path / "engine"
    engine.write_text(f"#!{sys.executable}\nprint(open({str(tmp_path / 'output')!r}).read())\n")
    engine.chmod(0o755)
    check = ImageCheck(str(engine), tmp_path)
    check.set_output = lambda text: (tmp_path / "output").write_text(text)
    return check


def test_image_check_requires_exactly_the_locked_packages(image_check):
    from check_images import CheckFailed
    from locked_packages import IMAGE, locked_packages

    right = locked_packages(["serve"], IMAGE)
    image_check.set_output(json.dumps([right, IMAGE]))
    image_check.check_packages("image", "serve-torchscript")
    for change in ({"pip": "26.0"}, {"gradio": "6.0"}, {"torch": "2.13.0"}):
        image_check.set_output(json.dumps([{**right, **change}, IMAGE]))
        with pytest.raises(CheckFailed, match=f"image has {next(iter(change))}"):
            image_check.check_packages("image", "serve-torchscript")
    image_check.set_output(json.dumps([{"gradio": right["gradio"]}, IMAGE]))
    with pytest.raises(CheckFailed, match="None"):
        image_check.check_packages("image", "serve-torchscript")


def test_image_check_rejects_training_code_in_a_serve_image(image_check):
    from check_images import CheckFailed

    allowed = "/app/serve/server.py\n/app/data/tokens.py\n"
    image_check.set_output(allowed)
    image_check.check_files("image")
    for wrong in ("/app/job/train.py", "/app/data/batches.py", "/app/tests/conftest.py"):
        image_check.set_output(allowed + wrong)
        with pytest.raises(CheckFailed, match=wrong):
            image_check.check_files("image")
