"""What the locks install, what is told of known vulnerabilities, and what the walk refuses."""

import json
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")


def test_a_lock_is_read_for_the_system_that_is_asked_about():
    from packages import IMAGE, locked_lines, locked_packages

    here = locked_packages(["serve"], IMAGE)
    assert here["gradio"] == locked_packages(["serve-onnx"], IMAGE)["gradio"]
    assert "audioop-lts" not in here  # part of Python until 3.13
    assert "audioop-lts" in locked_packages(["serve"], {**IMAGE, "python_full_version": "3.13.0"})
    assert locked_lines(["serve"], IMAGE)["gradio"].count("--hash=sha256:") == 2


def test_torch_is_counted_only_where_it_is_installed():
    from packages import locked_packages
    from setup import torch_requirement

    assert "torch==" + locked_packages(["train", "export"])["torch"] == torch_requirement()
    assert "torch" not in locked_packages(["serve-onnx"])


def test_a_known_vulnerability_is_told(capsys):
    from supply import report

    known = {"id": "CVE-1", "fix_versions": ["1.1"]}
    told = [
        {"name": "a", "version": "1.0", "vulns": [known]},
        {"name": "b", "version": "2.0", "vulns": []},
        {"name": "c", "skip_reason": "not found"},
    ]
    assert report(told) == 1
    said = capsys.readouterr()
    assert "a 1.0: CVE-1, mended in 1.1" in said.out
    assert "2 of 3 packages audited, 1 vulnerabilities known" in said.out
    assert "c: not audited (not found)" in said.err
    assert report(told[1:2]) == 0


def test_silence_is_not_taken_for_safety():
    from supply import SupplyError, report

    with pytest.raises(SupplyError, match="nothing is audited"):
        report([{"name": "a", "skip_reason": "not found"}])


@pytest.fixture
def walk(tmp_path):
    """A walk whose engine answers every `run` with the content of a file."""
    from walk_images import Walk

    engine = tmp_path / "engine"
    engine.write_text(f"#!{sys.executable}\nprint(open({str(tmp_path / 'answer')!r}).read())\n")
    engine.chmod(0o755)
    walk = Walk(str(engine), tmp_path)
    walk.answer = lambda text: (tmp_path / "answer").write_text(text)
    return walk


def test_an_image_must_hold_the_packages_of_its_locks(walk):
    from packages import IMAGE, locked_packages
    from walk_images import WalkError

    right = locked_packages(["serve"], IMAGE)
    right["torch"] += "+cpu"
    walk.answer(json.dumps([right, IMAGE]))
    walk.check_packages("image", ["serve"])
    for change in ({"pip": "26.0"}, {"gradio": "6.0"}):
        walk.answer(json.dumps([{**right, **change}, IMAGE]))
        with pytest.raises(WalkError, match=f"image holds {next(iter(change))}"):
            walk.check_packages("image", ["serve"])
    walk.answer(json.dumps([{"gradio": right["gradio"]}, IMAGE]))
    with pytest.raises(WalkError, match="None"):
        walk.check_packages("image", ["serve"])


def test_a_serve_image_must_not_hold_training_code(walk):
    from walk_images import WalkError

    fine = "/app/serve/app.py\n/app/data/tokens.py\n"
    walk.answer(fine)
    walk.check_files("image")
    for wrong in ("/app/job/train.py", "/app/data/corpus.py", "/app/tests/conftest.py"):
        walk.answer(fine + wrong)
        with pytest.raises(WalkError, match=wrong):
            walk.check_files("image")
