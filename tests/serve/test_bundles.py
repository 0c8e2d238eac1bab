"""Bundles on the disk: found, chosen, and refused in one sentence where anything is damaged."""

import copy as copies
import dataclasses
import json
import logging
import os
import shutil

import pytest
import torch

from data.command_line import UserError
from serve.actions import load_models
from serve.config import Config
from serve.models.backends import load_writer
from serve.models.bundles import find_bundles, open_bundle
from serve.page.about_tab import about
from tests.serve.conftest import RUNTIMES, edit_manifest, replace_file

MODELS = {"torchscript": "model.torchscript.pt", "onnx": "model.onnx"}


def refused(path, runtime="torchscript", precision="fp32"):
    """The one sentence in which a bundle is refused."""
    with pytest.raises(UserError) as caught:
        load_writer(open_bundle(path, runtime, precision))
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert len(text) < 400
    return text


def flip(path, place=-1000):
    """One bit of a file turned."""
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_whole_bundle_is_loaded(bundle, runtime):
    opened = open_bundle(bundle, runtime, "fp32")
    assert opened.file == MODELS[runtime]
    assert opened.facts["show"] == "The Cafe"
    assert load_writer(opened).vocabulary.show == "The Cafe"


@pytest.mark.parametrize("name", ["model.torchscript.pt", "model.int8.onnx", "model.onnx"])
def test_a_model_file_may_be_named_itself(bundle, name):
    runtime = "onnx" if name.endswith("onnx") else "torchscript"
    assert open_bundle(bundle / name, runtime, "int8").file == name


def test_where_there_is_no_int8_file_fp32_serves(copy):
    edit_manifest(copy, lambda manifest: manifest["files"].pop("model.int8.onnx"))
    assert open_bundle(copy, "onnx", "int8").file == "model.onnx"


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("place", [0, 1000, -1])
@pytest.mark.parametrize("kind", ["model", "vocabulary"])
def test_one_bit_turned_is_found(copy, runtime, kind, place):
    name = MODELS[runtime] if kind == "model" else "vocab.json"
    flip(copy / name, place)
    assert f"{name} is not the file that its manifest tells of" in refused(copy, runtime)


def test_a_bit_turned_in_a_file_that_is_not_used_does_no_harm(copy):
    flip(copy / "model.onnx")
    assert load_writer(open_bundle(copy, "torchscript", "fp32"))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_file_cut_off_is_found(copy, runtime):
    os.truncate(copy / MODELS[runtime], 5000)
    assert "is not the file that its manifest tells of" in refused(copy, runtime)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_vocabulary_of_other_weights_is_refused(copy, runtime):
    vocabulary = json.loads((copy / "vocab.json").read_text("utf-8"))
    vocabulary["weights_sha256"] = "0" * 64
    replace_file(copy, "vocab.json", json.dumps(vocabulary).encode())
    assert "vocab.json belongs to other weights" in refused(copy, runtime)


def test_a_vocabulary_and_an_onnx_file_of_two_exports_are_refused(copy):
    vocabulary = json.loads((copy / "vocab.json").read_text("utf-8"))
    vocabulary["words"][1:3] = reversed(vocabulary["words"][1:3])
    replace_file(copy, "vocab.json", json.dumps(vocabulary, ensure_ascii=False).encode())
    assert "vocab.json and the ONNX file are not of one export" in refused(copy, "onnx")


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("content", [b"", b"not a model\n\nat all", bytes(range(256)) * 40])
def test_a_file_that_is_no_model_is_refused(copy, runtime, content):
    replace_file(copy, MODELS[runtime], content)
    told = refused(copy, runtime)
    assert "is not a TorchScript file" in told or "the ONNX files cannot be used" in told


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe"])
def test_a_vocabulary_that_is_none_is_refused(copy, runtime, content):
    replace_file(copy, "vocab.json", content)
    assert "vocabulary" in refused(copy, runtime)


class Older(torch.nn.Module):
    """As an older export was: without a list of words that may come."""

    def forward(self, x: int) -> int:
        return x

    @torch.jit.export
    def stream_next(self, state: int, temperature: float = 0.8) -> int:
        return state


class Stranger(torch.nn.Module):
    """Some TorchScript file of somebody else."""

    def forward(self, x: int) -> int:
        return x


@pytest.mark.parametrize("module", [Older, Stranger])
def test_an_older_export_is_refused(copy, module, tmp_path):
    path = tmp_path / "older.pt"
    torch.jit.save(torch.jit.script(module()), str(path))
    replace_file(copy, "model.torchscript.pt", path.read_bytes())
    assert "was exported by an older program: make export again" in refused(copy)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("kind", ["model", "vocabulary"])
def test_a_missing_file_is_named(copy, runtime, kind):
    name = MODELS[runtime] if kind == "model" else "vocab.json"
    (copy / name).unlink()
    assert f"{name} cannot be read (No such file or directory)" in refused(copy, runtime)


def test_a_folder_in_a_files_place_is_named(copy):
    (copy / "model.onnx").unlink()
    (copy / "model.onnx").mkdir()
    assert "model.onnx cannot be read (Is a directory)" in refused(copy, "onnx")


@pytest.mark.parametrize(
    "where",
    ["nowhere", "copy/nowhere", "copy/nowhere/model.onnx", "copy/model.onnxx", ""],
)
def test_a_path_to_nothing_is_refused(copy, where):
    assert "there is no exported model with its manifest.json" in refused(copy.parent / where)


