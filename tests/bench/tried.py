"""python -m tests.bench.tried: the held-out loss of a preset with one idea added at a time.

Every row is a whole training run of the preset's recipe by the loop in this file, without the
speed-ups, the files and the resuming of `job`; the first row adds nothing. The ideas are in
ideas.py: they did not pay, or not enough for their cost, and are kept to be tried again.
"""

import argparse
import json
import random
import time
from collections.abc import Callable

import torch
from torch import nn

from data.batches import count_stream_batches, stream_batches
from data.command_line import Parser, run
from data.show.read import LOW_TIDE, read_show, split_show
from data.vocab import Vocabulary
from job.checkpoint import build_network
from job.config import Config
from job.engine.optimizer import learning_rate
from job.engine.step import detach
from job.evaluate import held_out_loss
from job.layers.subwords import Subwords
from job.options import parse
from tests.bench.ideas import IDEAS, Recipe
from tests.bench.runs import machine


def main() -> None:
    """Prints a Markdown table."""
    parser = Parser(prog="python -m tests.bench.tried", description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=LOW_TIDE, help="training text")
    parser.add_argument("--valid", default="", help="held-out text (default: the end of --data)")
    parser.add_argument("--only", nargs="*", choices=IDEAS, help="ideas to try (default: all)")
    parser.add_argument("rest", nargs="*", help="settings of the runs, after --")
    options = parser.parse_args()
    print(json.dumps(machine()), flush=True)
    print("| idea | held-out loss | seconds |\n| --- | --- | --- |", flush=True)
    for name in options.only or IDEAS:
        start = time.monotonic()
        loss = train_with(IDEAS[name], options)
        print(f"| {name} | {loss:.3f} | {time.monotonic() - start:.0f} |", flush=True)


def train_with(idea: type[Recipe], options: argparse.Namespace) -> float:
    """The best held-out loss of one run with an idea."""
    config, _ = parse(
        ["--base", "none", "--data", options.data, "--valid", options.valid, *options.rest]
    )
    text = read_show(config.data)
    if config.valid:
        valid_text = read_show(config.valid)
    else:
        text, valid_text = split_show(text, config.valid_fraction)
    vocabulary = Vocabulary.build(text, "bench", config.min_count)
    return train(
        lambda network: idea(network, config),
        config,
        vocabulary,
        torch.tensor(vocabulary.encode(text)),
        torch.tensor(vocabulary.encode(valid_text)),
    )


def train(
    recipe_for: Callable[[nn.Module], Recipe],
    config: Config,
    vocabulary: Vocabulary,
    train_ids: torch.Tensor,
    valid_ids: torch.Tensor,
) -> float:
    """Trains on streams of the text as `python -m job` does; returns the best held-out loss."""
    gpu = torch.cuda.is_available() and config.device != "cpu"
    device = "cuda" if gpu else "cpu"
    train_ids, valid_ids = train_ids.to(device), valid_ids.to(device)
    primer = vocabulary.encode(vocabulary.primer)
    torch.manual_seed(config.seed)
    words = vocabulary.words
    subwords = Subwords(words, config.embedding_dim, config.subwords) if config.subwords else None
    network = build_network(config, len(words), subwords).to(device)
    recipe = recipe_for(network)
    optimizer = recipe.optimizer()
    weights = [*network.parameters(), *recipe.extra]
    shape = config.batch_size, config.sequence_length
    total_steps = config.epochs * count_stream_batches(len(train_ids), *shape)
    losses, step = [], 0
    for epoch in range(config.epochs):
        hidden = network.init_hidden(config.batch_size)
        # The text starts at another place in each epoch, so that sequences are cut elsewhere.
        shift = random.Random(f"{config.seed} {epoch}").randrange(len(train_ids)) if epoch else 0
        network.train()
        for inputs, targets in stream_batches(recipe.order(train_ids, epoch), *shape, shift):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, total_steps, config)
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=gpu):
                loss, hidden = recipe.loss(inputs, targets, detach(hidden))
            loss.backward()
            if config.grad_clip:
                nn.utils.clip_grad_norm_(weights, config.grad_clip)
            optimizer.step()
            recipe.after_step()
            step += 1
        if (epoch + 1) % config.eval_epochs == 0 or epoch + 1 == config.epochs:
            merged = recipe.judged().merged(config.temperature)
            losses.append(held_out_loss(merged, valid_ids, primer))
    return min(losses)


if __name__ == "__main__":
    run(main)
