"""python -m export verify: accepts a valid bundle; each defect gives a one-line error."""

import json
import shutil
import subprocess
import sys

import onnx
import pytest
import torch

from data import versions
from data.checksum import file_sha256
from data.command_line import UserError
from export.bundle import export
from export.manifest import FORMATS
from export.verify_bundle import verify
from tests.conftest import ROOT

FILES = [
    name for name in FORMATS if name not in ("model.pt2", "speller.onnx")
]  # the test bundle has neither


@pytest.fixture
def copy(bundle, tmp_path):
    """A copy of a bundle without its checkpoint."""
    for name in (*FORMATS, "manifest.json"):
        if (bundle / name).exists():
            shutil.copy(bundle / name, tmp_path)
    return tmp_path


def update_checksum(folder, name):
    """Sets the manifest's checksum and size of a file to the current ones."""
    manifest = json.loads((folder / "manifest.json").read_text())
    file = manifest["files"][name]
    file["sha256"], file["bytes"] = file_sha256(folder / name), (folder / name).stat().st_size
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_verify_accepts_a_valid_bundle(copy):
    lines = list(verify(copy))
    assert any("TorchScript and ONNX give the same scores" in line for line in lines)
    assert "model.int8.torchscript.pt generates text" in lines


def test_verify_command_gives_exit_code_0_or_2(copy):
    command = [sys.executable, "-m", "export", "verify", str(copy)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (copy / "vocab.json").unlink()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "vocab.json is missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", FILES)
def test_flipped_bit_fails_the_checksum(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} differs from the manifest's checksum"):
        list(verify(copy))


@pytest.mark.parametrize("name", FILES)
def test_truncated_file_with_a_matching_checksum_is_refused(copy, name):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    update_checksum(copy, name)
    with pytest.raises(UserError) as error:
        list(verify(copy))
    assert "\n" not in str(error.value)


def test_other_weights_with_a_matching_checksum_are_refused(copy):
    model = onnx.load(str(copy / "model.onnx"))
    weights = next(one for one in model.graph.initializer if len(one.dims) == 2)
    changed = onnx.numpy_helper.to_array(weights) * 1.5
    weights.CopyFrom(onnx.numpy_helper.from_array(changed, weights.name))
    onnx.save(model, str(copy / "model.onnx"))
    update_checksum(copy, "model.onnx")
    with pytest.raises(UserError, match=r"model\.onnx differs .* nothing was verified"):
        list(verify(copy))


def test_vocabulary_mismatch_is_refused(copy):
    text = (copy / "vocab.json").read_text(encoding="utf-8")
    (copy / "vocab.json").write_text(text.replace("The Cafe", "The Bar"), encoding="utf-8")
    update_checksum(copy, "vocab.json")
    with pytest.raises(UserError, match="another vocabulary"):
        list(verify(copy))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format="x"), "is not a manifest"),
        (lambda m: m["files"].update({"../../etc/passwd": {}}), "not part of a bundle"),
        (lambda m: m.pop("files"), "not part of a bundle"),
        (lambda m: m.pop("signature"), "is incomplete"),
    ],
)
def test_malformed_manifest_gives_a_one_line_error(copy, change, message):
    manifest = json.loads((copy / "manifest.json").read_text())
    change(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=message):
        list(verify(copy))


def older_manifest(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["version"] = versions.MANIFEST - 1
    (folder / "manifest.json").write_text(json.dumps(manifest))


def older_vocabulary(folder):
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    vocabulary["version"] = versions.VOCABULARY - 1
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    update_checksum(folder, "vocab.json")


@pytest.mark.parametrize(
    ("make_older", "version"),
    [(older_manifest, versions.MANIFEST), (older_vocabulary, versions.VOCABULARY)],
)
def test_older_format_version_of_a_bundle_is_refused(copy, make_older, version):
    make_older(copy)
    with pytest.raises(UserError) as error:
        list(verify(copy))
    assert "\n" not in str(error.value)
    assert f"version {version - 1}, this program reads" in str(error.value)
    assert "export the model again" in str(error.value)


def test_older_format_version_of_a_checkpoint_is_refused(bundle, tmp_path):
    content = torch.load(bundle / "checkpoint.pt", weights_only=True)
    content["version"] = versions.CHECKPOINT - 1
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError) as error:
        export(tmp_path / "checkpoint.pt")
    assert "\n" not in str(error.value)
    assert f"version {versions.CHECKPOINT - 1}, this program reads" in str(error.value)
    assert "train again" in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_missing_manifest_gives_a_one_line_error(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        list(verify(tmp_path))
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        list(verify(tmp_path))


def test_malicious_checkpoint_executes_no_code(tmp_path):
    class Malicious:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    torch.save({"format": Malicious()}, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match="cannot be read as a checkpoint") as error:
        export(tmp_path / "checkpoint.pt")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()


def test_flipped_bit_in_a_checkpoint_is_refused(bundle, tmp_path):
    content = bytearray((bundle / "checkpoint.pt").read_bytes())
    content[len(content) // 3] ^= 1
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        export(tmp_path / "checkpoint.pt")
