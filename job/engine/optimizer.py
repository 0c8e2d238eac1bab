"""The optimizer, and the schedule of its learning rate."""

import inspect
import math

import torch
from torch import nn

from job.config import Config

MIN_WARMUP = 10  # steps


class AdamW(torch.optim.AdamW):
    """`torch.optim.AdamW` (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019).

    PyTorch's decorators of these methods import torch.compile, which nothing here uses and which
    takes one to three seconds.
    """

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
    zero_grad = inspect.unwrap(torch.optim.AdamW.zero_grad)
    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    state_dict = inspect.unwrap(torch.optim.AdamW.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.AdamW.load_state_dict)


def build_optimizer(network: nn.Module, config: Config) -> AdamW:
    """AdamW for a network on its device."""
    on_gpu = next(network.parameters()).is_cuda
    return AdamW(
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
