"""Checkpoints: the schema, damaged files, other versions."""

import dataclasses
import json
import os

import pytest
import torch

from data import versions
from data.command_line import UserError
from job.checkpoint import (
    FORMAT,
    Checkpoint,
    load_checkpoint,
    load_network,
    newest_checkpoint,
    save_checkpoint,
)


def test_checkpoint_is_read_as_it_was_written(trained, tmp_path):
    found = load_checkpoint(trained / "checkpoint.pt")
    save_checkpoint(tmp_path / "checkpoint.pt", found)
    again = load_checkpoint(tmp_path / "checkpoint.pt")
    for field in dataclasses.fields(Checkpoint):
        if field.name not in ("model", "speller"):
            assert getattr(found, field.name) == getattr(again, field.name)
    assert all(torch.equal(weight, again.model[name]) for name, weight in found.model.items())


def test_checkpoint_has_cache_and_scores_of_a_finished_run(trained):
    found = load_checkpoint(trained / "checkpoint.pt")
    assert set(found.cache) in (set(), {"size", "theta", "weight", "max_ratio"})
    assert {"valid_loss", "perplexity", "valid_loss_with_cache"} <= set(found.scores)
    assert found.created
    assert found.versions["torch"] == str(torch.__version__)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_checkpoint_damaged_is_refused_in_one_line(trained, tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    whole = (trained / "checkpoint.pt").read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        load_network(path)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"format": FORMAT, "version": 1, "model": {}}, r"format version 1, .*: train again$"),
        ({"format": "another", "version": versions.CHECKPOINT}, "not a file of the format"),
        ({"format": FORMAT, "version": versions.CHECKPOINT}, r"another version .*: train again$"),
        ([1], "not a file of the format"),
    ],
)
def test_checkpoint_of_another_version_or_format_is_refused(tmp_path, fields, says):
    torch.save(fields, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match=says) as error:
        load_network(tmp_path / "checkpoint.pt")
    assert "\n" not in str(error.value)


def test_checkpoint_with_another_models_vocabulary_is_refused(trained, tmp_path):
    found = load_checkpoint(trained / "checkpoint.pt")
    rows = len(found.model["embedding.weight"])
    vocabulary = json.loads(found.vocabulary)
    vocabulary["words"].append("extra")
    mixed = dataclasses.replace(found, vocabulary=json.dumps(vocabulary))
    save_checkpoint(tmp_path / "checkpoint.pt", mixed)
    with pytest.raises(UserError, match=f"{rows} words and the vocabulary {rows + 1}"):
        load_network(tmp_path / "checkpoint.pt")


def test_newest_checkpoint_is_the_one_written_last(tmp_path):
    for number, name in enumerate(("b", "a", "c")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "checkpoint.pt").write_bytes(b"")
        os.utime(tmp_path / name / "checkpoint.pt", (number, 3 - abs(number - 1)))
    assert newest_checkpoint(tmp_path) == tmp_path / "a" / "checkpoint.pt"
    with pytest.raises(UserError, match="holds no model"):
        newest_checkpoint(tmp_path / "a")
