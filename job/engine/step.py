"""One training step: forward and backward pass, and update."""

import torch
from torch import Tensor, nn

from job.engine.distributed import Group, concat_hidden, slice_hidden
from job.model import Hidden


def forward_back_prop(
    rnn: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: nn.Module | None,
    inp: Tensor,
    target: Tensor,
    hidden: Hidden,
    grad_clip: float = 5.0,
    accumulation_steps: int = 1,
    group: Group | None = None,
) -> tuple[float, Hidden]:
    """One forward and one backward pass, and one optimizer step.

    Args:
        rnn: the network. It is not moved: the batch is copied to its device.
        optimizer: of the network's parameters.
        criterion: loss of scores against ids, such as `nn.CrossEntropyLoss`; None for the
            network's own `sequence_loss`, the cross-entropy at every word.
        inp: ids (batch, time).
        target: the next word of each row (batch,), scored by `rnn(inp, hidden)`; or the word after
            every word (batch, time), scored by `rnn.all_scores(inp, hidden)`.
        hidden: state before the first word; detached from the graph that made it.
        grad_clip: maximum norm of the gradient (Pascanu et al., 2013); 0 disables clipping.
        accumulation_steps: micro-batches that the batch is divided into (gradient accumulation),
            which needs less memory; the update is the same.
        group: processes that train together, each on its own rows of the batch.

    Returns:
        (mean loss in nats, state after the last word, detached).
    """
    device = next(iter(rnn.parameters())).device
    inp, target, hidden = inp.to(device), target.to(device), detach(hidden, device)
    loss, hidden = backward(rnn, optimizer, criterion, inp, target, hidden, accumulation_steps)
    if group is not None:
        packed = group.pack_gradients(rnn, loss)
        group.all_reduce_sum(packed)
        loss = group.unpack_gradients(rnn, packed)
    update(rnn, optimizer, grad_clip)
    return loss.item(), hidden


def backward(
    rnn: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: nn.Module | None,
    inp: Tensor,
    target: Tensor,
    hidden: Hidden,
    accumulation_steps: int = 1,
) -> tuple[Tensor, Hidden]:
    """The first half of a step: loss and gradients. Nothing waits for the GPU.

    Args:
        rnn: see `forward_back_prop`; so are the others. All tensors are on the network's device.

    Returns:
        (mean loss, a scalar on the device; state after the last word, detached).
    """
    optimizer.zero_grad()
    if accumulation_steps == 1:
        loss, hidden = _loss(rnn, criterion, inp, target, hidden)
        loss.backward()
        return loss.detach(), detach(hidden)
    total, states = torch.zeros((), device=inp.device), []
    rows = -(-len(inp) // accumulation_steps)
    for start in range(0, len(inp), rows):
        micro = slice(start, start + rows)
        state = slice_hidden(hidden, micro)
        loss, state = _loss(rnn, criterion, inp[micro], target[micro], state)
        (loss * (len(inp[micro]) / len(inp))).backward()
        total += loss.detach() * (len(inp[micro]) / len(inp))
        states.append(detach(state))
    return total, concat_hidden(states)


def update(rnn: nn.Module, optimizer: torch.optim.Optimizer, grad_clip: float) -> None:
    """The second half of a step: gradient clipping and the optimizer step."""
    if grad_clip:
        nn.utils.clip_grad_norm_(rnn.parameters(), grad_clip)
    optimizer.step()


def _loss(
    rnn: nn.Module, criterion: nn.Module | None, inp: Tensor, target: Tensor, hidden: Hidden
) -> tuple[Tensor, Hidden]:
    if criterion is None:
        return rnn.sequence_loss(inp, target, hidden)
    if target.dim() == 1:
        scores, hidden = rnn(inp, hidden)
    else:
        scores, hidden = rnn.all_scores(inp, hidden)
        scores, target = scores.flatten(0, 1), target.flatten()
    return criterion(scores, target), hidden


def detach(hidden: Hidden, device: torch.device | str | None = None) -> Hidden:
    """The hidden state without its graph, on `device` if one is given."""
    if isinstance(hidden, tuple):
        return tuple(state.detach().to(device or state.device) for state in hidden)
    return hidden.detach().to(device or hidden.device)
