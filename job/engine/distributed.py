"""Several processes train one network, as torchrun starts them: one a GPU, or a few on CPUs.

Every process holds the whole network and reads its own rows of each batch. Their gradients are
laid end to end, and added up by one all-reduce a step (NCCL on GPUs, gloo on CPUs). Not by
DistributedDataParallel: it hooks onto `forward`, and training goes by `sequence_loss`, whose
weights are dropped and cast anew at every step; and between the two CUDA graphs of a step (see
`job.engine.graphed`) one plain collective is all there is room for. 30 M parameters are 120 MB of
gradients, which NVLink adds up in a fraction of a millisecond, of the five that a step takes: to
overlap it with the backward pass could hide no more than that.

All processes must take the same way, or one waits for ever: what the first finds out, or one of
them hears, goes to all by `by_first` and `most`, over gloo, which no GPU has to wait for.
"""

import contextlib
import datetime
import os
import pathlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from data.command_line import UserError

T = TypeVar("T")

# As long as the first process may judge, learn to spell, or write to a slow disk. That a process is
# gone is not found out by waiting: the connection breaks, and torchrun ends all.
PATIENCE = datetime.timedelta(days=1)
ENDED = "COLD_OPEN_ENDED"  # names the file in which a launch keeps how it ended


class Lost(UserError):
    """Another process of the run is gone."""

    exit_code = 1


