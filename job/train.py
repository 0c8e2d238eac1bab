"""The training run: streams in, steps, evaluations, and files that survive whatever happens."""

import contextlib
import dataclasses
import datetime
import math
import pathlib
import random
import signal
import time
from typing import Any

import torch
from torch import nn

from data.batches import batch_data, count_stream_batches, stream_batches
from data.command_line import UserError
from data.corpus import read_show, split_show
from data.vocab import Vocabulary
from job import checkpoint
from job.config import Config
from job.evaluate import held_out_loss, unigram_loss
from job.monitor import Monitor, draw_curves
from job.steps import detach, forward_back_prop, learning_rate

NOT_OF_THE_RESULT = {"out", "device", "save_seconds"}  # may differ between a run and its resumption


class Stopped(Exception):
    """The run was asked to stop (SIGTERM, SIGINT); its state is saved."""

    def __init__(self, number: int):
        super().__init__(f"signal {number}")
        self.exit_code = 128 + number


class Run:
    """One training run: made from a `Config`, or taken up where its folder's files leave off."""

    def __init__(self, config: Config, fresh: bool = False):
        self.config = config
        self.folder = pathlib.Path(config.folder)
        self.device = choose_device(config.device)
        bf16 = config.precision == "bf16" or (config.precision == "auto" and self.device == "cuda")
        self.autocast = bf16
        text = read_show(config.data)
        if config.valid:
            train_text, valid_text = text, read_show(config.valid)
        else:
            train_text, valid_text = split_show(text, config.valid_fraction)
        self.vocabulary = Vocabulary.build(train_text, config.show_name, config.min_count)
        train_ids = self.vocabulary.encode(train_text)
        valid_ids = self.vocabulary.encode(valid_text)
        self.unigram = unigram_loss(train_ids, valid_ids, len(self.vocabulary))
        self.train_ids = torch.tensor(train_ids, device=self.device)
        self.valid_ids = torch.tensor(valid_ids, device=self.device)
        self.primer = self.vocabulary.encode(self.vocabulary.primer)
        self.steps_per_epoch = self._count_steps()
        self.total_steps = self.steps_per_epoch * config.epochs

        torch.manual_seed(config.seed)
        self.network = checkpoint.build_network(config, len(self.vocabulary)).to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=config.weight_decay,
            fused=self.device == "cuda",
        )
        self.hidden = self.network.init_hidden(config.batch_size)
        self.step = 0
        self.seconds = 0.0
        self.epoch_losses: list[float] = []
        self.history: list[dict[str, Any]] = []
        self.best_on_disk = math.inf  # a run taken up may pass worse epochs again on its way
        self.stop_signal = 0
        self._take_up(fresh)

    def train(self) -> dict[str, Any]:
        """Trains to the end and returns the best evaluation's scores.

        Raises:
            Stopped: after SIGTERM or SIGINT, once the state is saved.
            UserError: if the loss is no longer a number; the best checkpoint so far stands.
        """
        monitor = Monitor(self.folder, self.total_steps, self.step)
        criterion = nn.CrossEntropyLoss()
        self.network.train()
        self.saved = self.resumed = time.monotonic()
        with self._listening(), contextlib.closing(monitor):
            while self.step < self.total_steps:
                for inp, target in self._batches():
                    self._set_learning_rate()
                    if self.config.objective == "window":
                        self.hidden = self.network.init_hidden(len(inp))
                    with torch.autocast(self.device, torch.bfloat16, enabled=self.autocast):
                        loss, self.hidden = forward_back_prop(
                            self.network,
                            self.optimizer,
                            criterion,
                            inp,
                            target,
                            self.hidden,
                            self.config.grad_clip,
                        )
                    if not math.isfinite(loss):
                        raise UserError(
                            f"the loss is {loss} at step {self.step}: the last good state is kept; "
                            "start anew with a lower --learning-rate"
                        )
                    self.step += 1
                    self.epoch_losses.append(loss)
                    monitor.step(loss)
                    if self.step % self.steps_per_epoch == 0:
                        break
                    if self.stop_signal or time.monotonic() - self.saved > self.config.save_seconds:
                        self._save_state()
                    if self.stop_signal:
                        raise Stopped(self.stop_signal)
                self._evaluate()
                monitor.evaluation(self.history, self.config.epochs)
                if self.stop_signal:
                    raise Stopped(self.stop_signal)
        draw_curves(self.history, self.unigram, self.folder / "curves.png")
        return self.best

    @property
    def best(self) -> dict[str, Any]:
        """The evaluation with the lowest held-out loss."""
        return min(self.history, key=lambda row: row["valid_loss"])

    def train_loss_without_dropout(self) -> float:
        """The loss on as much of the training text as is held out, by the best checkpoint."""
        network, _, _ = checkpoint.load_network(self.folder / "checkpoint.pt")
        part = self.train_ids[: len(self.valid_ids)]
        return held_out_loss(network.to(self.device), part, self.primer)

    def _count_steps(self) -> int:
        config, n_ids = self.config, len(self.train_ids)
        if config.objective == "window":
            return max(0, math.ceil((n_ids - config.sequence_length) / config.batch_size))
        if n_ids < 2 * config.batch_size:
            raise UserError(
                f"{config.data} has {n_ids} words to train on, too few for {config.batch_size} "
                "streams: give a smaller --batch-size"
            )
        return count_stream_batches(n_ids, config.batch_size, config.sequence_length)

    def _batches(self):
        """The batches of the present epoch, from the present step on."""
        epoch, done = divmod(self.step, self.steps_per_epoch)
        config = self.config
        if config.objective == "window":
            torch.manual_seed(config.seed + epoch)  # the loader's order must be found again
            batches = iter(
                batch_data(self.train_ids.cpu(), config.sequence_length, config.batch_size)
            )
        else:
            # Another turn of the text each epoch, so that its pieces are never cut twice alike.
            shift = random.Random(f"{config.seed} {epoch}").randrange(len(self.train_ids))
            batches = stream_batches(
                self.train_ids, config.batch_size, config.sequence_length, shift if epoch else 0
            )
            if done == 0:
                self.hidden = self.network.init_hidden(config.batch_size)
        for number, batch in enumerate(batches):
            if number >= done:
                yield batch

    def _set_learning_rate(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.total_steps, self.config)

    def _evaluate(self) -> None:
        valid_loss = held_out_loss(self.network, self.valid_ids, self.primer)
        now = time.monotonic()
        tokens = self.steps_per_epoch * self.config.batch_size
        tokens *= 1 if self.config.objective == "window" else self.config.sequence_length
        before = self.history[-1]["seconds"] if self.history else 0.0
        seconds = self.seconds + now - self.resumed
        best = not self.history or valid_loss < self.best["valid_loss"]
        self.history.append(
            {
                "epoch": self.step // self.steps_per_epoch,
                "step": self.step,
                "train_loss": sum(self.epoch_losses) / len(self.epoch_losses),
                "valid_loss": valid_loss,
                "perplexity": math.exp(valid_loss),
                "unigram_loss": self.unigram,
                "learning_rate": self.optimizer.param_groups[0]["lr"],
                "seconds": seconds,
                "tokens_per_second": tokens / max(1e-9, seconds - before),
                "best": best,
            }
        )
        self.epoch_losses = []
        if valid_loss <= self.best_on_disk:
            self._save_best()
            self.best_on_disk = valid_loss
        # Not every time: the state with its optimiser is three times the weights, on a slow disk.
        due = time.monotonic() - self.saved > self.config.save_seconds
        if due or self.stop_signal or len(self.history) == 1 or self.step == self.total_steps:
            self._save_state()

    def _save_best(self) -> None:
        checkpoint.save(
            self.folder / "checkpoint.pt",
            {
                "model": self.network.state_dict(),
                "vocabulary": self.vocabulary.to_json(),
                "step": self.step,
                "scores": self.history[-1],
                "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                **checkpoint.describe_run(self.config),
            },
        )

    def _save_state(self) -> None:
        now = time.monotonic()
        self.seconds += now - self.resumed
        self.saved = self.resumed = now
        cuda = torch.cuda.get_rng_state() if self.device == "cuda" else None
        checkpoint.save(
            self.folder / "resume.pt",
            {
                "model": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "vocabulary": self.vocabulary.to_json(),
                "hidden": detach(self.hidden),
                "step": self.step,
                "seconds": self.seconds,
                "epoch_losses": self.epoch_losses,
                "history": self.history,
                "random": {"cpu": torch.get_rng_state(), "cuda": cuda},
                **checkpoint.describe_run(self.config),
            },
        )

    def _take_up(self, fresh: bool) -> None:
        """Goes on with the folder's earlier run if there is one of the same settings."""
        path = self.folder / "resume.pt"
        if fresh:
            for name in ("resume.pt", "checkpoint.pt"):
                if (self.folder / name).exists():
                    (self.folder / name).rename(self.folder / f"previous.{name}")
        if not path.exists():
            if (self.folder / "checkpoint.pt").exists():
                raise UserError(
                    f"{self.folder} holds a checkpoint of another run: give another --out, or "
                    "--fresh to set it aside"
                )
            return
        state = checkpoint.load(path)
        ours, theirs = dataclasses.asdict(self.config), state["config"]
        for name in sorted(set(ours) | set(theirs)):
            if name not in NOT_OF_THE_RESULT and ours.get(name) != theirs.get(name):
                raise UserError(
                    f"{self.folder} holds a run with {name} = {theirs.get(name)!r}, not "
                    f"{ours.get(name)!r}: give another --out, or --fresh to set it aside"
                )
        if state["vocabulary"] != self.vocabulary.to_json():
            raise UserError(
                f"{self.folder} holds a run on another text of the same name: give another --out, "
                "or --fresh to set it aside"
            )
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        hidden = state["hidden"]
        self.hidden = detach(tuple(hidden) if isinstance(hidden, list) else hidden, self.device)
        self.step, self.seconds = state["step"], state["seconds"]
        self.epoch_losses, self.history = state["epoch_losses"], state["history"]
        if (self.folder / "checkpoint.pt").exists():
            kept = checkpoint.load(self.folder / "checkpoint.pt")
            self.best_on_disk = kept["scores"]["valid_loss"]
        torch.set_rng_state(state["random"]["cpu"])
        if self.device == "cuda" and state["random"]["cuda"] is not None:
            torch.cuda.set_rng_state(state["random"]["cuda"])

    @contextlib.contextmanager
    def _listening(self):
        """SIGTERM and SIGINT only leave word: the step under way is finished, then all is saved."""

        def leave_word(number, _frame):
            if self.stop_signal:  # asked twice: at once
                raise KeyboardInterrupt
            self.stop_signal = number

        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, leave_word) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def choose_device(name: str) -> str:
    """ "cuda" or "cpu"; raises `UserError` if a GPU is asked for where there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no NVIDIA GPU is ready here; leave it out to use the CPU")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name
