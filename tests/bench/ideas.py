"""Ideas for the training recipe that `tests/bench/tried.py` measures; none is part of `job`.

An idea is a subclass of `Recipe` that overrides one method of the loop.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from job.config import Config
from job.layers.regularization import weight_drop
from job.model import RNN


class Recipe:
    """The preset's recipe as it is.

    Attributes:
        extra: parameters that are trained beside the network's.
    """

    def __init__(self, network: RNN, config: Config):
        self.network, self.config = network, config
        self.extra: Sequence[nn.Parameter] = ()

    def optimizer(self) -> torch.optim.Optimizer:
        """AdamW over the network's and the extra parameters; the loop sets its learning rate."""
        weights = [*self.network.parameters(), *self.extra]
        return torch.optim.AdamW(
            weights, lr=0.0, betas=(0.9, 0.99), weight_decay=self.config.weight_decay
        )

    def loss(self, inputs: Tensor, targets: Tensor, hidden: Any) -> tuple[Tensor, Any]:
        """The loss of a batch (rows, time) and the hidden state after it."""
        return self.network.sequence_loss(inputs, targets, hidden)

    def order(self, ids: Tensor, epoch: int) -> Tensor:
        """The training text (tokens,) as this epoch reads it."""
        return ids

    def after_step(self) -> None:
        """Called after each update."""

    def judged(self) -> RNN:
        """The network that is evaluated."""
        return self.network


class Muon(Recipe):
    """Recurrent and projection matrices by orthogonalized momentum, the others by AdamW."""

    def optimizer(self) -> torch.optim.Optimizer:
        return MuonOptimizer(self.network, self.config.weight_decay)


class MuonOptimizer(torch.optim.AdamW):
    """Muon for the LSTM's matrices, AdamW for the other weights.

    Jordan et al., "Muon" (2024), five Newton-Schulz steps, each gate's matrix by itself; scaled as
    in Liu et al., "Muon is scalable for LLM training" (2025), equation 4.
    """

    def __init__(self, network: nn.Module, weight_decay: float):
        named = dict(network.named_parameters())
        matrices = {name for name in named if "weight_ih" in name or "weight_hh" in name}
        self.matrices = [named[name] for name in sorted(matrices)]
        others = [weight for name, weight in named.items() if name not in matrices]
        super().__init__(others, lr=0.0, betas=(0.9, 0.99), weight_decay=weight_decay)
        self.momentum = [torch.zeros_like(weight) for weight in self.matrices]

    def zero_grad(self, set_to_none: bool = True) -> None:
        super().zero_grad(set_to_none)
        for weight in self.matrices:
            weight.grad = None

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        super().step()
        rate, decay = self.param_groups[0]["lr"], self.param_groups[0]["weight_decay"]
        for weight, momentum in zip(self.matrices, self.momentum, strict=True):
            momentum.lerp_(weight.grad, 0.05)
            update = weight.grad.lerp(momentum, 0.95).view(4, -1, weight.shape[1])
            step = orthogonal(update).view_as(weight).float()
            scale = 0.2 * math.sqrt(max(update.shape[1:]))
            weight.mul_(1 - rate * decay).sub_(step * (rate * scale))


def orthogonal(matrices: Tensor) -> Tensor:
    """About the nearest matrices with orthonormal rows or columns; (batch, rows, columns)."""
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.mT if tall else x


class LabelSmoothing(Recipe):
    """A fiftieth of the probability is spread over all words (Szegedy et al., 2016)."""

    def loss(self, inputs: Tensor, targets: Tensor, hidden: Any) -> tuple[Tensor, Any]:
        scores, _, hidden = self.network.read(inputs, hidden)
        scores = scores.flatten(0, 1).float()
        return F.cross_entropy(scores, targets.flatten(), label_smoothing=0.02), hidden


class ActivationRegularization(Recipe):
    """AR and TAR on the projected features (Merity et al., 2017, section 4.3)."""

    def loss(self, inputs: Tensor, targets: Tensor, hidden: Any) -> tuple[Tensor, Any]:
        scores, features, hidden = self.network.read(inputs, hidden)
        states = features.float()
        extra = states.pow(2).mean() + 0.5 * (states[:, 1:] - states[:, :-1]).pow(2).mean()
        return F.cross_entropy(scores.flatten(0, 1).float(), targets.flatten()) + extra, hidden


