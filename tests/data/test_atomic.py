"""Atomic writes on a full disk."""

import contextlib
import resource

import pytest
import torch

from data.atomic import atomic_write
from data.command_line import DiskFull


@contextlib.contextmanager
def largest_file(size):
    """Writes beyond `size` bytes of a file fail inside."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# torch.save buffers nothing, a little or much before the write that fails.
@pytest.mark.parametrize("size", [0, 10, 100, 5_000, 9_000, 40_000, 60_000])
def test_full_disk_is_a_disk_error_whatever_the_library_makes_of_it(tmp_path, size):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"")
    weights = {"a": torch.ones(100, 100), "b": [torch.ones(300) for _ in range(20)]}
    with (
        largest_file(size),
        pytest.raises(DiskFull, match="File too large"),
        atomic_write(path) as file,
    ):
        torch.save(weights, file)
    assert path.read_bytes() == b""
    assert list(tmp_path.iterdir()) == [path]


def test_error_that_is_no_failed_write_stays_as_it_is(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "file"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
