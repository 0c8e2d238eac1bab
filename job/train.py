"""Training: `Run` holds the state of a run and its loop; `forward_back_prop` is one step.

Read `Run.__init__` for the construction (texts, network, optimizer, stepper, restored state) and
`Run.train` for the loop.
"""

import contextlib
import dataclasses
import math
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from data.command_line import UserError
from job import checkpoint
from job.base import Base, initialize, match_frequencies
from job.checkpoint import Checkpoint, build_network, load_network, save_checkpoint
from job.config import NO_BASE, Config
from job.dataset import Dataset
from job.engine.cuda_graph import make_stepper
from job.engine.distributed import choose_device, init_distributed, was_restarted
from job.engine.divergence import DivergenceCheck
from job.engine.monitor import Monitor, draw_curves, preload_curves
from job.engine.optimizer import build_optimizer, learning_rate, warmup_steps
from job.engine.step import detach
from job.engine.step import forward_back_prop as forward_back_prop  # importable from here
from job.engine.stepper import construction
from job.engine.stop import Requests, Stopped, StopRequests
from job.evaluate import held_out_loss
from job.finalize import finalize
from job.layers.subwords import Subwords
from job.model import RNN, Hidden
from job.state import best_saved_loss, load_state, random_state, save_state, set_random_state

MAX_EXPONENT = 700.0  # exp of more overflows
CHARACTERS_PER_WORD = 5  # of a script, spaces included
LOG_EVERY = 50  # steps between two reads of the loss, each of which waits for the GPU


