"""When a run has diverged: its loss is not a number, or stays worse than chance."""

import math

from data.command_line import UserError

WINDOW = 50  # steps that a loss is averaged over
WINDOWS = 2  # that must be worse than chance in a row


class Diverged(UserError):
    """The training loss is not finite, or stays far above that of a uniform model. Exit code 3."""

    exit_code = 3


class DivergenceCheck:
    """Watches the training loss.

    A loss that is not finite ends the run at once. A high one does so only after the warm-up, and
    when it stays high: early spikes pass by themselves.

    Args:
        vocab_size: words of the vocabulary: a uniform model has a loss of log(vocab_size).
        warmup: steps of the learning rate's warm-up.
        folder: of the run, for the message.
    """

    def __init__(self, vocab_size: int, warmup: int, folder: object):
        self.limit = math.log(vocab_size) + 3
        self.warmup = warmup
        self.folder = folder
        self.high = 0  # windows in a row with a high loss
        self.last: tuple[int, float] | None = None  # step and sum of losses at the window's start

    @property
    def suspected(self) -> bool:
        """Whether the last window's loss was high: such a state is not worth saving."""
        return self.high > 0

    def check(self, step: int, loss_sum: float) -> None:
        """Reads the losses so far.

        Args:
            step: number of steps made.
            loss_sum: sum of the losses of the steps since `restart`.

        Raises:
            Diverged: if the run has diverged.
        """
        if not math.isfinite(loss_sum):
            raise self.diverged(loss_sum, step)
        if step <= self.warmup:
            return
        if self.last is None:
            self.last = (step, loss_sum)
        steps = step - self.last[0]
        if steps < WINDOW:
            return
        mean = (loss_sum - self.last[1]) / steps
        self.last = (step, loss_sum)
        self.high = self.high + 1 if mean > self.limit else 0
        if self.high == WINDOWS:
            raise self.diverged(mean, step)

    def restart(self, loss_sum: float) -> None:
        """The caller's sum, which is `loss_sum`, starts from 0 again."""
        if self.last is not None:
            self.last = (self.last[0], self.last[1] - loss_sum)

    def check_result(self, loss: float, step: int) -> None:
        """Raises `Diverged` if a held-out loss at the end of a run is worse than chance."""
        if not loss <= self.limit:
            raise self.diverged(loss, step)

    def diverged(self, loss: float, step: int) -> Diverged:
        """The error that ends the run."""
        return Diverged(
            f"the loss is {loss:.3g} at step {step}: stopped, and the last good checkpoint is kept "
            f"in {self.folder}; start with --fresh and a lower --learning-rate"
        )
