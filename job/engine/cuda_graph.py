"""Training steps on a GPU, recorded as CUDA graphs."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from job.config import Config
from job.engine.distributed import Group
from job.engine.step import backward, update
from job.engine.stepper import Stepper
from job.model import RNN, Hidden


class CudaGraphStepper(Stepper):
    """A `Stepper` that records each half of a step once as a CUDA graph, and replays it.

    A step is about two hundred kernels of a few microseconds each: launched from Python one by one,
    the GPU waits for Python. Nothing in a replay waits for the CPU; the loss stays on the GPU.
    Gradients are summed over several GPUs between the halves, outside of both graphs: recording
    waits for no other process, and one process alone can record again when it runs out of memory.
    Batches of another shape than the first one's run without the graphs.
    """

    graphs: tuple[torch.cuda.CUDAGraph, ...] = ()

    def _step(self, inp: Tensor, target: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        if not self.graphs:
            self._record(inp, target, hidden)
        if inp.shape != self.inp.shape:
            with self._precision():
                packed, hidden = self._backward(inp, target, hidden)
            self.group.all_reduce_sum(packed)
            return self._update(packed), hidden
        self.inp.copy_(inp)
        self.target.copy_(target)
        if hidden is not self.hidden:
            for place, state in zip(_states(self.hidden), _states(hidden), strict=True):
                place.copy_(state)
        self.graphs[0].replay()
        self.group.all_reduce_sum(self.packed)
        self.graphs[1].replay()
        return self.loss, self.hidden

    def _backward(self, inp: Tensor, target: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        loss, hidden = backward(
            self.network, self.optimizer, None, inp, target, hidden, self.accumulation_steps
        )
        return self.group.pack_gradients(self.network, loss), hidden

    def _update(self, packed: Tensor) -> Tensor:
        loss = self.group.unpack_gradients(self.network, packed)
        update(self.network, self.optimizer, self.config.grad_clip)
        return loss

    def _record(self, inp: Tensor, target: Tensor, hidden: Hidden) -> None:
        self.inp, self.target = inp.clone(), target.clone()
        dtype = torch.bfloat16 if self.autocast else self.network.embedding.weight.dtype
        copies = tuple(state.to(dtype, copy=True) for state in _states(hidden))
        self.hidden = copies if isinstance(hidden, tuple) else copies[0]
        graphs, stream = (torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()), torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with self._warm_up(), torch.cuda.stream(stream), self._precision():
            for _ in range(2):  # libraries are loaded, the optimizer allocates its state
                self._update(self._backward(self.inp, self.target, self.hidden)[0])
            torch.cuda.synchronize()
            with torch.cuda.graph(graphs[0], stream=stream, capture_error_mode="thread_local"):
                self.packed, after = self._backward(self.inp, self.target, self.hidden)
                for place, state in zip(_states(self.hidden), _states(after), strict=True):
                    place.copy_(state)
            # The second graph reads these tensors; a step without graphs replaces `grad`.
            self.gradients = [parameter.grad for parameter in self.network.parameters()]
            with torch.cuda.graph(graphs[1], stream=stream, capture_error_mode="thread_local"):
                self.loss = self._update(self.packed)
        self.graphs = graphs

    @contextlib.contextmanager
    def _warm_up(self) -> Iterator[None]:
        """Steps made inside leave weights, optimizer state and random state unchanged."""
        random = torch.cuda.get_rng_state()
        rates = [group["lr"].clone() for group in self.optimizer.param_groups]
        before = [tensor.clone() for tensor in self._optimizer_tensors()]
        self.set_learning_rate(0.0)
        try:
            yield
        finally:
            torch.cuda.synchronize()
            for number, tensor in enumerate(self._optimizer_tensors()):
                tensor.copy_(before[number]) if before else tensor.zero_()
            for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
                group["lr"].copy_(rate)
            torch.cuda.set_rng_state(random)

    def _accumulate_more(self, rows: int, problem: RuntimeError) -> None:
        self.graphs, self.gradients = (), []
        super()._accumulate_more(rows, problem)

    def _optimizer_tensors(self) -> list[Tensor]:
        return [tensor for state in self.optimizer.state.values() for tensor in state.values()]


def _states(hidden: Hidden) -> tuple[Tensor, ...]:
    return hidden if isinstance(hidden, tuple) else (hidden,)


def make_stepper(
    network: RNN, optimizer: torch.optim.Optimizer, config: Config, autocast: bool, group: Group
) -> Stepper:
    """The fastest stepper for this network, device and objective."""
    graphed = network.embedding.weight.is_cuda and config.objective == "stream"
    kind = CudaGraphStepper if graphed else Stepper
    return kind(network, optimizer, config, autocast, group)
