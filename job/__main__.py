"""python -m job: train a network on a show's script, or resume the run."""

import contextlib
import functools
import os
import sys
import time

from data.command_line import UserError, ignore_sigterm, run
from data.corpus.prepared import is_prepared
from data.formats.load import load
from data.formats.look import short_report
from data.formats.problems import problem
from job import STARTED
from job.config import Config
from job.options import parse

RESTART_SECONDS = 60.0  # that a killed process may take to end


def main(started: float | None = None) -> int:
    """Trains as the command line says; returns the exit code.

    Args:
        started: `time.monotonic()` at which the time limit begins; now, if None.
    """
    started = time.monotonic() if started is None else started
    config, options = parse()
    # Imported late: --help and refused flags do not wait for PyTorch.
    from job.engine.distributed import (
        end_with_launcher,
        process_rank,
        record_exit_code,
        was_restarted,
    )
    from job.run_folder import open_run_folder
    from job.train import Stopped

    end_with_launcher()
    # A restarted process waits for the end of the one that it replaces.
    wait = RESTART_SECONDS if was_restarted() else 0.0
    folder = open_run_folder(config, wait) if process_rank() == 0 else contextlib.nullcontext()
    try:
        with record_exit_code(), folder:
            show_script(config, options.anyway)
            train(config, options.fresh, started)
    except Stopped as stopped:
        return stopped.exit_code
    return 0


def show_script(config: Config, anyway: bool) -> None:
    """Prints what the training script was read as; of several processes, rank 0 prints.

    Raises:
        UserError: if the script cannot be read, or seems to hold no script, unless `anyway`.
    """
    from job.engine.distributed import process_rank

    if is_prepared(config.data):
        return
    loaded = load(config.data, config.format, config.columns)
    if process_rank() == 0:
        print("\n".join(short_report(loaded)), file=sys.stderr)
    found = problem(loaded.script.to_text())
    if found and not anyway:
        raise UserError(
            f"{config.data} seems to hold {found}, which would be learned as words: look at it "
            f"with python -m data look {config.data}; --format reads it otherwise, --anyway trains"
        )


def train(config: Config, fresh: bool, started: float) -> None:
    """Trains, and prints what is trained and the scores; of several processes, rank 0 prints.

    Raises:
        Stopped: if the run ended early.
    """
    from job.train import Run, Stopped

    training = Run(config, fresh, started)
    group, vocabulary = training.group, training.vocabulary
    parameters = sum(weight.numel() for weight in training.network.parameters())
    lines = [
        f"{vocabulary.show}: {len(training.dataset.train_ids):,} words of training text, "
        f"{len(training.dataset.valid.ids):,} of validation text, vocabulary {len(vocabulary):,}; "
        f"{config.cell.upper()} with {parameters / 1e6:.1f} M parameters on {training.device}"
        + (f", {group.size} processes" if group.is_distributed else "")
    ]
    if training.step:
        lines.append(f"resumes at step {training.step:,} of {training.total_steps:,}")
    if group.is_rank0:
        print("\n".join(lines), file=sys.stderr)
    try:
        best = training.train()
    except Stopped as stopped:
        ignore_sigterm()
        if group.is_rank0:
            saved = f"the state is saved in {training.folder}: run the same command to resume"
            print(f"{stopped}; {saved}", file=sys.stderr)
        group.shutdown()
        raise
    if group.is_rank0:
        print(summary(best, training.history[-1]["seconds"]))
        print(f"{training.folder}{os.sep}checkpoint.pt")
    group.shutdown()


def summary(best: dict[str, float], seconds: float) -> str:
    """The scores of a finished run, in one line or two."""
    line = (
        f"validation loss {best['valid_loss']:.3f} (perplexity {best['perplexity']:.1f}; unigram "
        f"model {best['unigram_loss']:.3f}), with cache {best['valid_loss_with_cache']:.3f}"
    )
    if "bits_per_character" in best:
        line += f", {best['bits_per_character']:.3f} bits per character"
    line += (
        f"; training loss {best['train_loss']:.3f} with dropout and "
        f"{best['train_loss_without_dropout']:.3f} without; best epoch {best['epoch']}, "
        f"{seconds:.0f} s"
    )
    if "test_loss" in best:
        line += (
            f"\ntest loss {best['test_loss']:.3f} (perplexity {best['test_perplexity']:.1f}), "
            f"with cache {best['test_loss_with_cache']:.3f}"
        )
        if "test_bits_per_character" in best:
            line += f", {best['test_bits_per_character']:.3f} bits per character"
    return line


if __name__ == "__main__":
    run(functools.partial(main, STARTED))
