"""Steps of training as fast as the machine allows, and in as much memory as it has."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from data.command_line import UserError
from job.config import Config
from job.engine.distributed import Group
from job.engine.monitor import say
from job.engine.step import backward, forward_back_prop, update
from job.model import RNN, Hidden

OOM_MESSAGES = ("not enough memory", "can't allocate memory")  # what PyTorch says of a full CPU


class Stepper:
    """Makes one step after another with `forward_back_prop`.

    A batch that does not fit into memory is worked through in halves, quarters and so on, whose
    gradients are added up: the same updates but for rounding and the masks of dropout.

    Args:
        parts: pieces of a batch to begin with: what an earlier part of the run came to.
        group: the processes that train together; each splits its own rows as it must.
    """

    def __init__(
        self,
        network: RNN,
        optimizer: torch.optim.Optimizer,
        config: Config,
        autocast: bool,
        parts: int = 1,
        group: Group | None = None,
    ):
        self.network, self.optimizer, self.config = network, optimizer, config
        self.device = network.embedding.weight.device.type
        self.autocast = autocast
        self.parts = parts
        self.group = group or Group()
        self.criterion = nn.CrossEntropyLoss() if config.objective == "window" else None

    def __call__(self, inp: Tensor, target: Tensor, hidden: Hidden) -> tuple[Any, Hidden]:
        """One step.

        Returns:
            (loss: a float, or a scalar on the device that holds until the next step; hidden state).
        """
        while True:
            try:
                return self._step(inp, target, hidden)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                # Its traceback would keep alive what there was no room for.
                problem = error.with_traceback(None)
            self._halve(len(inp), problem)

    def set_learning_rate(self, rate: float) -> None:
        """For the steps to come."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):  # a graph reads it from where it lies
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

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
                self.parts,
                self.group,
            )

    def _precision(self) -> torch.autocast:
        # No cache: what a graph casts must be cast at every replay.
        return torch.autocast(self.device, torch.bfloat16, self.autocast, cache_enabled=False)

    def _halve(self, rows: int, problem: RuntimeError) -> None:
        if self.parts >= rows:
            raise UserError(
                f"not even one row of a batch fits into memory ({problem}): give a smaller "
                "--hidden-dim or --sequence-length"
            )
        self.parts = min(2 * self.parts, rows)
        self.optimizer.zero_grad()
        if self.device == "cuda":
            torch.cuda.empty_cache()
        say(
            f"out of memory with {rows} rows side by side: goes on in {self.parts} parts of "
            f"{-(-rows // self.parts)}, gradients added up; a smaller --batch-size is faster"
        )


class GraphedStepper(Stepper):
    """The same on a GPU, each half of a step recorded once as a CUDA graph and then replayed.

    A step is some two hundred kernels of a few microseconds each: launched one by one from Python
    they wait for Python. Nothing in the replay waits for the CPU; the loss stays on the device.
    Gradients are added up over several GPUs between the halves, outside of both graphs: recording
    then waits for nobody, and may be done again by one process alone if memory is short.
    Batches of another length than the first one's are worked through without the graph.
    """

    graphs: tuple[torch.cuda.CUDAGraph, ...] = ()

    def _step(self, inp: Tensor, target: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        if not self.graphs:
            self._record(inp, target, hidden)
        if inp.shape != self.inp.shape:
            with self._precision():
                packed, hidden = self._backward(inp, target, hidden)
            self.group.add_up(packed)
            return self._update(packed), hidden
        self.inp.copy_(inp)
        self.target.copy_(target)
        if hidden is not self.hidden:
            for place, state in zip(_states(self.hidden), _states(hidden), strict=True):
                place.copy_(state)
        self.graphs[0].replay()
        self.group.add_up(self.packed)
        self.graphs[1].replay()
        return self.loss, self.hidden

    def _backward(self, inp: Tensor, target: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        loss, hidden = backward(self.network, self.optimizer, None, inp, target, hidden, self.parts)
        return self.group.pack(self.network, loss), hidden

    def _update(self, packed: Tensor) -> Tensor:
        loss = self.group.unpack(self.network, packed)
        update(self.network, self.optimizer, self.config.grad_clip)
        return loss

    def _record(self, inp: Tensor, target: Tensor, hidden: Hidden) -> None:
        self.inp, self.target = inp.clone(), target.clone()
        dtype = torch.bfloat16 if self.autocast else self.network.embedding.weight.dtype
        copies = tuple(state.to(dtype, copy=True) for state in _states(hidden))
        self.hidden = copies if isinstance(hidden, tuple) else copies[0]
        graphs, stream = (torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()), torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with self._practice(), torch.cuda.stream(stream), self._precision():
            for _ in range(2):  # libraries load, the optimiser makes its state
                self._update(self._backward(self.inp, self.target, self.hidden)[0])
            torch.cuda.synchronize()
            with torch.cuda.graph(graphs[0], stream=stream, capture_error_mode="thread_local"):
                self.packed, after = self._backward(self.inp, self.target, self.hidden)
                for place, state in zip(_states(self.hidden), _states(after), strict=True):
                    place.copy_(state)
            # The second graph reads them; a batch without a graph gives the network others.
            self.gradients = [parameter.grad for parameter in self.network.parameters()]
            with torch.cuda.graph(graphs[1], stream=stream, capture_error_mode="thread_local"):
                self.loss = self._update(self.packed)
        self.graphs = graphs

    @contextlib.contextmanager
    def _practice(self) -> Iterator[None]:
        """Steps made inside leave no trace: no weight, moment or random number is changed."""
        random = torch.cuda.get_rng_state()
        rates = [group["lr"].clone() for group in self.optimizer.param_groups]
        before = [tensor.clone() for tensor in self._moments()]
        self.set_learning_rate(0.0)
        try:
            yield
        finally:
            torch.cuda.synchronize()
            for number, tensor in enumerate(self._moments()):
                tensor.copy_(before[number]) if before else tensor.zero_()
            for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
                group["lr"].copy_(rate)
            torch.cuda.set_rng_state(random)

    def _halve(self, rows: int, problem: RuntimeError) -> None:
        self.graphs, self.gradients = (), []
        super()._halve(rows, problem)

    def _moments(self) -> list[Tensor]:
        return [tensor for state in self.optimizer.state.values() for tensor in state.values()]


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that the GPU's or the machine's memory is full."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        phrase in str(error) for phrase in OOM_MESSAGES
    )


def _states(hidden: Hidden) -> tuple[Tensor, ...]:
    return hidden if isinstance(hidden, tuple) else (hidden,)


def make_stepper(
    network: RNN,
    optimizer: torch.optim.Optimizer,
    config: Config,
    autocast: bool,
    parts: int,
    group: Group,
) -> Stepper:
    """The fastest stepper there is for this network and its device."""
    graphed = network.embedding.weight.is_cuda and config.objective == "stream"
    kind = GraphedStepper if graphed else Stepper
    return kind(network, optimizer, config, autocast, parts, group)
