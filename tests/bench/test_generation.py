"""The share of well-formed lines in what an exported model generates.

make bench                                           the newest model in artifacts/
MODEL=artifacts/NAME/model.torchscript.pt make bench  another one
"""

import os
import pathlib
import re

import pytest
import torch

from serve.models.bundles import find_bundles

pytestmark = pytest.mark.bench
LINE = re.compile(r'^([^:()\[\]"]{1,40}:(\s|$)|\[|\()')


@pytest.fixture(scope="module")
def model():
    newest = find_bundles(pathlib.Path("artifacts"))[0] / "model.torchscript.pt"
    path = os.environ.get("MODEL") or newest
    torch.set_num_threads(1)
    return path, torch.jit.load(str(path), map_location="cpu")


def test_generated_text_has_the_form_of_a_script(model):
    path, writer = model
    text = ""
    for seed in range(10):  # the last line of each sample may be incomplete and is left out
        text += writer.generate("", 400, seed=seed).rpartition("\n")[0] + "\n"
    lines = [line for line in text.split("\n") if line.strip()]
    well_formed = sum(bool(LINE.match(line)) for line in lines) / len(lines)
    balanced = sum(line.count("(") == line.count(")") for line in lines) / len(lines)
    print(
        f"\n{path}: {len(text.split())} words, {len(lines)} lines: {well_formed:.1%} begin with a "
        f"speaker or are a heading or direction, {balanced:.1%} have balanced parentheses, "
        f"{text.count('<unk>')} unknown words, {text.count('||')} symbol names"
    )
    assert well_formed >= 0.95
    assert balanced >= 0.95
    assert "<unk>" not in text
    assert "||" not in text
