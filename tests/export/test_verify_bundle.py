"""python -m export verify: accepts a valid bundle; each defect gives a one-line error."""

import json
import math

import onnx
import pytest
import torch

from data import versions
from data.command_line import UserError
from export.__main__ import main
from export.bundle import export
from export.manifest import FORMATS
from export.verify_bundle import verify
from tests.commands import call
from tests.export.altered import edit_manifest, flip_bits, update_checksum

FILES = [
    name for name in FORMATS if name not in ("model.pt2", "speller.onnx")
]  # the test bundle has neither


def test_verify_accepts_a_valid_bundle(copy):
    lines = list(verify(copy))
    assert len(lines) == 3 + len(FILES)
    assert any("PyTorch and ONNX Runtime give the same scores" in line for line in lines)
    lines = list(verify(copy, run_torchscript=True))
    assert "model.int8.torchscript.pt generates text" in lines


def test_verify_accepts_a_valid_bundle_with_speller_and_cache(copy_with_speller):
    lines = list(verify(copy_with_speller, run_torchscript=True))
    assert "speller.onnx is what this version exports from the same weights" in lines


def test_verify_command_gives_exit_code_0_or_2(copy):
    done = call(main, "verify", copy)
    assert done.returncode == 0, done.stderr
    (copy / "vocab.json").unlink()
    done = call(main, "verify", copy)
    assert done.returncode == 2
    assert "vocab.json is missing" in done.stderr
    assert len(done.stderr.splitlines()) == 1


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
    with pytest.raises(UserError, match=r"model\.onnx has other weights than the manifest"):
        list(verify(copy))


def test_vocabulary_mismatch_is_refused(copy):
    text = (copy / "vocab.json").read_text(encoding="utf-8")
    (copy / "vocab.json").write_text(text.replace("The Cafe", "The Bar"), encoding="utf-8")
    update_checksum(copy, "vocab.json")
    with pytest.raises(UserError, match="show is not that of the files"):
        list(verify(copy))


@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx", "model.int8.torchscript.pt"])
def test_flipped_bits_with_a_matching_checksum_are_refused(copy_with_speller, name):
    size = (copy_with_speller / name).stat().st_size
    flip_bits(copy_with_speller / name, 200, size // 4, size * 3 // 4)
    update_checksum(copy_with_speller, name)
    with pytest.raises(UserError, match=name.replace(".", r"\.")) as error:
        list(verify(copy_with_speller))
    assert "\n" not in str(error.value)


def test_one_flipped_bit_in_a_weight_of_an_int8_file_is_refused(copy):
    model = onnx.load(str(copy / "model.int8.onnx"))
    weights = next(one for one in model.graph.initializer if one.data_type == one.UINT8)
    weights.raw_data = bytes([weights.raw_data[0] ^ 1]) + weights.raw_data[1:]
    onnx.save(model, str(copy / "model.int8.onnx"))
    update_checksum(copy, "model.int8.onnx")
    with pytest.raises(UserError, match=r"model\.int8\.onnx differs from what model\.onnx"):
        list(verify(copy))


def test_onnx_file_with_weights_in_another_file_is_refused(copy):
    model = onnx.load(str(copy / "model.onnx"))
    onnx.save(model, str(copy / "model.onnx"), save_as_external_data=True, size_threshold=0)
    update_checksum(copy, "model.onnx")
    with pytest.raises(UserError, match="refers to other files"):
        list(verify(copy))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format="x"), "is not a manifest"),
        (lambda m: m["files"].update({"../../etc/passwd": {}}), "not part of a bundle"),
        (lambda m: m.pop("files"), "has no 'files'"),
        (lambda m: m.update(files=[]), "not part of a bundle"),
        (lambda m: m["files"]["vocab.json"].pop("bytes"), "has no 'bytes'"),
        (lambda m: m["files"]["vocab.json"].update(sha256=7), "the entry of vocab.json"),
        (lambda m: m["files"].pop("model.int8.onnx"), "in the folder, but not in the manifest"),
        (lambda m: m["files"].pop("model.onnx"), "in the folder, but not in the manifest"),
        (lambda m: m.pop("signature"), "signature is not that of the files"),
        (lambda m: m["signature"]["inputs"].pop("h"), "signature is not that of the files"),
        (lambda m: m.update(parameters=7), "parameters is not that of the files"),
        (lambda m: m.update(show="x"), "show is not that of the files"),
        (lambda m: m.update(licence="x"), "licence is not that of the files"),
        (lambda m: m.update(extra=1), "unknown field 'extra'"),
        (lambda m: m.update(weights_sha256="0" * 64), "belongs to other weights"),
        (lambda m: m.pop("scores"), "has no 'scores'"),
        (lambda m: m["scores"].pop("valid_loss"), "scores has no valid_loss"),
        (lambda m: m["scores"].update(valid_loss="low"), "scores.valid_loss is 'low'"),
        (lambda m: m["scores"].update(valid_loss=math.nan), "NaN is not a number"),
        (lambda m: m["scores"].update(bits_per_character=math.inf), "Infinity is not a number"),
        (lambda m: m.pop("versions"), "has no 'versions'"),
        (lambda m: m["versions"].pop("trained"), "has no 'trained'"),
        (lambda m: m["versions"]["exported"].pop("torch"), "no version of torch"),
        (lambda m: m["cache"].update(theta=-1), "cache.theta is -1"),
        (lambda m: m["cache"].update(theta=0.07), "cache is not that|differs from what"),
        (lambda m: m["config"].update(epochs="many"), "config.epochs is 'many'"),
        (lambda m: m.update(created="yesterday"), "Invalid isoformat"),
        (lambda m: m.update(held_out={}), "has no 'left_out'"),
        (lambda m: m.update(git_commit=None), "is damaged"),
    ],
)
def test_malformed_manifest_gives_a_one_line_error(copy, change, message):
    edit_manifest(copy, change)
    with pytest.raises(UserError, match=message) as error:
        list(verify(copy))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", FILES)
def test_manifest_that_does_not_list_a_file_of_every_bundle_is_refused(copy, name):
    (copy / name).unlink()
    edit_manifest(copy, lambda manifest: manifest["files"].pop(name))
    with pytest.raises(UserError, match=f"does not list {name}, which every bundle has"):
        list(verify(copy))


def test_manifest_without_the_speller_is_refused(copy_with_speller):
    (copy_with_speller / "speller.onnx").unlink()
    edit_manifest(copy_with_speller, lambda manifest: manifest["files"].pop("speller.onnx"))
    with pytest.raises(UserError, match=r"model\.torchscript\.pt differs from what"):
        list(verify(copy_with_speller))


def test_bundle_without_a_file_that_lost_too_much_is_accepted(copy):
    (copy / "model.int8.onnx").unlink()
    edit_manifest(copy, lambda manifest: manifest["files"].pop("model.int8.onnx"))
    reason = {"model.int8.onnx": "its perplexity is higher"}
    edit_manifest(copy, lambda manifest: manifest["held_out"].update(left_out=reason))
    assert len(list(verify(copy))) == 2 + len(FILES)


@pytest.mark.parametrize("name", ["manifest.json", "vocab.json"])
def test_deep_json_gives_a_one_line_error(copy, name):
    (copy / name).write_text("[" * 100_000)
    if name != "manifest.json":
        update_checksum(copy, name)
    with pytest.raises(UserError, match=r"nested too deeply") as error:
        list(verify(copy))
    assert "\n" not in str(error.value)


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
