"""Batches of token ids: overlapping windows, and contiguous streams for truncated BPTT."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset


def batch_data(
    words: Sequence[int], sequence_length: int, batch_size: int, shuffle: bool = True
) -> DataLoader:
    """A DataLoader of all windows of a text (stride 1), each with the word that follows it.

    This is the batching of the Udacity course that this project starts from.

    Args:
        words: the text as token ids.
        sequence_length: words per window.
        batch_size: windows per batch; the last batch may be smaller.
        shuffle: whether the windows come in random order.

    Returns:
        A loader of (windows (batch, sequence_length) int64, next words (batch,) int64).

    Raises:
        ValueError: if a size is below 1 or the text is too short for one window and its target.
    """
    if sequence_length < 1 or batch_size < 1:
        raise ValueError(
            f"sequence_length and batch_size must be at least 1, "
            f"not {sequence_length} and {batch_size}"
        )
    ids = torch.as_tensor(words, dtype=torch.int64)
    if len(ids) <= sequence_length:
        raise ValueError(
            f"{len(ids)} words are too few for a window of {sequence_length} and its target"
        )
    windows = ids.unfold(0, sequence_length, 1)[:-1]  # a view, not a copy
    dataset = TensorDataset(windows, ids[sequence_length:])
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle)


def stream_batches(
    ids: torch.Tensor | np.ndarray,
    batch_size: int,
    sequence_length: int,
    shift: int = 0,
    rows: slice = slice(None),
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches for truncated back-propagation through time (BPTT) over contiguous streams.

    The text is cut into `batch_size` streams. Row i of a batch continues where row i of the
    previous batch ended, so the hidden state can be carried from batch to batch.

    Args:
        ids: (words,) int64 tensor on any device; the batches are made on that device. Or an array
            of any integer type, possibly memory-mapped: each batch reads only its own ids.
        batch_size: number of streams.
        sequence_length: BPTT length, in words.
        shift: rotates the text by this many words first; a new shift each epoch moves the borders.
        rows: the streams to return, of all `batch_size`; each rank of a distributed run takes its
            own.

    Yields:
        (inputs, targets), each (rows, time) int64. `time` is `sequence_length`, less in the last
        batch. Targets are the inputs one word later. Fewer than `batch_size` words at the end of
        the rotated text are in no stream.

    Raises:
        ValueError: if the text is too short for streams of two words.
    """
    length = len(ids) // batch_size
    if length < 2:
        raise ValueError(f"{len(ids)} words are too few for {batch_size} streams of at least 2")
    device = ids.device if isinstance(ids, torch.Tensor) else "cpu"
    streams = shift + length * torch.arange(batch_size, device=device)[rows, None]
    for start in range(0, length - 1, sequence_length):
        end = min(start + sequence_length, length - 1)
        positions = (streams + torch.arange(start, end + 1, device=device)) % len(ids)
        if isinstance(ids, torch.Tensor):
            chunk = ids[positions]
        else:
            chunk = as_tensor(ids[positions.numpy()])
        yield chunk[:, :-1], chunk[:, 1:]


def as_tensor(ids: Sequence[int] | np.ndarray) -> torch.Tensor:
    """A copy of ids of any integer type as an int64 tensor."""
    return torch.from_numpy(np.array(ids, np.int64))


def count_stream_batches(n_ids: int, batch_size: int, sequence_length: int) -> int:
    """The number of batches that `stream_batches` yields."""
    return -(-(n_ids // batch_size - 1) // sequence_length)