@pytest.mark.parametrize("name", ["vocab.json", "manifest.json", "README.md", "checkpoint.pt"])
def test_a_path_to_a_file_that_is_no_model_is_refused(copy, name):
    assert "is no model for torchscript" in refused(copy / name)


def test_a_bundle_without_its_manifest_is_refused(copy):
    (copy / "manifest.json").unlink()
    assert "there is no exported model with its manifest.json" in refused(copy)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"3", b'"x"', b"{}", b"\xff\xfe{}", b'{"files": []}'),
        *(b'{"files": {}, "format": 1}', b'{"files": null, "format": "cold-open-manifest"}'),
        b"[" * 100_000,
    ],
)
def test_a_manifest_that_is_none_is_refused(copy, content):
    (copy / "manifest.json").write_bytes(content)
    assert "export anew" in refused(copy)


def test_a_manifest_cut_off_anywhere_is_refused(copy):
    path = copy / "manifest.json"
    content = path.read_bytes()
    for place in range(0, len(content) - 2, 61):
        path.write_bytes(content[:place])
        assert "is damaged" in refused(copy)


@pytest.mark.parametrize(("field", "value"), [("version", 2), ("version", 4), ("format", "x")])
def test_a_manifest_of_another_version_is_refused(copy, field, value):
    edit_manifest(copy, lambda manifest: manifest.update({field: value}))
    assert "is of another version of this program: export anew" in refused(copy)


def test_a_manifest_without_the_model_is_refused(copy):
    edit_manifest(copy, lambda manifest: manifest["files"].pop("model.onnx"))
    assert "is no model for onnx that its manifest names" in refused(copy, "onnx")


def test_a_manifest_without_the_vocabulary_is_refused(copy):
    edit_manifest(copy, lambda manifest: manifest["files"].pop("vocab.json"))
    assert "export anew" in refused(copy)


@pytest.mark.parametrize("value", ["gone", None, [], "x"])
def test_whatever_a_manifest_lacks_it_is_used_or_refused(copy, value):
    """Each field, and each within a field, is taken away or made something else."""
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
            about([opened.facts | {"speakers": ["Ann"], "vocabulary": len(writer.vocabulary)}])
        except UserError:
            continue
        except Exception as error:
            trouble.append((place, repr(error)))
    assert not trouble


def test_the_newest_bundle_comes_first(bundle, tmp_path):
    for age, name in enumerate(["b", "a", "c"]):
        folder = shutil.copytree(bundle, tmp_path / name)
        os.utime(folder / "manifest.json", (1e9 - age, 1e9 - age))
    (tmp_path / "empty").mkdir()
    (tmp_path / "manifest.json").write_text("{}")
    assert [folder.name for folder in find_bundles(tmp_path)] == ["b", "a", "c"]
    models = load_models(Config(artifacts=tmp_path, runtime="onnx"))
    assert [model.bundle.name for model in models] == ["b", "a", "c"]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_bundles_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no exported model: run make demo"):
        load_models(Config(artifacts=tmp_path / name))


def test_a_damaged_bundle_among_several_is_left_out_and_the_log_says_why(bundle, tmp_path, caplog):
    for name in ("good", "bad", "worse", "fine"):
        shutil.copytree(bundle, tmp_path / name)
    flip(tmp_path / "bad" / "model.int8.onnx")
    (tmp_path / "worse" / "manifest.json").write_text("{")
    with caplog.at_level(logging.WARNING, "cold_open"):
        models = load_models(Config(artifacts=tmp_path, runtime="onnx"))
    assert {model.bundle.name for model in models} == {"good", "fine"}
    reasons = sorted(record.reason for record in caplog.records if record.msg == "left out")
    assert len(reasons) == 2
    assert "bad/model.int8.onnx is not the file" in reasons[0]
    assert "worse/manifest.json is damaged" in reasons[1]


def test_if_all_are_damaged_the_page_does_not_open(bundle, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(bundle, tmp_path / name)
        (tmp_path / name / "vocab.json").unlink()
    with pytest.raises(UserError, match="holds no bundle that can be used: the log says why"):
        load_models(Config(artifacts=tmp_path, runtime="onnx"))
    shutil.rmtree(tmp_path / "one")
    with pytest.raises(UserError, match=r"vocab\.json cannot be read"):
        load_models(Config(artifacts=tmp_path, runtime="onnx"))


def test_one_named_bundle_is_loaded_alone(bundle, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(bundle, tmp_path / name)
    config = Config(artifacts=tmp_path, model=tmp_path / "two", runtime="onnx")
    assert [model.bundle.name for model in load_models(config)] == ["two"]
    config = dataclasses.replace(config, model=tmp_path / "one" / "model.onnx")
    assert [model.bundle.file for model in load_models(config)] == ["model.onnx"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_folder_that_may_only_be_read_is_enough(copy, runtime):
    before = {path.name: path.stat().st_mtime_ns for path in copy.iterdir()}
    for path in copy.iterdir():
        path.chmod(0o444)
    copy.chmod(0o555)
    try:
        assert load_models(Config(model=copy, runtime=runtime))
        assert {path.name: path.stat().st_mtime_ns for path in copy.iterdir()} == before
    finally:
        copy.chmod(0o755)
