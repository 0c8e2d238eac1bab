"""Bundles on disk: finding them, and errors of one line for anything damaged."""

import copy as copies
import dataclasses
import json
import logging
import os
import shutil

import pytest
import torch

from data.command_line import UserError
from serve.config import ServerConfig
from serve.models.backends import load_writer
from serve.models.bundles import find_bundles, open_bundle
from serve.models.load import load_models
from serve.page.about_tab import about_html
from tests.serve.conftest import RUNTIMES, copy_without_versions, edit_manifest, replace_file

MODELS = {"torchscript": "model.torchscript.pt", "onnx": "model.onnx"}


def error_of(path, runtime="torchscript", precision="fp32"):
    """The one line of the error for a bundle."""
    with pytest.raises(UserError) as caught:
        load_writer(open_bundle(path, runtime, precision))
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert len(text) < 400
    return text


def flip(path, place=-1000):
    """Flips one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_bundle_is_loaded(bundle, runtime):
    opened = open_bundle(bundle, runtime, "fp32")
    assert opened.file == MODELS[runtime]
    assert opened.facts["show"] == "The Cafe"
    assert load_writer(opened).vocabulary.show == "The Cafe"


@pytest.mark.parametrize("name", ["model.torchscript.pt", "model.int8.onnx", "model.onnx"])
def test_bundle_of_a_model_file(bundle, name):
    runtime = "onnx" if name.endswith("onnx") else "torchscript"
    assert open_bundle(bundle / name, runtime, "int8").file == name


def test_missing_int8_file_falls_back_to_fp32(copy):
    edit_manifest(copy, lambda manifest: manifest["files"].pop("model.int8.onnx"))
    assert open_bundle(copy, "onnx", "int8").file == "model.onnx"


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("place", [0, 1000, -1])
@pytest.mark.parametrize("kind", ["model", "vocabulary"])
def test_checksum_detects_one_flipped_bit(copy, runtime, kind, place):
    name = MODELS[runtime] if kind == "model" else "vocab.json"
    flip(copy / name, place)
    assert f"{name} differs from the file in the manifest" in error_of(copy, runtime)


def test_checksum_of_an_unused_file_is_not_checked(copy):
    flip(copy / "model.onnx")
    assert load_writer(open_bundle(copy, "torchscript", "fp32"))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_checksum_detects_a_truncated_file(copy, runtime):
    os.truncate(copy / MODELS[runtime], 5000)
    assert "differs from the file in the manifest" in error_of(copy, runtime)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_vocabulary_of_other_weights_is_an_error(copy, runtime):
    vocabulary = json.loads((copy / "vocab.json").read_text("utf-8"))
    vocabulary["weights_sha256"] = "0" * 64
    replace_file(copy, "vocab.json", json.dumps(vocabulary).encode())
    assert "vocab.json belongs to other weights" in error_of(copy, runtime)


def test_vocabulary_and_onnx_file_of_different_exports_are_an_error(copy):
    vocabulary = json.loads((copy / "vocab.json").read_text("utf-8"))
    vocabulary["words"][1:3] = reversed(vocabulary["words"][1:3])
    replace_file(copy, "vocab.json", json.dumps(vocabulary, ensure_ascii=False).encode())
    assert "vocab.json and the ONNX file are of different exports" in error_of(copy, "onnx")


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("content", [b"", b"not a model\n\nat all", bytes(range(256)) * 40])
def test_model_file_of_another_kind_is_an_error(copy, runtime, content):
    replace_file(copy, MODELS[runtime], content)
    message = error_of(copy, runtime)
    assert "is not a TorchScript file" in message or "the ONNX files cannot be loaded" in message


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe"])
def test_invalid_vocabulary_is_an_error(copy, runtime, content):
    replace_file(copy, "vocab.json", content)
    assert "vocabulary" in error_of(copy, runtime)


class Older(torch.nn.Module):
    """Like an export of an older format: `stream_next` without allowed tokens."""

    def forward(self, x: int) -> int:
        return x

    @torch.jit.export
    def stream_next(self, state: int, temperature: float = 0.8) -> int:
        return state


class WithoutInvention(torch.nn.Module):
    """Like an export of an older format: `stream_next_batch` without `invent_words`."""

    def forward(self, x: int) -> int:
        return x

    @torch.jit.export
    def stream_next_batch(self, states: list[int], temperatures: list[float]) -> list[int]:
        return states


class Unrelated(torch.nn.Module):
    """A TorchScript file of another program."""

    def forward(self, x: int) -> int:
        return x


@pytest.mark.parametrize("module", [Older, WithoutInvention, Unrelated])
def test_torchscript_file_of_an_older_format_is_an_error(copy, module, tmp_path):
    path = tmp_path / "older.pt"
    torch.jit.save(torch.jit.script(module()), str(path))
    replace_file(copy, "model.torchscript.pt", path.read_bytes())
    assert "has an older format: export the model again" in error_of(copy)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("kind", ["model", "vocabulary"])
def test_missing_file_is_named(copy, runtime, kind):
    name = MODELS[runtime] if kind == "model" else "vocab.json"
    (copy / name).unlink()
    assert f"{name} cannot be read (No such file or directory)" in error_of(copy, runtime)


def test_folder_in_place_of_a_file_is_named(copy):
    (copy / "model.onnx").unlink()
    (copy / "model.onnx").mkdir()
    assert "model.onnx cannot be read (Is a directory)" in error_of(copy, "onnx")


@pytest.mark.parametrize(
    "where",
    ["nowhere", "copy/nowhere", "copy/nowhere/model.onnx", "copy/model.onnxx", ""],
)
def test_path_without_a_bundle_is_an_error(copy, where):
    assert "there is no exported model with its manifest.json" in error_of(copy.parent / where)


@pytest.mark.parametrize("name", ["vocab.json", "manifest.json", "README.md", "checkpoint.pt"])
def test_path_of_another_file_of_the_bundle_is_an_error(copy, name):
    assert "is not a model file for torchscript" in error_of(copy / name)


def test_bundle_without_manifest_is_an_error(copy):
    (copy / "manifest.json").unlink()
    assert "there is no exported model with its manifest.json" in error_of(copy)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"3", b'"x"', b"{}", b"\xff\xfe{}", b'{"files": []}'),
        *(b'{"files": {}, "format": 1}', b'{"files": null, "format": "cold-open-manifest"}'),
        b"[" * 100_000,
    ],
)
def test_invalid_manifest_is_an_error(copy, content):
    (copy / "manifest.json").write_bytes(content)
    assert "export again" in error_of(copy)


def test_truncated_manifest_is_an_error(copy):
    path = copy / "manifest.json"
    content = path.read_bytes()
    for place in range(0, len(content) - 2, 61):
        path.write_bytes(content[:place])
        assert "is damaged" in error_of(copy)


@pytest.mark.parametrize(("field", "value"), [("version", 2), ("version", 4), ("format", "x")])
def test_manifest_of_another_version_is_an_error(copy, field, value):
    edit_manifest(copy, lambda manifest: manifest.update({field: value}))
    assert "is of another version of this program: export again" in error_of(copy)


def test_manifest_without_the_model_is_an_error(copy):
    edit_manifest(copy, lambda manifest: manifest["files"].pop("model.onnx"))
    assert "is not a model file for onnx in its manifest" in error_of(copy, "onnx")


def test_manifest_without_the_vocabulary_is_an_error(copy):
    edit_manifest(copy, lambda manifest: manifest["files"].pop("vocab.json"))
    assert "export again" in error_of(copy)


@pytest.mark.parametrize("value", ["gone", None, [], "x"])
def test_manifest_with_any_field_missing_or_wrong_is_used_or_an_error(copy, value):
    """Each field, and each field of a field, is removed or replaced."""
    whole = json.loads((copy / "manifest.json").read_text("utf-8"))
    places = [(name,) for name in whole]
    places += [(name, inner) for name, held in whole.items() if isinstance(held, dict)
               for inner in held]  # fmt: skip
    places += [("files", file, part) for file, held in whole["files"].items() for part in held]
    trouble = []
    for place in places:
        manifest = copies.deepcopy(whole)
        *path, last = place
        held = manifest
        for name in path:
            held = held[name]
        if value == "gone":
            del held[last]
        else:
            held[last] = value
        (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        try:
            opened = open_bundle(copy, "onnx", "fp32")
            writer = load_writer(opened)
            facts = opened.facts | {"speakers": ["Ann"], "vocabulary": len(writer.vocabulary)}
            about_html([facts], [opened], "/download")
        except UserError:
            continue
        except Exception as error:
            trouble.append((place, repr(error)))
    assert not trouble


def test_newest_bundle_is_first(bundle, tmp_path):
    for age, name in enumerate(["b", "a", "c"]):
        folder = copy_without_versions(bundle, tmp_path / name)
        os.utime(folder / "manifest.json", (1e9 - age, 1e9 - age))
    (tmp_path / "empty").mkdir()
    (tmp_path / "manifest.json").write_text("{}")
    assert [folder.name for folder in find_bundles(tmp_path)] == ["b", "a", "c"]
    models = load_models(ServerConfig(artifacts=tmp_path, runtime="onnx"))
    assert models.names == ["b", "a", "c"]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_folder_without_bundles_is_an_error(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no exported model: run make demo"):
        load_models(ServerConfig(artifacts=tmp_path / name))


def test_damaged_bundle_is_skipped_with_a_warning(bundle, tmp_path, caplog):
    for name in ("good", "bad", "worse", "fine"):
        copy_without_versions(bundle, tmp_path / name)
    flip(tmp_path / "bad" / "model.int8.onnx")
    (tmp_path / "worse" / "manifest.json").write_text("{")
    with caplog.at_level(logging.WARNING, "cold_open"):
        models = load_models(ServerConfig(artifacts=tmp_path, runtime="onnx"))
    assert models.names == ["fine", "good"]
    reasons = sorted(record.reason for record in caplog.records if record.msg == "bundle skipped")
    assert len(reasons) == 2
    assert "bad/model.int8.onnx differs from the file" in reasons[0]
    assert "worse/manifest.json is damaged" in reasons[1]


def test_only_damaged_bundles_are_an_error(bundle, tmp_path):
    for name in ("one", "two"):
        copy_without_versions(bundle, tmp_path / name)
        (tmp_path / name / "vocab.json").unlink()
    with pytest.raises(UserError, match="holds no usable bundle: the log has the reasons"):
        load_models(ServerConfig(artifacts=tmp_path, runtime="onnx"))
    shutil.rmtree(tmp_path / "one")
    with pytest.raises(UserError, match=r"vocab\.json cannot be read"):
        load_models(ServerConfig(artifacts=tmp_path, runtime="onnx"))


def test_named_bundle_is_loaded_alone(bundle, tmp_path):
    for name in ("one", "two"):
        copy_without_versions(bundle, tmp_path / name)
    config = ServerConfig(artifacts=tmp_path, model=tmp_path / "two", runtime="onnx")
    assert load_models(config).names == ["two"]
    config = dataclasses.replace(config, model=tmp_path / "one" / "model.onnx")
    assert [model.bundle.file for model in load_models(config).loaded] == ["model.onnx"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_read_only_bundle_is_loaded(copy, runtime):
    before = {path.name: path.stat().st_mtime_ns for path in copy.iterdir()}
    for path in copy.iterdir():
        path.chmod(0o444)
    copy.chmod(0o555)
    try:
        assert load_models(ServerConfig(model=copy, runtime=runtime))
        assert {path.name: path.stat().st_mtime_ns for path in copy.iterdir()} == before
    finally:
        copy.chmod(0o755)
