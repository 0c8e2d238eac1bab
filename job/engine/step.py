"""One training step: forward and backward pass, update; optimizer and learning-rate schedule."""

import importlib
import math
import threading

import torch
from torch import Tensor, nn

from job.config import Config
from job.engine.distributed import Group, concat_hidden, slice_hidden
from job.model import Hidden

MIN_WARMUP = 10  # steps


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


def preload_optimizer() -> None:
    """Starts to import what every optimizer of PyTorch imports when it is built.

    That takes seconds, in a thread beside reading the texts. The thread ends before the program
    does: at the end of a program, an import that is cut off may crash it.
    """
    threading.Thread(target=importlib.import_module, args=("torch._dynamo",)).start()


def build_optimizer(network: nn.Module, config: Config) -> torch.optim.Optimizer:
    """AdamW for a network on its device."""
    on_gpu = next(network.parameters()).is_cuda
    return torch.optim.AdamW(
        network.parameters(),
        # A CUDA graph reads the learning rate from the GPU's memory.
        lr=torch.tensor(config.learning_rate, device="cuda") if on_gpu else 0.0,
        betas=(0.9, 0.99),
        weight_decay=config.weight_decay,
        fused=on_gpu,
        capturable=on_gpu,
    )


def warmup_steps(total_steps: int, config: Config) -> float:
    """Steps with a rising learning rate: a share of all, and at least `MIN_WARMUP` if any.

    A short run needs them too, at most half of its steps: AdamW's second moments are noisy at
    first, and a large network's loss would rise instead of fall.
    """
    if config.warmup == 0:
        return 0.0
    return min(max(config.warmup * total_steps, MIN_WARMUP), total_steps / 2)


def learning_rate(step: int, total_steps: int, config: Config) -> float:
    """The learning rate of a step: linear warm-up, then cosine decay to 1 %, or constant."""
    warmup = warmup_steps(total_steps, config)
    if step < warmup:
        return config.learning_rate * (step + 1) / (warmup + 1)
    if config.schedule == "constant":
        return config.learning_rate
    progress = (step - warmup) / max(1.0, total_steps - warmup)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1, progress))))
