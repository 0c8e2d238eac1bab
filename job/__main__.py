"""python -m job: train a network on a show's script."""

import os
import sys
from typing import TYPE_CHECKING, Any

from data.command_line import run
from job.config import parse

if TYPE_CHECKING:
    from job.train import Run


def main() -> int:
    """Trains as the command line says; returns the exit code."""
    config, options = parse()
    # Only now: refusals and --help need not wait for torch.
    from job.engine.distributed import endings
    from job.train import Run, Stopped

    try:
        with endings():
            train(Run(config, options.fresh))
    except Stopped as stopped:
        return stopped.exit_code
    return 0


def train(training: "Run") -> None:
    """Trains; of several processes the first speaks, and all end together."""
    from job.train import Stopped

    first = training.group.first
    if first:
        introduce(training)
    try:
        best = training.train()
    except Stopped as stopped:
        if first:
            line = f"{stopped}; saved in {training.folder}: the same command goes on from here"
            print(line, file=sys.stderr)
        training.group.leave()
        raise
    if first:
        conclude(training, best)
    training.group.leave()


def introduce(training: "Run") -> None:
    """What is trained, on what, by whom."""
    group, config = training.group, training.config
    parameters = sum(weight.numel() for weight in training.network.parameters())
    print(
        f"{training.vocabulary.show}: {len(training.train_ids):,} words to train on, "
        f"{len(training.valid_ids):,} held out, vocabulary {len(training.vocabulary):,}; "
        f"{config.cell.upper()} of {parameters / 1e6:.1f} M parameters on {training.device}"
        + (f", by {group.size} processes" if group.together else ""),
        file=sys.stderr,
    )
    if training.step:
        print(f"goes on at step {training.step:,} of {training.total_steps:,}", file=sys.stderr)


def conclude(training: "Run", best: dict[str, Any]) -> None:
    """The scores, and where the checkpoint lies."""
    final = f"held-out loss {best['valid_loss']:.3f} (perplexity {best['perplexity']:.1f}; a "
    final += f"unigram model has {training.unigram:.3f})"
    if best["cache"]["size"]:
        final += f", with cache {best['valid_loss_with_cache']:.3f}"
    if "bits_per_character" in best:
        final += f", {best['bits_per_character']:.3f} bits per character"
    print(
        f"{final}; training loss {best['train_loss']:.3f} with dropout and "
        f"{best['train_loss_without_dropout']:.3f} without; best epoch {best['epoch']}, "
        f"{training.history[-1]['seconds']:.0f} s"
    )
    print(f"{training.folder}{os.sep}checkpoint.pt")


if __name__ == "__main__":
    run(main)
