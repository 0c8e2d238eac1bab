"""Ids into batches: windows the course's way, and the long streams that training uses."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset


def batch_data(
    words: Sequence[int], sequence_length: int, batch_size: int, shuffle: bool = True
) -> DataLoader:
    """Every complete window of the text with the word that follows it.

    Args:
        words: the text as ids.
        sequence_length: words in a window.
        batch_size: windows in a batch; the last batch may be smaller.
        shuffle: whether the windows come in random order.

    Returns:
        A loader of (windows (batch, sequence_length) int64, next words (batch,) int64).

    Raises:
        ValueError: for sizes below 1, or a text too short for one window and its next word.
    """
    if sequence_length < 1 or batch_size < 1:
        raise ValueError(
            f"sequence_length and batch_size must be at least 1, "
            f"not {sequence_length} and {batch_size}"
        )
    ids = torch.as_tensor(words, dtype=torch.int64)
    if len(ids) <= sequence_length:
        raise ValueError(
            f"{len(ids)} words hold no window of {sequence_length} and a word after it"
        )
    windows = ids.unfold(0, sequence_length, 1)[:-1]  # a view: nothing is copied
    dataset = TensorDataset(windows, ids[sequence_length:])
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle)


def stream_batches(
    ids: torch.Tensor | np.ndarray,
    batch_size: int,
    sequence_length: int,
    shift: int = 0,
    rows: slice = slice(None),
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Cuts a text into `batch_size` long streams read side by side, a piece at a time.

    Row i of a batch goes on where row i of the batch before it ended, so that the hidden state
    can be carried from one to the next (truncated back-propagation through time). `shift` turns
    the text round by so many words first: a new one each epoch moves all borders.

    Args:
        ids: (words,) int64, on any device; batches are made there, without a copy to the host. Or
            an array of any integers, which may be mapped from a file: only what a batch needs of
            it is read, when it is needed.
        rows: which streams are wanted, of all.

    Yields:
        (inputs, targets), each (rows, time) with time = sequence_length but for the last;
        targets are the inputs one word later. At most batch_size words an epoch are left out.
    """
    length = len(ids) // batch_size
    if length < 2:
        raise ValueError(f"{len(ids)} words are too few for {batch_size} streams of 2 or more")
    device = ids.device if isinstance(ids, torch.Tensor) else "cpu"
    streams = shift + length * torch.arange(batch_size, device=device)[rows, None]
    for start in range(0, length - 1, sequence_length):
        end = min(start + sequence_length, length - 1)
        places = (streams + torch.arange(start, end + 1, device=device)) % len(ids)
        piece = ids[places] if isinstance(ids, torch.Tensor) else as_tensor(ids[places.numpy()])
        yield piece[:, :-1], piece[:, 1:]


def as_tensor(ids: Sequence[int] | np.ndarray) -> torch.Tensor:
    """Ids of any integer type as int64, copied."""
    return torch.from_numpy(np.array(ids, np.int64))


def count_stream_batches(n_ids: int, batch_size: int, sequence_length: int) -> int:
    """How many batches `stream_batches` yields."""
    return -(-(n_ids // batch_size - 1) // sequence_length)
