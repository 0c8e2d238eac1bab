"""One step of training, and how far each step goes."""

import math

import torch
from torch import Tensor, nn

from job.config import Config
from job.engine.distributed import Group, joined, own_part
from job.model import Hidden


def forward_back_prop(
    rnn: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: nn.Module | None,
    inp: Tensor,
    target: Tensor,
    hidden: Hidden,
    grad_clip: float = 5.0,
    parts: int = 1,
    group: Group | None = None,
) -> tuple[float, Hidden]:
    """One forward and one backward pass, and one step of the optimiser.

    Args:
        rnn: the network; moved nowhere: the batch is brought to where its weights are.
        criterion: loss of scores against ids, such as `nn.CrossEntropyLoss`; None for the
            network's own `sequence_loss`, which is the same at every word, and cheaper.
        inp: ids (batch, time).
        target: the next word of each row (batch,), scored by `rnn(inp, hidden)`; or the word after
            every word (batch, time), scored by `rnn.all_scores(inp, hidden)`.
        hidden: state before the first word; cut off from the graph that made it.
        grad_clip: largest norm of the gradient (Pascanu et al., 2013); 0 for no clipping.
        parts: pieces that the batch is worked through in, for less memory; one update all the same.
        group: the processes that this one trains with, each on its own rows of the same batch.

    Returns:
        (mean loss in nats, hidden state after the last word, cut off from the graph).
    """
    device = next(iter(rnn.parameters())).device
    inp, target, hidden = inp.to(device), target.to(device), detach(hidden, device)
    loss, hidden = backward(rnn, optimizer, criterion, inp, target, hidden, parts)
    if group is not None:
        packed = group.pack(rnn, loss)
        group.add_up(packed)
        loss = group.unpack(rnn, packed)
    update(rnn, optimizer, grad_clip)
    return loss.item(), hidden


def backward(
    rnn: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: nn.Module | None,
    inp: Tensor,
    target: Tensor,
    hidden: Hidden,
    parts: int = 1,
) -> tuple[Tensor, Hidden]:
    """The first half of a step: losses and gradients, all on the device, nothing waited for."""
    optimizer.zero_grad()
    if parts == 1:
        loss, hidden = _loss(rnn, criterion, inp, target, hidden)
        loss.backward()
        return loss.detach(), detach(hidden)
    total, states = torch.zeros((), device=inp.device), []
    rows = -(-len(inp) // parts)
    for start in range(0, len(inp), rows):
        piece = slice(start, start + rows)
        state = own_part(hidden, piece)
        loss, state = _loss(rnn, criterion, inp[piece], target[piece], state)
        (loss * (len(inp[piece]) / len(inp))).backward()
        total += loss.detach() * (len(inp[piece]) / len(inp))
        states.append(detach(state))
    return total, joined(states)


def update(rnn: nn.Module, optimizer: torch.optim.Optimizer, grad_clip: float) -> None:
    """The second half of a step: clips the gradients and moves the weights."""
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
    """The hidden state without the graph that made it, on `device` if one is given."""
    if isinstance(hidden, tuple):
        return tuple(state.detach().to(device or state.device) for state in hidden)
    return hidden.detach().to(device or hidden.device)


def learning_rate(step: int, total_steps: int, config: Config) -> float:
    """A straight rise over the warm-up, then a cosine down to a hundredth, or no change."""
    warmup = config.warmup * total_steps
    if step < warmup:
        return config.learning_rate * (step + 1) / (warmup + 1)
    if config.schedule == "constant":
        return config.learning_rate
    progress = (step - warmup) / max(1.0, total_steps - warmup)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1, progress))))
