"""The training run: streams in, steps, evaluations, and files that survive whatever happens."""

import contextlib
import datetime
import math
import pathlib
import random
import signal
import time
from typing import Any, NamedTuple

import torch

from data.batches import as_tensor, batch_data, count_stream_batches, stream_batches
from data.command_line import UserError
from data.texts import texts_of
from job import checkpoint
from job import state as resume
from job.config import Config
from job.engine.distributed import join, restarted
from job.engine.graphed import make_stepper
from job.engine.monitor import Monitor, draw_curves
from job.engine.step import forward_back_prop as forward_back_prop  # where a reader looks for it
from job.engine.step import learning_rate
from job.evaluate import held_out_loss, unigram_loss
from job.finalize import finish
from job.layers.subwords import Subwords
from job.model import Hidden

CHECK = 50  # steps between two looks at the loss: each look makes a GPU wait


class Orders(NamedTuple):
    """What is to be done after the present step."""

    stop: int  # the signal, or 0
    time_is_up: int
    save: int


class Stopped(Exception):
    """The run was asked to stop (SIGTERM, SIGINT), or its time is up; its state is saved."""

    def __init__(self, reason: str, exit_code: int):
        super().__init__(reason)
        self.exit_code = exit_code


class Diverged(UserError):
    """The loss is not a number any more, or worse than knowing nothing."""

    exit_code = 3


