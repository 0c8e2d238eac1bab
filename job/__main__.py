"""python -m job: train a network on a show's script."""

import os
import sys

from data.command_line import run
from job.config import parse


def main() -> int:
    """Trains as the command line says; returns the exit code."""
    config, options = parse()
    from job.train import Run, Stopped  # only now: refusals and --help need not wait for torch

    training = Run(config, options.fresh)
    folder = training.folder
    parameters = sum(weight.numel() for weight in training.network.parameters())
    print(
        f"{training.vocabulary.show}: {len(training.train_ids):,} words to train on, "
        f"{len(training.valid_ids):,} held out, vocabulary {len(training.vocabulary):,}; "
        f"{config.cell.upper()} of {parameters / 1e6:.1f} M parameters on {training.device}",
        file=sys.stderr,
    )
    if training.step:
        print(f"goes on at step {training.step:,} of {training.total_steps:,}", file=sys.stderr)
    try:
        best = training.train()
    except Stopped as stopped:
        print(f"{stopped}; saved in {folder}: the same command goes on from here", file=sys.stderr)
        return stopped.exit_code
    final = f"held-out loss {best['valid_loss']:.3f} (perplexity {best['perplexity']:.1f}; a "
    final += f"unigram model has {training.unigram:.3f})"
    if best["memory"]["size"]:
        final += f", with memory {best['valid_loss_with_memory']:.3f}"
    if "bits_per_character" in best:
        final += f", {best['bits_per_character']:.3f} bits per character"
    print(
        f"{final}; training loss {best['train_loss']:.3f} with dropout and "
        f"{best['train_loss_without_dropout']:.3f} without; best epoch {best['epoch']}, "
        f"{training.history[-1]['seconds']:.0f} s"
    )
    print(f"{folder}{os.sep}checkpoint.pt")
    return 0


if __name__ == "__main__":
    run(main)