class Group:
    """The processes of a run, or this one alone: then nothing here does anything.

    Args:
        rank: this process's number among all, on all machines.
        size: how many there are.
    """

    def __init__(self, rank: int = 0, size: int = 1):
        self.rank, self.size = rank, size
        self.first = rank == 0
        self.together = size > 1
        # A group of its own, so that waiting for the first needs no GPU and has its own patience.
        self.words = distributed.new_group(backend="gloo", timeout=PATIENCE) if size > 1 else None

    def rows(self, batch_size: int) -> slice:
        """This process's rows of a batch.

        Raises:
            UserError: if the batch cannot be split evenly; then no mean of means would be right.
        """
        if batch_size % self.size:
            below, above = (batch_size // self.size + n for n in (0, 1))
            fitting = " or ".join(str(n * self.size) for n in (below, above) if n)
            raise UserError(
                f"--batch-size {batch_size} cannot be split evenly between {self.size} processes: "
                f"give {fitting}"
            )
        share = batch_size // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def same_weights(self, network: nn.Module) -> None:
        """Gives all processes the first one's weights."""
        if self.together:
            for parameter in network.parameters():
                distributed.broadcast(parameter.detach(), 0)

    def own_masks(self, seed: int, step: int) -> None:
        """Random numbers that no other process draws, and none drew before `step`.

        Masks of single streams must differ between processes. Weight drop and hidden words are one
        mask for a whole batch when one process trains, which is cheaper than one for each stream,
        not better: the loss that is minimised is the mean over all masks. So here every process
        draws its own, and the gradient, a mean over several masks, is the less noisy for it.
        The first goes on with the random numbers that it has, as when it is alone.
        """
        if not self.first:
            torch.manual_seed(random.Random(f"{seed} {self.rank} {step}").getrandbits(63))

    def pack(self, network: nn.Module, loss: Tensor) -> Tensor:
        """All gradients and the loss end to end, for `add_up`; the loss alone if alone."""
        if not self.together:
            return loss
        gradients = [parameter.grad.flatten() for parameter in network.parameters()]
        return torch.cat([*gradients, loss.reshape(1)])

    def add_up(self, packed: Tensor) -> None:
        """Adds up over all processes, in place. Cannot be tried again: each must come once."""
        if self.together:
            with noticing():
                distributed.all_reduce(packed)

    def unpack(self, network: nn.Module, packed: Tensor) -> Tensor:
        """Makes means of the sums, and them the network's gradients; returns the mean loss."""
        if not self.together:
            return packed
        packed.div_(self.size)
        parameters = list(network.parameters())
        parts = packed[:-1].split([parameter.numel() for parameter in parameters])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        return packed[-1]

    def most(self, numbers: Sequence[int]) -> list[int]:
        """The largest of each over all processes."""
        if not self.together:
            return list(numbers)
        tensor = torch.tensor(numbers)
        with noticing():
            distributed.all_reduce(tensor, distributed.ReduceOp.MAX, group=self.words)
        return tensor.tolist()

    def by_first(self, work: Callable[[], T]) -> T:
        """What `work` returns in the first process, for all; the others only wait for it."""
        if not self.together:
            return work()
        box = [work() if self.first else None]
        with noticing():
            distributed.broadcast_object_list(box, 0, group=self.words)
        return box[0]

    def gather(self, value: T) -> list[T]:
        """The value of each process by rank, in the first process; nothing in the others."""
        if not self.together:
            return [value]
        values: list[Any] | None = [None] * self.size if self.first else None
        with noticing():
            distributed.gather_object(value, values, 0, group=self.words)
        return values or []

    def wait(self) -> None:
        """Goes on once all processes have come this far."""
        if self.together:
            with noticing():
                distributed.barrier(group=self.words)

    def leave(self) -> None:
        """The last call: torchrun ends all as soon as one has ended badly, so all wait for all."""
        self.wait()
        if self.together:
            distributed.destroy_process_group()


@contextlib.contextmanager
def noticing() -> Iterator[None]:
    """A broken connection is one line: which process died, and of what, torchrun tells."""
    try:
        yield
    except (RuntimeError, ConnectionError) as error:
        reason = str(error).split("\n")[0].split("] ")[-1][:100]
        raise Lost(
            f"another process of this run is gone ({reason}): the same command goes on from the "
            "last saved state, by itself under torchrun --max-restarts"
        ) from None


def join(device: str) -> Group:
    """The group that torchrun's variables name, this process in it and its GPU chosen.

    Raises:
        UserError: if this machine has fewer GPUs than processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Group()
    if device == "cuda":
        local, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= gpus:
            raise UserError(
                f"{os.environ['LOCAL_WORLD_SIZE']} processes, and {gpus} GPUs are ready here: give "
                f"--nproc-per-node {gpus}"
            )
        torch.cuda.set_device(local)
    rank, store = int(os.environ["RANK"]), None
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        # It outlives a restart, and so would the addresses in it of processes that are gone.
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = distributed.TCPStore(address, port, is_master=False)
        store = distributed.PrefixStore(os.environ["TORCHELASTIC_RESTART_COUNT"], store)
    numbers = {"store": store, "rank": rank, "world_size": size}
    distributed.init_process_group("nccl" if device == "cuda" else "gloo", **numbers)
    return Group(rank, size)


def restarted() -> bool:
    """Whether torchrun has started this process in place of one that failed."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


@contextlib.contextmanager
def endings() -> Iterator[None]:
    """Around a run: what ended on purpose is not started again by --max-restarts.

    torchrun starts all processes anew whatever they ended of, also when time was up, they were
    told to stop, or a file was missing. So the exit code is left in a file that `job.engine.launch`
    names, and those who find one end at once in the same way.

    Raises:
        SystemExit: if an earlier process of this launch has ended on purpose.
    """
    path = pathlib.Path(os.environ.get(ENDED, os.devnull))
    if restarted() and path.is_file():
        raise SystemExit(int(path.read_text()))
    try:
        yield
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is not None and not isinstance(error, Lost):
            path.write_text(str(code))
        raise


def joined(parts: Iterable[Tensor | tuple[Tensor, ...]]) -> Tensor | tuple[Tensor, ...]:
    """Hidden states of some rows each as the state of all rows, in order."""
    parts = list(parts)
    if isinstance(parts[0], tuple):
        return tuple(torch.cat(states, dim=1) for states in zip(*parts, strict=True))
    return torch.cat(parts, dim=1)


def own_part(hidden: Tensor | Sequence[Tensor], rows: slice) -> Tensor | tuple[Tensor, ...]:
    """The state of some rows out of the state of all."""
    if isinstance(hidden, Tensor):
        return hidden[:, rows].contiguous()
    return tuple(state[:, rows].contiguous() for state in hidden)
