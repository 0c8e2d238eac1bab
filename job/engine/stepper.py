"""Training steps run eagerly, with gradient accumulation when memory runs out."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from data.command_line import UserError
from job.config import Config
from job.engine.distributed import Group
from job.engine.monitor import say
from job.engine.step import forward_back_prop
from job.model import RNN, Hidden

OOM_MESSAGES = ("not enough memory", "can't allocate memory")  # PyTorch's errors on a CPU


class Stepper:
    """Runs training steps by `forward_back_prop`.

    When a batch does not fit into memory, it is divided into 2, 4, 8 ... micro-batches whose
    gradients are accumulated. The updates are the same except for rounding and dropout masks.

    Args:
        network: the network to train.
        optimizer: of its parameters.
        config: objective and grad_clip are used.
        autocast: whether to train in bfloat16.
        group: processes that train together. Each accumulates over its own rows as it needs to.
    """

    def __init__(
        self,
        network: RNN,
        optimizer: torch.optim.Optimizer,
        config: Config,
        autocast: bool,
        group: Group | None = None,
    ):
        self.network, self.optimizer, self.config = network, optimizer, config
        self.device = network.embedding.weight.device.type
        self.autocast = autocast
        self.accumulation_steps = 1
        self.group = group or Group()
        self.criterion = nn.CrossEntropyLoss() if config.objective == "window" else None

    def __call__(self, inp: Tensor, target: Tensor, hidden: Hidden) -> tuple[Any, Hidden]:
        """One step.

        Args:
            inp: see `forward_back_prop`; so are `target` and `hidden`.

        Returns:
            (loss: a float, or a scalar on the GPU that is valid until the next step; hidden state).

        Raises:
            UserError: if a single row does not fit into memory.
        """
        while True:
            try:
                return self._step(inp, target, hidden)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                # The traceback would keep the tensors alive that did not fit.
                problem = error.with_traceback(None)
            self._accumulate_more(len(inp), problem)

    def set_learning_rate(self, rate: float) -> None:
        """Sets the learning rate of the following steps."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):  # a CUDA graph reads it from this memory
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"accumulation_steps": self.accumulation_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores `state_dict`'s values, before the first step."""
        self.accumulation_steps = state["accumulation_steps"]

    def _step(self, inp: Tensor, target: Tensor, hidden: Hidden) -> tuple[Any, Hidden]:
        with self._precision():
            return forward_back_prop(
                self.network,
                self.optimizer,
                self.criterion,
                inp,
                target,
                hidden,
                self.config.grad_clip,
                self.accumulation_steps,
                self.group,
            )

    def _precision(self) -> torch.autocast:
        # Without autocast's cache: a CUDA graph must cast the weights at every replay.
        return torch.autocast(self.device, torch.bfloat16, self.autocast, cache_enabled=False)

    def _accumulate_more(self, rows: int, problem: RuntimeError) -> None:
        if self.accumulation_steps >= rows:
            raise UserError(
                f"out of memory with a single row of a batch ({problem}): give a smaller "
                "--hidden-dim or --sequence-length"
            )
        self.accumulation_steps = min(2 * self.accumulation_steps, rows)
        self.optimizer.zero_grad()
        if self.device == "cuda":
            torch.cuda.empty_cache()
        say(
            f"out of memory with {rows} rows: continues with gradient accumulation over "
            f"{self.accumulation_steps} micro-batches of {-(-rows // self.accumulation_steps)} "
            "rows; a smaller --batch-size is faster"
        )


@contextlib.contextmanager
def construction() -> Iterator[None]:
    """Raises `UserError` if a network that is made inside does not fit into memory."""
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise UserError(
            "the network does not fit into memory: give a smaller --hidden-dim, --embedding-dim "
            "or --vocab-size"
        ) from None


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that the GPU's or the machine's memory is full."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        message in str(error) for message in OOM_MESSAGES
    )
