"""One step of training, and how far each step goes."""

import math

import torch
from torch import Tensor, nn

from job.config import Config
from job.model import Hidden


def forward_back_prop(
    rnn: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: nn.Module,
    inp: Tensor,
    target: Tensor,
    hidden: Hidden,
    grad_clip: float = 5.0,
) -> tuple[float, Hidden]:
    """One forward and one backward pass, and one step of the optimiser.

    Args:
        rnn: the network; moved nowhere: the batch is brought to where its weights are.
        criterion: loss of scores against ids, such as `nn.CrossEntropyLoss`.
        inp: ids (batch, time).
        target: the next word of each row (batch,), scored by `rnn(inp, hidden)`; or the word after
            every word (batch, time), scored by `rnn.all_scores(inp, hidden)`.
        hidden: state before the first word; cut off from the graph that made it.
        grad_clip: largest norm of the gradient (Pascanu et al., 2013); 0 for no clipping.

    Returns:
        (mean loss in nats, hidden state after the last word, cut off from the graph).
    """
    device = next(iter(rnn.parameters())).device
    inp, target = inp.to(device), target.to(device)
    hidden = detach(hidden, device)
    optimizer.zero_grad()
    if target.dim() == 1:
        scores, hidden = rnn(inp, hidden)
    else:
        scores, hidden = rnn.all_scores(inp, hidden)
        scores, target = scores.flatten(0, 1), target.flatten()
    loss = criterion(scores, target)
    loss.backward()
    if grad_clip:
        nn.utils.clip_grad_norm_(rnn.parameters(), grad_clip)
    optimizer.step()
    return loss.item(), detach(hidden, device)


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