class PastDecode(Recipe):
    """The expected next word's vector must predict the last word (Brahma, 2018)."""

    def __init__(self, network: RNN, config: Config):
        super().__init__(network, config)
        size = network.embedding.embedding_dim
        self.past = nn.Linear(size, size).to(network.embedding.weight.device)
        self.extra = list(self.past.parameters())

    def loss(self, inputs: Tensor, targets: Tensor, hidden: Any) -> tuple[Tensor, Any]:
        scores, _, hidden = self.network.read(inputs, hidden)
        scores = scores.flatten(0, 1).float()
        vectors = self.network.word_vectors()
        expected = torch.softmax(scores, 1).to(vectors.dtype) @ vectors
        back = F.linear(torch.tanh(self.past(expected)), vectors, self.network.fc.bias).float()
        extra = 0.001 * F.cross_entropy(back, inputs.flatten())
        return F.cross_entropy(scores, targets.flatten()) + extra, hidden


class Mogrifier(Recipe):
    """Input and state gate each other four times before each step (Melis et al., 2020).

    Replaces `RNN.recur`, the recurrence of one layer.
    """

    def __init__(self, network: RNN, config: Config):
        super().__init__(network, config)
        device = network.embedding.weight.device
        self.rounds = {}
        for layer in network.layers:
            inputs, hidden = layer.input_size, layer.hidden_size
            sizes = ((hidden, inputs), (inputs, hidden)) * 2
            self.rounds[layer] = [nn.Linear(*size).to(device) for size in sizes]
        gates = [gate for rounds in self.rounds.values() for gate in rounds]
        self.extra = [weight for gate in gates for weight in gate.parameters()]

    def loss(self, inputs: Tensor, targets: Tensor, hidden: Any) -> tuple[Tensor, Any]:
        self.network.recur = self.recur
        return super().loss(inputs, targets, hidden)

    def judged(self) -> RNN:
        self.network.recur = self.recur
        return self.network

    def recur(self, layer: nn.LSTM, x: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, Any]:
        """One layer over x (batch, time, features)."""
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        network = self.network
        weight_hh = weight_drop(layer.weight_hh_l0, network.weight_drop, network.training)
        weights = torch.cat([layer.weight_ih_l0, weight_hh], dim=1).to(dtype)
        bias = (layer.bias_ih_l0 + layer.bias_hh_l0).to(dtype)
        matrices = [(gate.weight.to(dtype), gate.bias.to(dtype)) for gate in self.rounds[layer]]
        h, c = (tensor[0].to(dtype) for tensor in state)
        outputs = []
        for step in x.to(dtype).unbind(1):
            for number, matrix in enumerate(matrices):
                if number % 2 == 0:
                    step = 2 * torch.sigmoid(F.linear(h, *matrix)) * step
                else:
                    h = 2 * torch.sigmoid(F.linear(step, *matrix)) * h
            i, f, g, o = F.linear(torch.cat([step, h], dim=1), weights, bias).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, 1), (h[None], c[None])


class PartialShuffle(Recipe):
    """Each stream is rotated by a random amount of its own in each epoch (Press, 2019)."""

    def order(self, ids: Tensor, epoch: int) -> Tensor:
        rows = self.config.batch_size
        length = len(ids) // rows
        source = torch.Generator().manual_seed(self.config.seed * 1000 + epoch)
        cut = torch.randint(length, (rows, 1), generator=source).to(ids.device)
        places = (torch.arange(length, device=ids.device) + cut) % length
        rotated = ids[: rows * length].view(rows, length).gather(1, places)
        return torch.cat([rotated.flatten(), ids[rows * length :]])


class WeightAverage(Recipe):
    """An exponential moving average of the weights is evaluated."""

    def __init__(self, network: RNN, config: Config):
        super().__init__(network, config)
        self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.998))

    def after_step(self) -> None:
        self.average.update_parameters(self.network)

    def judged(self) -> RNN:
        return self.average.module


IDEAS: dict[str, type[Recipe]] = {
    "the preset": Recipe,
    "Muon": Muon,
    "label smoothing 0.02": LabelSmoothing,
    "activation regularization": ActivationRegularization,
    "past-decode regularization": PastDecode,
    "Mogrifier, 4 rounds": Mogrifier,
    "partial shuffle": PartialShuffle,
    "average of the weights, 0.998": WeightAverage,
}
