"""python -m tests.bench.tried: ideas that the recipe does without, each measured against it.

Every row is a training run of the preset with one idea added. What is kept lives in `job`; what
stands here did not pay, or not enough for what it costs, and is kept so that anyone can try again.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.command_line import Parser, run
from data.show.read import LOW_TIDE
from job.config import parse
from job.evaluate import held_out_loss
from job.layers.regularization import weight_drop
from job.train import Run
from tests.bench.training import machine

Loss = Callable[..., tuple[Tensor, object]]


class Muon(torch.optim.AdamW):
    """Recurrent and projection matrices by orthogonalised momentum, all else by AdamW.

    Jordan et al., "Muon" (2024), five Newton-Schulz steps; each gate's matrix by itself; scaled as
    in Liu et al., "Muon is scalable for LLM training" (2025), equation 4.
    """

    def __init__(self, network: nn.Module, like: torch.optim.AdamW):
        group = like.param_groups[0]
        named = network.named_parameters()
        self.gates = [
            weight for name, weight in named if "weight_ih" in name or "weight_hh" in name
        ]
        chosen = {id(weight) for weight in self.gates}
        super().__init__(
            [weight for weight in network.parameters() if id(weight) not in chosen],
            lr=group["lr"],
            betas=group["betas"],
            weight_decay=group["weight_decay"],
            fused=group["fused"],
            capturable=group["capturable"],
        )
        self.momentum = [torch.zeros_like(weight) for weight in self.gates]

    def zero_grad(self, set_to_none: bool = True) -> None:
        super().zero_grad(set_to_none)
        for weight in self.gates:
            weight.grad = None

    @torch.no_grad()
    def step(self, closure=None):
        super().step()
        rate, decay = self.param_groups[0]["lr"], self.param_groups[0]["weight_decay"]
        for weight, momentum in zip(self.gates, self.momentum, strict=True):
            momentum.lerp_(weight.grad, 0.05)
            update = weight.grad.lerp(momentum, 0.95).view(4, -1, weight.shape[1])
            step = orthogonal(update).view_as(weight).float()
            size = 0.2 * math.sqrt(max(update.shape[1:]))
            weight.mul_(1 - rate * decay).sub_(step * (rate * size))


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices with orthonormal rows or columns, about; (batch, rows, columns)."""
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.mT if tall else x


def scored(network: nn.Module, inp: Tensor, hidden: object) -> tuple[Tensor, Tensor, object]:
    """(scores (words, vocabulary) in float32, features (batch, time, hidden), hidden state)."""
    vectors = network.word_vectors()
    features, hidden = network._features(inp, hidden, vectors)
    scores = network._scores(network.projection(features), vectors)
    return scores.flatten(0, 1).float(), features, hidden


def label_smoothing(network: nn.Module) -> Loss:
    """A fiftieth of the probability to all words alike (Szegedy et al., 2016)."""

    def loss(inp, targets, hidden):
        scores, _, hidden = scored(network, inp, hidden)
        return F.cross_entropy(scores, targets.flatten(), label_smoothing=0.02), hidden

    return loss


def activation_regularisation(network: nn.Module) -> Loss:
    """Small outputs that change little from word to word (Merity et al., 2017, section 4.3)."""

    def loss(inp, targets, hidden):
        scores, features, hidden = scored(network, inp, hidden)
        states = features.float()
        extra = states.pow(2).mean() + 0.5 * (states[:, 1:] - states[:, :-1]).pow(2).mean()
        return F.cross_entropy(scores, targets.flatten()) + extra, hidden

    return loss


def past_decode(network: nn.Module) -> Loss:
    """From what is predicted next, the last word must be told (Brahma, 2018)."""
    size = network.embedding.embedding_dim
    past = nn.Linear(size, size).to(network.embedding.weight.device)

    def loss(inp, targets, hidden):
        scores, _, hidden = scored(network, inp, hidden)
        vectors = network.word_vectors()
        expected = torch.softmax(scores, 1).to(vectors.dtype) @ vectors
        back = F.linear(torch.tanh(past(expected)), vectors, network.fc.bias).float()
        extra = 0.001 * F.cross_entropy(back, inp.flatten())
        return F.cross_entropy(scores, targets.flatten()) + extra, hidden

    loss.extra = list(past.parameters())
    return loss


