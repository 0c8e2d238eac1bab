"""A checkpoint with any damage is refused in one line, or can be used."""

import dataclasses
import math
import random

import pytest
import torch

from data.command_line import UserError
from export.bundle import export
from job.checkpoint import load_network, save_checkpoint
from job.config import Config
from tests.damage import damaged_file
from tests.models import with_speller_and_cache


@pytest.fixture(scope="module")
def content(trained, tmp_path_factory):
    """The fields of a checkpoint with a speller and a cache."""
    path = tmp_path_factory.mktemp("whole") / "checkpoint.pt"
    network, _, checkpoint = with_speller_and_cache(trained / "checkpoint.pt", 20, 6)
    save_checkpoint(path, dataclasses.replace(checkpoint, model=network.state_dict()))
    return torch.load(path, weights_only=True)


def error_of(path):
    with pytest.raises(UserError) as error:
        export(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    return str(error.value)


NAN, INFINITE = torch.tensor(math.nan), torch.tensor(math.inf)
DAMAGE = {
    "scores has no valid_loss": lambda c: c["scores"].pop("valid_loss"),
    "scores.valid_loss is nan": lambda c: c["scores"].update(valid_loss=math.nan),
    "scores.bits_per_character is inf": lambda c: c["scores"].update(bits_per_character=math.inf),
    "missing 1 required positional argument: 'scores'": lambda c: c.pop("scores"),
    "scores is not a dict": lambda c: c.update(scores=[3.5]),
    "versions has no version of python": lambda c: c.pop("versions"),
    "versions has no version of torch": lambda c: c["versions"].pop("torch"),
    "cache.theta is nan": lambda c: c["cache"].update(theta=math.nan),
    "cache.weight is 1 or more": lambda c: c["cache"].update(weight=1.0),
    "cache has an unknown setting": lambda c: c["cache"].update(sharpness=1),
    "cache.size is -1": lambda c: c["cache"].update(size=-1),
    "config.hidden_dim is 'x'": lambda c: c["config"].update(hidden_dim="x"),
    "config.valid is '\\ud800', not a text": lambda c: c["config"].update(valid="\ud800"),
    "config has an unknown setting 'x'": lambda c: c["config"].update(x=1),
    "model.layers.0.bias_hh_l0 do not fit": lambda c: c["config"].update(hidden_dim=65_536),
    "--hidden-dim must be from 1": lambda c: c["config"].update(hidden_dim=10**20),
    "model.embedding.weight have a value": lambda c: c["model"]["embedding.weight"].fill_(NAN),
    "model.fc.bias have a value": lambda c: c["model"]["fc.bias"][:1].fill_(INFINITE),
    "speller.fc.bias have a value": lambda c: c["speller"]["weights"]["fc.bias"].fill_(NAN),
    "speller.letters has 'xy'": lambda c: c["speller"]["letters"].__setitem__(0, "xy"),
    "list of different letters": lambda c: c["speller"]["letters"].__setitem__(0, "é"),
    "speller.embedding.weight do not fit": lambda c: c["speller"]["letters"].append("x"),
    "speller does not consist of": lambda c: c["speller"].pop("weights"),
    "nested too deeply": lambda c: c.update(vocabulary="[" * 100_000),
    "vocabulary is None, not a text": lambda c: c.update(vocabulary=None),
    "the vocabulary is not JSON": lambda c: c.update(vocabulary=""),
    "finished is not true or false": lambda c: c.update(finished=1),
    "base is 7, not a text": lambda c: c.update(base=7),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_damaged_field_is_refused_in_one_line_and_never_exported(content, tmp_path, message):
    torch.save(content, tmp_path / "checkpoint.pt")
    fields = torch.load(tmp_path / "checkpoint.pt", weights_only=True)  # a deep copy
    DAMAGE[message](fields)
    torch.save(fields, tmp_path / "checkpoint.pt")
    assert message in error_of(tmp_path / "checkpoint.pt")


def test_setting_that_the_file_lacks_has_its_default(content, tmp_path):
    fields = {**content, "config": {**content["config"]}}
    del fields["config"]["epochs"]
    torch.save(fields, tmp_path / "checkpoint.pt")
    _, _, checkpoint = load_network(tmp_path / "checkpoint.pt")
    assert checkpoint.config["epochs"] == Config().epochs
    export(tmp_path / "checkpoint.pt")


def test_weights_larger_than_their_file_are_refused_without_using_the_memory(content, tmp_path):
    huge = torch.zeros(1).expand(10**6, 10**6)  # 4 TB in memory
    fields = {**content, "model": {**content["model"], "embedding.weight": huge}}
    torch.save(fields, tmp_path / "checkpoint.pt")
    assert "are not a dense tensor" in error_of(tmp_path / "checkpoint.pt")


def test_random_damage_is_refused_in_one_line_or_harmless(content, tmp_path):
    path, refused = tmp_path / "checkpoint.pt", []
    for seed in range(128):
        _, file = damaged_file(content, random.Random(seed))
        path.write_bytes(file)
        try:
            network, vocabulary, _ = load_network(path)
            assert network.vocab_size == len(vocabulary)
        except UserError as error:
            refused.append(str(error))
    assert 90 < len(refused) < 128
    assert not any("\n" in line for line in refused)
