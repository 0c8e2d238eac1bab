"""The same seeds write the same scenes as before: golden_scenes.json, written by golden.py."""

import json

import pytest
import torch

from tests.export.golden import PATH, scenes, writer


@pytest.mark.parametrize("name", ["fp32", "int8"])
def test_seeds_write_the_golden_scenes(name):
    expected = json.loads(PATH.read_text(encoding="utf-8"))[name]
    with torch.inference_mode():
        found = scenes(writer(name == "int8"))
    assert {key: found[key] == expected[key] for key in expected} == dict.fromkeys(expected, True)