class Run:
    """One training run: made from a `Config`, or taken up where its folder's files leave off."""

    def __init__(self, config: Config, fresh: bool = False):
        self.config = config
        self.folder = pathlib.Path(config.folder)
        self.device = choose_device(config.device)
        self.group = join(self.device)
        if self.group.together and config.objective == "window":
            raise UserError("--objective window is trained by one process: start it without others")
        self.rows = self.group.rows(config.batch_size)  # of each batch, those of this process
        autocast = config.precision == "bf16" or (
            config.precision == "auto" and self.device == "cuda"
        )
        self.texts = texts = texts_of(config)
        self.vocabulary = texts.vocabulary
        valid_ids = self.vocabulary.encode(texts.valid_text)
        self.unigram = unigram_loss(texts.counts, valid_ids)
        self.valid_ids = torch.tensor(valid_ids, device=self.device)
        self.known_ids = as_tensor(texts.train_ids[: len(valid_ids)]).to(self.device)
        # Those of a prepared corpus stay in their file: a batch at a time is brought here.
        self.train_ids = (
            torch.tensor(texts.train_ids, device=self.device)
            if isinstance(texts.train_ids, list)
            else texts.train_ids
        )
        self.primer = self.vocabulary.encode(self.vocabulary.primer)
        self.steps_per_epoch = self._count_steps()
        self.total_steps = self.steps_per_epoch * config.epochs

        torch.manual_seed(config.seed)
        words = self.vocabulary.words
        subwords = (
            Subwords(words, config.embedding_dim, config.subwords) if config.subwords else None
        )
        self.network = checkpoint.build_network(config, len(words), subwords).to(self.device)
        self.group.same_weights(self.network)
        on_gpu = self.device == "cuda"
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            # A recorded step reads the rate from the GPU's memory.
            lr=torch.tensor(config.learning_rate, device="cuda") if on_gpu else 0.0,
            betas=(0.9, 0.99),
            weight_decay=config.weight_decay,
            fused=on_gpu,
            capturable=on_gpu,
        )
        self.hidden = self._no_context()
        self.step = 0
        self.seconds = 0.0
        self.loss_sum: Any = 0.0  # since the last evaluation
        self.loss_count = 0
        self.history: list[dict[str, Any]] = []
        self.best_on_disk = math.inf  # a run taken up may pass worse epochs again on its way
        self.stop_signal = 0
        parts = resume.take_up(self, fresh and not restarted())
        self.stepper = make_stepper(
            self.network, self.optimizer, config, autocast, parts, self.group
        )

    def train(self) -> dict[str, Any]:
        """Trains to the end and returns the best evaluation's scores.

        Raises:
            Stopped: after SIGTERM or SIGINT, or when the time is up, once the state is saved.
            Diverged: if the loss is no longer a number; the best checkpoint so far stands.
        """
        progress = (self.folder, self.total_steps, self.step)
        monitor = Monitor(*progress, self.config.tensorboard, self.group.first)
        self.network.train()
        self.started = self.saved = self.resumed = time.monotonic()
        with self._listening(), contextlib.closing(monitor):
            if self.step == 0:
                self._save_state()  # by which a checkpoint.pt is known to be of this run
            while self.step < self.total_steps and not self._out_of_patience():
                for inp, target in self._batches():
                    rate = learning_rate(self.step, self.total_steps, self.config)
                    self.stepper.set_learning_rate(rate)
                    if self.config.objective == "window":
                        self.hidden = self.network.init_hidden(len(inp))
                    loss, self.hidden = self.stepper(inp, target, self.hidden)
                    self.step += 1
                    self.loss_sum, self.loss_count = self.loss_sum + loss, self.loss_count + 1
                    look = self.step % CHECK == 0 or self.device == "cpu"
                    if look:
                        monitor.steps(self.step, self._mean_loss())
                    if self.step % self.steps_per_epoch == 0:
                        break
                    if look or not self.group.together:
                        self._obey(monitor)
                epoch = self.step // self.steps_per_epoch
                if epoch % self.config.eval_epochs == 0 or self.step == self.total_steps:
                    self._evaluate(rate, monitor)
                self._obey(monitor)
            self._finish()
        return self.best

    @property
    def best(self) -> dict[str, Any]:
        """The evaluation with the lowest held-out loss."""
        return min(self.history, key=lambda row: row["valid_loss"])

    def _count_steps(self) -> int:
        config, n_ids = self.config, len(self.train_ids)
        if config.objective == "window":
            if not isinstance(self.train_ids, torch.Tensor):
                raise UserError(
                    "--objective window takes its windows from all over a text in memory: train "
                    f"on {config.data}, a prepared corpus, with --objective stream"
                )
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
            windows = batch_data(self.train_ids.cpu(), config.sequence_length, config.batch_size)
            batches = ((inp[self.rows], target[self.rows]) for inp, target in windows)
        else:
            # Another turn of the text each epoch, so that its pieces are never cut twice alike.
            shift = random.Random(f"{config.seed} {epoch}").randrange(len(self.train_ids))
            shift = shift if epoch else 0
            batches = stream_batches(
                self.train_ids, config.batch_size, config.sequence_length, shift, self.rows
            )
            if done == 0:
                self.hidden = self._no_context()
        for number, (inp, target) in enumerate(batches):
            if number >= done:
                yield inp.to(self.device), target.to(self.device)

    def _no_context(self) -> Hidden:
        """The state before any word, of this process's rows."""
        return self.network.init_hidden(self.rows.stop - self.rows.start)

    def _mean_loss(self) -> float:
        """The training loss since the last evaluation; raises `Diverged` if it is beyond hope."""
        self.loss_sum = float(self.loss_sum)
        mean = self.loss_sum / max(1, self.loss_count)
        # Equal chances for all words lose log(vocabulary): nobody who learns stays far above that.
        if not mean < math.log(len(self.vocabulary)) + 3:
            raise Diverged(
                f"the training loss is {mean:.3g} at step {self.step}: stopped, the last good "
                f"checkpoint is kept in {self.folder}; start --fresh with a lower --learning-rate"
            )
        return mean

    def _orders(self) -> Orders:
        """What one process finds due is due for all."""
        now = time.monotonic()
        return Orders(
            *self.group.most(
                Orders(
                    stop=self.stop_signal,
                    time_is_up=0 < self.config.max_minutes <= (now - self.started) / 60,
                    save=now - self.saved > self.config.save_seconds,
                )
            )
        )

    def _obey(self, monitor: Monitor) -> None:
        """Saves if that is due, and ends the run if it is to end here."""
        orders = self._orders()
        if orders.save or orders.stop:
            self._save_state()
        if orders.stop:
            raise Stopped("stopped", 128 + orders.stop)
        if orders.time_is_up and self.step < self.total_steps:
            if not self.history or self.history[-1]["step"] != self.step:
                rate = learning_rate(self.step, self.total_steps, self.config)
                self._evaluate(rate, monitor)  # a model to use, however short the time was
            self._save_state()
            self._finish()
            raise Stopped(f"{self.config.max_minutes:g} minutes are up", 75)

    def _out_of_patience(self) -> bool:
        looks = [row["valid_loss"] for row in self.history]
        since_best = len(looks) - 1 - looks.index(min(looks)) if looks else 0
        return 0 < self.config.patience <= since_best

    def _evaluate(self, rate: float, monitor: Monitor) -> None:
        train_loss = self._mean_loss()
        # By one process, the others wait: a second where an epoch takes minutes.
        self.history.append(self.group.by_first(lambda: self._judge(train_loss, rate)))
        self.loss_sum, self.loss_count = 0.0, 0
        monitor.evaluation(self.history, self.config.epochs)
        # Not every time: the state with its optimiser is three times the weights, on a slow disk.
        if self.step == self.total_steps:
            self._save_state()

    def _judge(self, train_loss: float, rate: float) -> dict[str, Any]:
        """The scores of the network as it is; saves it if it is the best so far."""
        network = self.network.merged(self.config.temperature)
        valid_loss = held_out_loss(network, self.valid_ids, self.primer)
        known_loss = held_out_loss(network, self.known_ids, self.primer)
        seconds = self.seconds + time.monotonic() - self.resumed
        before = self.history[-1]["seconds"] if self.history else 0.0
        tokens = self.loss_count * self.config.batch_size
        tokens *= 1 if self.config.objective == "window" else self.config.sequence_length
        scores = {
            "epoch": math.ceil(self.step / self.steps_per_epoch),
            "step": self.step,
            "train_loss": train_loss,
            "train_loss_without_dropout": known_loss,
            "valid_loss": valid_loss,
            "perplexity": math.exp(valid_loss),
            "unigram_loss": self.unigram,
            "learning_rate": rate,
            "seconds": seconds,
            "tokens_per_second": tokens / max(1e-9, seconds - before),
            "best": not self.history or valid_loss < self.best["valid_loss"],
        }
        if valid_loss <= self.best_on_disk:
            self._save_best(network, scores)
            self.best_on_disk = valid_loss
        return scores

    def _save_best(self, network: torch.nn.Module, scores: dict[str, Any]) -> None:
        checkpoint.save(
            self.folder / "checkpoint.pt",
            {
                "model": network.state_dict(),
                "vocabulary": self.vocabulary.to_json(),
                "step": self.step,
                "scores": scores,
                "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                **checkpoint.describe_run(self.config),
            },
        )

    def _save_state(self) -> None:
        now = time.monotonic()
        self._mean_loss()  # nothing that has gone wrong is worth going on from
        self.seconds += now - self.resumed
        resume.save(self)
        self.saved = self.resumed = time.monotonic()

    def _finish(self) -> None:
        """Completes the best checkpoint, unless an earlier process has finished this very one."""
        if self.group.first:
            kept = checkpoint.load(self.folder / "checkpoint.pt")
            if "speller" in kept:
                self.best.update(kept["scores"])
            else:
                draw_curves(self.history, self.unigram, self.folder / "curves.png")
                finish(self)
        self.group.wait()

    @contextlib.contextmanager
    def _listening(self):
        """SIGTERM and SIGINT only leave word: the step under way is finished, then all is saved."""

        def leave_word(number, _frame):
            # Asked twice: at once. Torchrun may pass on what the terminal has sent already.
            if self.stop_signal and not self.group.together:
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
