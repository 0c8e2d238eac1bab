"""int8 products: the two ways to tell the kernel the range of its input."""

import json
import os
import subprocess
import sys

import pytest
import torch

from export.torchscript.layers import Int8Linear
from tests.bench.runs import ROOT

WEIGHT = (torch.arange(6 * 40) * 37 % 101 - 50).view(6, 40) / 50
BIAS = torch.arange(6) / 4
ROWS = (torch.arange(3 * 40) * 53 % 97 - 48).view(3, 40) / 48 * torch.tensor([[1], [0.01], [0]])


def products(bounded: bool) -> list[list[float]]:
    """`ROWS`, which lie in [-1, 1], or a multiple of them, times `WEIGHT`."""
    layer = torch.jit.script(Int8Linear(WEIGHT, BIAS, bounded))
    return layer(ROWS if bounded else 100 * ROWS).tolist()


@pytest.mark.parametrize("bounded", [True, False])
def test_rows_of_a_batch_are_quantized_independently(bounded):
    exact = (ROWS if bounded else 100 * ROWS) @ WEIGHT.t() + BIAS
    errors = (torch.tensor(products(bounded)) - exact).abs().amax(1).tolist()
    # In [-1, 1] all rows have one scale; otherwise a small row has small errors.
    expected = [0.1, 0.1, 1e-6] if bounded else [10, 0.1, 1e-6]
    assert [error < bound for error, bound in zip(errors, expected, strict=True)] == [True] * 3


def test_products_are_the_same_without_a_kernel_that_takes_the_range():
    """As on processors other than x86; PyTorch then names no instruction set of x86."""
    code = (
        "import json; from export.torchscript.layers import kernel_takes_range; "
        "from tests.export.test_int8_linear import products; "
        "print(json.dumps([kernel_takes_range(), products(True), products(False)]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={**os.environ, "ATEN_CPU_CAPABILITY": "default"},
        capture_output=True,
        text=True,
        check=True,
    )
    takes_range, *found = json.loads(done.stdout)
    assert not takes_range
    expected = torch.tensor([products(True), products(False)])
    torch.testing.assert_close(torch.tensor(found), expected, rtol=1e-5, atol=1e-5)