def mogrifier(network: nn.Module) -> Loss:
    """Input and state gate each other four times before each step (Melis et al., 2020)."""
    device = network.embedding.weight.device
    gates = {}
    for layer in network.layers:
        inputs, hidden = layer.input_size, layer.hidden_size
        sizes = ((hidden, inputs), (inputs, hidden)) * 2
        gates[layer.weight_hh_l0.shape, inputs] = [nn.Linear(*s).to(device) for s in sizes]

    def recur(layer, x, state):
        dtype = network._dtype(x.device.type)
        weight_hh = weight_drop(layer.weight_hh_l0, network.weight_drop, network.training)
        weights = torch.cat([layer.weight_ih_l0, weight_hh], dim=1).to(dtype)
        bias = (layer.bias_ih_l0 + layer.bias_hh_l0).to(dtype)
        rounds = gates[layer.weight_hh_l0.shape, layer.input_size]
        matrices = [(gate.weight.to(dtype), gate.bias.to(dtype)) for gate in rounds]
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

    network._recur = recur
    plain = network.sequence_loss

    def loss(inp, targets, hidden):
        return plain(inp, targets, hidden)

    loss.extra = [w for rounds in gates.values() for gate in rounds for w in gate.parameters()]
    return loss


class PartialShuffle(Run):
    """Each stream turned round by an amount of its own (Press, 2019)."""

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        rows = self.config.batch_size
        length = len(self.dataset.train_ids) // rows
        text = self.dataset.train_ids
        epoch = self.step // self.dataset.steps_per_epoch
        source = torch.Generator().manual_seed(self.config.seed * 1000 + epoch)
        cut = torch.randint(length, (rows, 1), generator=source).to(text.device)
        place = (torch.arange(length, device=text.device) + cut) % length
        kept = text[: rows * length].view(rows, length).gather(1, place)
        self.dataset.train_ids = torch.cat([kept.flatten(), text[rows * length :]])
        try:
            batches = list(super().batches())
        finally:
            self.dataset.train_ids = text
        yield from batches


class Averaged(Run):
    """Judged by a running average of the weights."""

    def train(self):
        average = [weight.detach().clone() for weight in self.network.parameters()]
        make_step = self.stepper.__class__.__call__
        weights = list(self.network.parameters())

        def step(stepper, *batch):
            result = make_step(stepper, *batch)
            with torch.no_grad():
                torch._foreach_lerp_(average, weights, 0.002)
            return result

        kind = type("Averaging", (self.stepper.__class__,), {"__call__": step})
        self.stepper.__class__ = kind
        super().train()
        with torch.no_grad():
            torch._foreach_copy_(weights, average)
        network = self.network.merged(self.config.temperature)
        return {"valid_loss": held_out_loss(network, self.dataset.valid.ids, self.dataset.primer)}


IDEAS = {
    "the preset": None,
    "Muon": Muon,
    "label smoothing 0.02": label_smoothing,
    "activation regularisation": activation_regularisation,
    "past-decode regularisation": past_decode,
    "Mogrifier, 4 rounds": mogrifier,
    "partial shuffle": PartialShuffle,
    "average of the weights, 0.998": Averaged,
}


def main() -> None:
    """Prints a Markdown table."""
    parser = Parser(prog="python -m tests.bench.tried", description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=LOW_TIDE, help="text to train on")
    parser.add_argument("--valid", default="", help="held-out text (default: a part of --data)")
    parser.add_argument("--only", nargs="*", choices=IDEAS, help="some of the ideas")
    parser.add_argument("rest", nargs="*", help="settings of the runs, after --")
    options = parser.parse_args()
    print(json.dumps(machine()), flush=True)
    print("| idea | held-out loss | seconds |\n| --- | --- | --- |", flush=True)
    for name in options.only or IDEAS:
        start = time.monotonic()
        loss = train_with(IDEAS[name], options)
        print(f"| {name} | {loss:.3f} | {time.monotonic() - start:.0f} |", flush=True)


def train_with(idea, options: argparse.Namespace) -> float:
    """The best held-out loss of one run with one idea added to it."""
    with tempfile.TemporaryDirectory() as folder:
        texts = ["--data", options.data, "--valid", options.valid, "--out", folder]
        config, _ = parse([*texts, "--no-spell", "--cache-size", "0", *options.rest])
        is_run = isinstance(idea, type) and issubclass(idea, Run)
        training = (idea if is_run else Run)(config)
        if idea is Muon:
            training.optimizer = Muon(training.network, training.optimizer)
            training.stepper.optimizer = training.optimizer
        elif idea is not None and not is_run:
            loss = idea(training.network)
            training.network.sequence_loss = loss
            training.optimizer.param_groups[0]["params"] += getattr(loss, "extra", [])
        return training.train()["valid_loss"]


if __name__ == "__main__":
    run(main)
