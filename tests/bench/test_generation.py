"""How fast an exported model writes on one CPU thread, and whether what it writes is a script.

make bench                                   the newest model in artifacts/
MODEL=artifacts/NAME/model.torchscript.pt make bench
"""

import os
import pathlib
import re
import time

import pytest
import torch

from serve.backends import newest_model

pytestmark = pytest.mark.bench
LINE = re.compile(r'^([^:()\[\]"]{1,40}:(\s|$)|\[|\()')


@pytest.fixture(scope="module")
def model():
    path = os.environ.get("MODEL") or newest_model(pathlib.Path("artifacts"))
    torch.set_num_threads(1)
    return path, torch.jit.load(str(path), map_location="cpu")


def test_tokens_per_second(model):
    path, writer = model
    writer.generate("", 50)
    rates = []
    for seed in range(5):
        started = time.perf_counter()
        writer.generate("", 300, seed=seed)
        rates.append(300 / (time.perf_counter() - started))
    print(f"\n{path}: {sorted(rates)[2]:.0f} tokens/s on one thread (median of 5 times 300)")


def test_shape_of_what_is_written(model):
    path, writer = model
    text = ""
    for seed in range(10):  # 2,000 words and more, the last line of each sample left out: it is cut
        text += writer.generate("", 400, seed=seed).rpartition("\n")[0] + "\n"
    lines = [line for line in text.split("\n") if line.strip()]
    shaped = sum(bool(LINE.match(line)) for line in lines) / len(lines)
    balanced = sum(line.count("(") == line.count(")") for line in lines) / len(lines)
    print(
        f"\n{path}: {len(text.split())} words, {len(lines)} lines: {shaped:.1%} begin with a "
        f"speaker or are a heading or direction, {balanced:.1%} have balanced parentheses, "
        f"{text.count('<unk>')} unknown words, {text.count('||')} names of symbols"
    )
    assert shaped >= 0.95
    assert balanced >= 0.95
    assert "<unk>" not in text
    assert "||" not in text
