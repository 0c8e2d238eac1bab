"""Windows for the course's functions, and contiguous streams for truncated BPTT."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from data.batches import batch_data, count_stream_batches, stream_batches


def test_batch_data_gives_all_windows_and_the_next_word():
    loader = batch_data(list(range(50)), sequence_length=5, batch_size=10)
    assert isinstance(loader, DataLoader)
    assert isinstance(loader.dataset, TensorDataset)
    batches = list(loader)
    windows = torch.cat([inputs for inputs, _ in batches])
    targets = torch.cat([target for _, target in batches])
    assert windows.shape == (45, 5)
    assert windows.dtype == targets.dtype == torch.int64
    assert torch.equal(windows[:, -1] + 1, targets)
    assert sorted(windows[:, 0].tolist()) == list(range(45))


def test_batch_data_refuses_a_text_shorter_than_a_window():
    with pytest.raises(ValueError, match="5 words are too few for a window of 5"):
        batch_data([1, 2, 3, 4, 5], 5, 2)


@given(st.integers(8, 200), st.integers(1, 4), st.integers(1, 9), st.integers(0, 300))
def test_stream_batches_continue_where_the_previous_batch_ended(n_ids, batch_size, length, shift):
    batches = list(stream_batches(torch.arange(n_ids), batch_size, length, shift))
    assert len(batches) == count_stream_batches(n_ids, batch_size, length)
    joined = torch.cat([inputs for inputs, _ in batches], 1)
    assert torch.equal((joined[:, :-1] + 1) % n_ids, joined[:, 1:])
    assert all(torch.equal((inputs + 1) % n_ids, targets) for inputs, targets in batches)
