"""python -m export verify: a whole bundle passes, and whatever is wrong with one gets one line."""

import json
import shutil
import subprocess
import sys

import onnx
import pytest
import torch

from data.command_line import UserError
from export.bundle import export
from export.manifest import FORMATS, sha256
from export.verify_bundle import inspect
from tests.conftest import ROOT

FILES = [name for name in FORMATS if name not in ("model.pt2", "speller.onnx")]  # it has neither


@pytest.fixture
def copy(bundle, tmp_path):
    """A bundle alone in a folder: no checkpoint."""
    for name in (*FORMATS, "manifest.json"):
        if (bundle / name).exists():
            shutil.copy(bundle / name, tmp_path)
    return tmp_path


def vouch(folder, name):
    """Makes the manifest tell of a file as it is now."""
    manifest = json.loads((folder / "manifest.json").read_text())
    file = manifest["files"][name]
    file["sha256"], file["bytes"] = sha256(folder / name), (folder / name).stat().st_size
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_whole_bundle_passes(copy):
    lines = list(inspect(copy))
    assert any("TorchScript and ONNX give the same scores" in line for line in lines)
    assert "model.int8.torchscript.pt writes" in lines


def test_the_command(copy):
    command = [sys.executable, "-m", "export", "verify", str(copy)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (copy / "vocab.json").unlink()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "vocab.json is missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", FILES)
def test_one_wrong_bit_is_found(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} is not the file"):
        list(inspect(copy))


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_found_even_if_the_manifest_vouches_for_it(copy, name):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    vouch(copy, name)
    with pytest.raises(UserError) as error:
        list(inspect(copy))
    assert "\n" not in str(error.value)


def test_other_weights_are_found_even_if_the_manifest_vouches_for_them(copy):
    model = onnx.load(str(copy / "model.onnx"))
    weights = next(one for one in model.graph.initializer if len(one.dims) == 2)
    changed = onnx.numpy_helper.to_array(weights) * 1.5
    weights.CopyFrom(onnx.numpy_helper.from_array(changed, weights.name))
    onnx.save(model, str(copy / "model.onnx"))
    vouch(copy, "model.onnx")
    with pytest.raises(UserError, match=r"model\.onnx differs .* nothing was verified"):
        list(inspect(copy))


def test_another_vocabulary_is_found(copy):
    text = (copy / "vocab.json").read_text(encoding="utf-8")
    (copy / "vocab.json").write_text(text.replace("The Cafe", "The Bar"), encoding="utf-8")
    vouch(copy, "vocab.json")
    with pytest.raises(UserError, match="another vocabulary"):
        list(inspect(copy))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.update(version=2), "has version 2, this program reads 3"),
        (lambda m: m.update(format="x"), "is not a manifest"),
        (lambda m: m["files"].update({"../../etc/passwd": {}}), "a bundle does not have"),
        (lambda m: m.pop("files"), "a bundle does not have"),
        (lambda m: m.pop("signature"), "lacks a part"),
    ],
)
def test_a_strange_manifest_gets_one_line(copy, change, said):
    manifest = json.loads((copy / "manifest.json").read_text())
    change(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=said):
        list(inspect(copy))


def test_no_manifest_gets_one_line(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        list(inspect(tmp_path))
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        list(inspect(tmp_path))


def test_a_hostile_checkpoint_runs_nothing(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    torch.save({"format": Hostile()}, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match="cannot be read as a checkpoint") as error:
        export(tmp_path / "checkpoint.pt")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()


def test_a_flipped_bit_in_a_checkpoint_is_found(bundle, tmp_path):
    content = bytearray((bundle / "checkpoint.pt").read_bytes())
    content[len(content) // 3] ^= 1
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        export(tmp_path / "checkpoint.pt")