class Run:
    """One training run: a new one, or resumed from the files in its folder.

    Args:
        config: the settings.
        fresh: whether to start a new run, and set the files of an earlier one aside.
        started: `time.monotonic()` at which the time limit begins; now, if None.

    Raises:
        UserError: for unusable texts, settings that do not fit them, or a folder of another run.
    """

    def __init__(self, config: Config, fresh: bool = False, started: float | None = None):
        self.requests = StopRequests(config.max_minutes, started)
        self.config = config
        self.folder = pathlib.Path(config.folder)
        self.device = choose_device(config.device)
        self.group = init_distributed(self.device)
        if self.group.is_distributed and config.objective == "window":
            raise UserError("--objective window is trained by one process: start only one")
        self.rows = self.group.local_rows(config.batch_size)
        base = Base.load(config.base) if config.base != NO_BASE else None
        self.base_sha256 = base.sha256 if base else ""
        self.dataset = Dataset(config, self.device, self.rows, base)
        self.vocabulary = self.dataset.vocabulary
        self.total_steps = self.dataset.steps_per_epoch * config.epochs

        torch.manual_seed(config.seed)
        self.network = self._build_network(base)
        self.optimizer = build_optimizer(self.network, config)
        autocast = config.precision == "bf16" or (
            config.precision == "auto" and self.device == "cuda"
        )
        self.stepper = make_stepper(self.network, self.optimizer, config, autocast, self.group)

        self.hidden = self._initial_hidden()
        self.step = 0
        self.seconds = 0.0
        self.loss_sum: Any = 0.0  # since the last evaluation
        self.loss_count = 0
        self.history: list[dict[str, Any]] = []
        self.best_saved = math.inf  # validation loss of checkpoint.pt
        warmup = warmup_steps(self.total_steps, config)
        self.divergence = DivergenceCheck(len(self.vocabulary), warmup, self.folder)
        self._restore(fresh and not was_restarted())
        self.first_step = self.step
        self.saved_progress = (self.step, len(self.history)) if self.step else None

    def _build_network(self, base: Base | None) -> RNN:
        config, words = self.config, self.vocabulary.words
        subwords = None
        if config.subwords:
            subwords = Subwords(words, config.embedding_dim, config.subwords)
        with construction():
            network = build_network(config, len(words), subwords)
        new = initialize(network, self.vocabulary, base) if base is not None else None
        network = network.to(self.device)
        if new is not None:
            texts = self.dataset.texts
            match_frequencies(network, words, new, texts.train_ids, texts.counts)
        self.group.broadcast_weights(network)
        return network

    def _initial_hidden(self) -> Hidden:
        return self.network.init_hidden(self.rows.stop - self.rows.start)

    def _restore(self, fresh: bool) -> None:
        text = self.vocabulary.to_json()
        state = load_state(self.folder, self.config, text, self.group, self.rows, fresh)
        if state is None:
            self.group.seed_masks(self.config.seed, 0)
            return
        self.load_state_dict(state)
        if self.group.is_rank0:
            self.best_saved = best_saved_loss(self.folder)

    def state_dict(self) -> dict[str, Any]:
        """The state of this process: that of its rows and of its random number generators."""
        return {
            "model": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "stepper": self.stepper.state_dict(),
            "hidden": detach(self.hidden, "cpu"),
            "random": random_state(self.device),
            "step": self.step,
            "seconds": self.seconds,
            "loss_sum": float(self.loss_sum),
            "loss_count": self.loss_count,
            "history": self.history,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned; `random` is None in a process that is new."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate  # on this device; its value is set at every step
        self.stepper.load_state_dict(state["stepper"])
        self.hidden = detach(state["hidden"], self.device)
        self.step, self.seconds = state["step"], state["seconds"]
        self.loss_sum, self.loss_count = state["loss_sum"], state["loss_count"]
        self.history = state["history"]
        if state["random"] is None:
            self.group.seed_masks(self.config.seed, self.step)
        else:
            set_random_state(state["random"], self.device)

    def train(self) -> dict[str, Any]:
        """Trains to the end and returns the scores of the best evaluation.

        Raises:
            Stopped: after SIGTERM, SIGINT or the time limit, once the state is saved.
            Diverged: if the loss is not finite, or stays high; the best checkpoint so far is kept.
        """
        progress = (self.folder, self.total_steps, self.step)
        monitor = Monitor(*progress, self.config.tensorboard, self.group.is_rank0)
        self.network.train()
        if self.device == "cuda":
            preload_curves()
        self.started = self.saved = self.resumed = time.monotonic()
        self.max_reserve = self.requests.time_left() / 2
        handlers = self.requests.handlers(twice=not self.group.is_distributed)
        with handlers, contextlib.closing(monitor):
            if self.step == 0:
                self._save_state()  # a checkpoint.pt beside it belongs to this run
            try:
                self._train_epochs(monitor)
                self._finalize()
            except Stopped:
                self._save_state()
                raise
        return self.best

    def _train_epochs(self, monitor: Monitor) -> None:
        while True:
            # Of a resumed run too: the evaluation may have been interrupted.
            if self._evaluation_is_due():
                self._evaluate(monitor)
            self._handle_requests(monitor)
            if self.step >= self.total_steps or self._patience_exceeded():
                return
            for inp, target in self.batches():
                self.train_step(inp, target)
                log = self.step % LOG_EVERY == 0 or self.device == "cpu"
                if log:
                    monitor.steps(self.step, self._mean_loss())
                if self.step % self.dataset.steps_per_epoch == 0:
                    break
                if log or not self.group.is_distributed:
                    self._handle_requests(monitor)

    def _evaluation_is_due(self) -> bool:
        epoch, rest = divmod(self.step, self.dataset.steps_per_epoch)
        planned = rest == 0 and epoch > 0 and epoch % self.config.eval_epochs == 0
        return not self._is_evaluated() and (planned or self.step == self.total_steps)

    def _is_evaluated(self) -> bool:
        return bool(self.history) and self.history[-1]["step"] == self.step

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The remaining (inputs, targets) of the current epoch; see `Dataset.batches`."""
        epoch, done = divmod(self.step, self.dataset.steps_per_epoch)
        if done == 0:
            self.hidden = self._initial_hidden()
        return self.dataset.batches(epoch, done)

    def train_step(self, inp: Tensor, target: Tensor) -> Any:
        """One step on a batch; returns its loss, a float or a scalar on the GPU."""
        self.stepper.set_learning_rate(learning_rate(self.step, self.total_steps, self.config))
        if self.config.objective == "window":
            self.hidden = self.network.init_hidden(len(inp))
        loss, self.hidden = self.stepper(inp, target, self.hidden)
        self.step += 1
        self.loss_sum, self.loss_count = self.loss_sum + loss, self.loss_count + 1
        return loss

    @property
    def best(self) -> dict[str, Any]:
        """The scores of the evaluation with the lowest validation loss."""
        return min(self.history, key=lambda row: row["valid_loss"])

    def _mean_loss(self) -> float:
        """The mean training loss since the last evaluation; raises `Diverged`."""
        self.loss_sum = float(self.loss_sum)
        self.divergence.check(self.step, self.loss_sum)
        return self.loss_sum / max(1, self.loss_count)

    def _handle_requests(self, monitor: Monitor) -> None:
        """Saves the state if requested; ends the run gracefully on a signal or the time limit."""
        # The time limit leaves time for a step: a run resumed again and again reaches its end.
        time_is_up = self.requests.time_left() < self._reserve() and self.step > self.first_step
        own = Requests(
            stop=self.requests.signal,
            time_is_up=time_is_up and self.step < self.total_steps,
            save=time.monotonic() - self.saved > self.config.save_seconds,
        )
        requests = Requests(*self.group.all_reduce_max(own))
        if requests.stop:
            self.requests.signal = requests.stop
            raise self.requests.stopped_by_signal()
        if requests.save and not self.divergence.suspected:
            self._save_state()
        if requests.time_is_up:
            if not self._is_evaluated():
                self._evaluate(monitor)  # so that even a short run leaves a usable model
            self._finalize()
            raise self.requests.stopped_by_time()

    def _reserve(self) -> float:
        """Seconds that one more step, an evaluation and `finalize` take: an estimate.

        Training a word takes about as long as `finalize` takes for one.
        """
        steps = max(1, self.step - self.first_step)
        trained = steps * (self.rows.stop - self.rows.start) * self.config.sequence_length
        words = 4 * len(self.dataset.valid.ids)
        if self.config.spell:
            words += len(self.dataset.texts.train_text) // CHARACTERS_PER_WORD
        seconds = time.monotonic() - self.started
        # Half of the time at most, so that a run with a short limit trains too.
        return seconds / steps + min(self.max_reserve, seconds * words / trained)

    def _patience_exceeded(self) -> bool:
        """Early stopping: whether the last `patience` evaluations brought no improvement."""
        losses = [row["valid_loss"] for row in self.history]
        since_best = len(losses) - 1 - losses.index(min(losses)) if losses else 0
        return 0 < self.config.patience <= since_best

    def _evaluate(self, monitor: Monitor) -> None:
        train_loss = self._mean_loss()
        # By rank 0 alone: it takes a second, an epoch minutes.
        row = self.group.broadcast_from_rank0(lambda: self._score(train_loss))
        losses = row["valid_loss"], row["train_loss_without_dropout"]
        if not all(map(math.isfinite, losses)):
            raise self.divergence.diverged(math.nan, self.step)
        self.history.append(row)
        self.divergence.restart(self.loss_sum)
        self.loss_sum, self.loss_count = 0.0, 0
        monitor.evaluation(self.history, self.config.epochs)
        if self.step == self.total_steps:
            self.divergence.check_result(self.best["valid_loss"], self.step)

    def _interruptible(self) -> contextlib.AbstractContextManager[None]:
        """See `StopRequests.interruptible`; without time limit before the first step.

        Else a run with a short limit, resumed again and again, would never complete an evaluation.
        """
        return self.requests.interruptible(timed=self.step > self.first_step)

    def _score(self, train_loss: float) -> dict[str, Any]:
        """Scores the network; saves it if it is the best so far."""
        network = self.network.merged(self.config.temperature)
        with self._interruptible():
            valid_loss = held_out_loss(network, self.dataset.valid.ids, self.dataset.primer)
            sample_loss = held_out_loss(network, self.dataset.train_sample, self.dataset.primer)
        seconds = self.seconds + time.monotonic() - self.resumed
        before = self.history[-1]["seconds"] if self.history else 0.0
        tokens = self.loss_count * self.config.batch_size
        tokens *= 1 if self.config.objective == "window" else self.config.sequence_length
        scores = {
            "epoch": math.ceil(self.step / self.dataset.steps_per_epoch),
            "step": self.step,
            "train_loss": train_loss,
            "train_loss_without_dropout": sample_loss,
            "valid_loss": valid_loss,
            "perplexity": math.exp(min(valid_loss, MAX_EXPONENT)),
            "unigram_loss": self.dataset.unigram,
            "learning_rate": learning_rate(self.step - 1, self.total_steps, self.config),
            "seconds": seconds,
            "tokens_per_second": tokens / max(1e-9, seconds - before),
            "best": not self.history or valid_loss < self.best["valid_loss"],
        }
        # A resumed run may score epochs again that are worse than the saved one.
        if valid_loss <= self.best_saved and valid_loss < math.inf:
            best = Checkpoint.create(network, self.vocabulary, self.config, self.step, scores)
            best = dataclasses.replace(best, base=self.base_sha256)
            save_checkpoint(self.folder / checkpoint.NAME, best)
            self.best_saved = valid_loss
        return scores

    def _save_state(self) -> None:
        """Saves the state, unless this very state is saved already."""
        if self.saved_progress == (self.step, len(self.history)):
            return
        now = time.monotonic()
        self._mean_loss()  # raises if the run has diverged: such a state is not saved
        self.seconds += now - self.resumed
        text = self.vocabulary.to_json()
        save_state(self.folder, self.state_dict(), self.config, text, self.group)
        self.saved = self.resumed = time.monotonic()
        self.saved_progress = (self.step, len(self.history))

    def _finalize(self) -> None:
        """Completes the best checkpoint, unless this was done before."""
        self._save_state()  # before random numbers are drawn
        self.best.update(self.group.broadcast_from_rank0(self._finalized_scores))

    def _finalized_scores(self) -> dict[str, Any]:
        network, vocabulary, best = load_network(path := self.folder / checkpoint.NAME)
        if not best.finished:
            network = network.to(self.device)
            with self._interruptible():
                draw_curves(self.history, self.dataset.unigram, self.folder / "curves.png")
                best = finalize(best, network, vocabulary, self.dataset.texts, self.config)
            save_checkpoint(path, best)
        return best.scores
