"""Data-parallel training by several processes, started by torchrun: one a GPU, or a few on CPUs.

Every process holds the whole network and reads its own rows of each batch. The gradients are
concatenated and summed by one all-reduce a step (NCCL on GPUs, gloo on CPUs). This is not
DistributedDataParallel, which hooks into `forward`: training calls `sequence_loss`, whose weights
are dropped and cast at every step, and between the two CUDA graphs of a step (see
`job.engine.cuda_graph`) only one plain collective is possible. The gradients of 30 M
parameters are 120 MB, which NVLink sums in a fraction of a millisecond; a step takes five.
Overlapping the all-reduce with the backward pass could save no more than that.

All processes must take the same branches, or one waits forever in a collective. So what rank 0
decides, and what any process observes, is shared by `broadcast_from_rank0` and `all_reduce_max`.
Both use gloo, for which no GPU has to wait.
"""

import contextlib
import ctypes
import datetime
import os
import pathlib
import random
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from data.command_line import UserError
from job.engine.stop import Stopped

T = TypeVar("T")

# Far above what processes wait for each other: rank 0 evaluates, fits the speller, or writes to a
# slow disk. It ends a run whose process hangs, or whose machine is gone without closing its
# connections. A process that dies is noticed at once: its connection breaks.
COLLECTIVE_TIMEOUT = datetime.timedelta(minutes=15)
# Environment variables that `job.engine.launch` sets; see `record_exit_code`, `end_with_launcher`.
EXIT_CODE_FILE = "COLD_OPEN_EXIT_CODE_FILE"
LAUNCHER = "COLD_OPEN_LAUNCHER"
PR_SET_PDEATHSIG = 1  # of Linux's prctl


class PeerLost(UserError):
    """Another process of the run has died. Exit code 1."""

    exit_code = 1


class Group:
    """The processes of a run. With one process, all collectives return at once.

    Args:
        rank: this process's number among all, on all machines.
        size: number of processes.
    """

    def __init__(self, rank: int = 0, size: int = 1):
        self.rank, self.size = rank, size
        self.is_rank0 = rank == 0
        self.is_distributed = size > 1
        # Gloo for control messages: waiting for rank 0 needs no GPU.
        self.control_group = (
            distributed.new_group(backend="gloo", timeout=COLLECTIVE_TIMEOUT) if size > 1 else None
        )

    def local_rows(self, batch_size: int) -> slice:
        """This process's rows of a batch.

        Raises:
            UserError: if the batch size is not divisible by the number of processes: the mean of
                the processes' mean losses would not be the batch's mean loss.
        """
        if batch_size % self.size:
            below, above = (batch_size // self.size + n for n in (0, 1))
            divisible = " or ".join(str(n * self.size) for n in (below, above) if n)
            raise UserError(
                f"--batch-size {batch_size} is not divisible by the number of processes, "
                f"{self.size}: give {divisible}"
            )
        rows = batch_size // self.size
        return slice(self.rank * rows, (self.rank + 1) * rows)

    def broadcast_weights(self, network: nn.Module) -> None:
        """Copies rank 0's weights to all processes, in place."""
        if self.is_distributed:
            for parameter in network.parameters():
                distributed.broadcast(parameter.detach(), 0)

    def seed_masks(self, seed: int, step: int) -> None:
        """Seeds this process's dropout masks: different in each process, and after each resume.

        Rank 0 keeps its random state, as in a run of one process. Weight drop and word dropout use
        one mask for the rows of a process. With several processes the gradient is a mean over
        several masks, which is less noisy.
        """
        if not self.is_rank0:
            torch.manual_seed(random.Random(f"{seed} {self.rank} {step}").getrandbits(63))

    def pack_gradients(self, network: nn.Module, loss: Tensor) -> Tensor:
        """All gradients and the loss in one vector for `all_reduce_sum`; one process: the loss."""
        if not self.is_distributed:
            return loss
        gradients = [parameter.grad.flatten() for parameter in network.parameters()]
        return torch.cat([*gradients, loss.reshape(1)])

    def all_reduce_sum(self, packed: Tensor) -> None:
        """Sums over all processes, in place. Not repeatable: each process must call it once."""
        if self.is_distributed:
            with peer_errors():
                distributed.all_reduce(packed)

    def unpack_gradients(self, network: nn.Module, packed: Tensor) -> Tensor:
        """Divides the sums by the number of processes, assigns the gradients, returns the loss."""
        if not self.is_distributed:
            return packed
        packed.div_(self.size)
        parameters = list(network.parameters())
        gradients = packed[:-1].split([parameter.numel() for parameter in parameters])
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.view_as(parameter)
        return packed[-1]

    def all_reduce_max(self, numbers: Sequence[int]) -> list[int]:
        """The elementwise maximum over all processes."""
        if not self.is_distributed:
            return list(numbers)
        tensor = torch.tensor(numbers)
        with peer_errors():
            distributed.all_reduce(tensor, distributed.ReduceOp.MAX, group=self.control_group)
        return tensor.tolist()

    def broadcast_from_rank0(self, work: Callable[[], T]) -> T:
        """The result of `work`, which rank 0 calls, in all processes; the others wait for it.

        Raises:
            Stopped: in all processes, if `work` raises it.
        """
        if not self.is_distributed:
            return work()
        box: list[Any] = [None, None]
        if self.is_rank0:
            try:
                box[0] = work()
            except Stopped as stopped:
                box[1] = (str(stopped), stopped.exit_code)
        with peer_errors():
            distributed.broadcast_object_list(box, 0, group=self.control_group)
        if box[1]:
            raise Stopped(*box[1])
        return box[0]

    def gather_to_rank0(self, value: T) -> list[T]:
        """The value of each process by rank, in rank 0; an empty list in the others."""
        if not self.is_distributed:
            return [value]
        values: list[Any] | None = [None] * self.size if self.is_rank0 else None
        with peer_errors():
            distributed.gather_object(value, values, 0, group=self.control_group)
        return values or []

    def barrier(self) -> None:
        """Waits until all processes have reached this call."""
        if self.is_distributed:
            with peer_errors():
                distributed.barrier(group=self.control_group)

    def shutdown(self) -> None:
        """The last call of a run. Waits for all: torchrun ends all when one exits with an error."""
        self.barrier()
        if self.is_distributed:
            distributed.destroy_process_group()


@contextlib.contextmanager
def peer_errors() -> Iterator[None]:
    """Turns a broken connection or a timeout into `PeerLost`; torchrun reports who died and why."""
    try:
        yield
    except (RuntimeError, ConnectionError) as error:
        reason = str(error).split("\n")[0].split("] ")[-1][:100]
        what = f"has died ({reason})"
        if "timed out" in str(error).lower():
            minutes = COLLECTIVE_TIMEOUT.total_seconds() / 60
            what = f"has not answered for {minutes:g} minutes: it hangs, or its machine is gone"
        raise PeerLost(
            f"another process of this run {what}. Run the same command again to resume from the "
            "last saved state; torchrun --max-restarts does so by itself"
        ) from None


def choose_device(name: str) -> str:
    """ "cuda" or "cpu"; raises `UserError` if a GPU is requested and none is available."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no NVIDIA GPU is available; leave it out to use the CPU")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


def init_distributed(device: str) -> Group:
    """Joins the process group that torchrun's environment variables describe; selects the GPU.

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
                f"{os.environ['LOCAL_WORLD_SIZE']} processes, but {gpus} GPUs are available here: "
                f"give --nproc-per-node {gpus}"
            )
        torch.cuda.set_device(local)
    rank, store = process_rank(), None
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        # The agent's store survives a restart, with the addresses of dead processes in it: a prefix
        # for each restart keeps them apart.
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = distributed.TCPStore(address, port, is_master=False)
        store = distributed.PrefixStore(os.environ["TORCHELASTIC_RESTART_COUNT"], store)
    backend = "nccl" if device == "cuda" else "gloo"
    distributed.init_process_group(
        backend, store=store, rank=rank, world_size=size, timeout=COLLECTIVE_TIMEOUT
    )
    return Group(rank, size)


def process_rank() -> int:
    """This process's number among all of the run; 0 without torchrun."""
    return int(os.environ.get("RANK", "0"))


def end_with_launcher() -> None:
    """Has this process end when torchrun's process ends, however that ends. On Linux only.

    Without it, the processes of a launcher killed with -9 would train on as orphans. On one node
    they receive SIGTERM and save the state. On several, they are killed: SIGTERM would stop the run
    on all nodes, whose launchers could otherwise wait for the node to come back.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or sys.platform != "linux":
        return
    nodes = int(os.environ.get("GROUP_WORLD_SIZE", "1"))
    number = signal.SIGTERM if nodes == 1 else signal.SIGKILL
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number)
    if os.environ.get(LAUNCHER, str(os.getppid())) != str(os.getppid()):  # it has ended already
        os.kill(os.getpid(), number)


def was_restarted() -> bool:
    """Whether torchrun has started this process in place of a failed one."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


@contextlib.contextmanager
def record_exit_code() -> Iterator[None]:
    """Around a run: a run that ended deliberately is not restarted by --max-restarts.

    torchrun restarts all processes after any exit code, also when the time limit was reached, a
    signal stopped the run, or a file was missing. So the exit code is recorded in a file, whose
    name `job.engine.launch` sets, and a restarted process that finds it exits with the same code.

    Raises:
        SystemExit: if an earlier process of this launch has ended deliberately.
    """
    path = pathlib.Path(os.environ.get(EXIT_CODE_FILE, os.devnull))
    if was_restarted() and path.is_file():
        raise SystemExit(int(path.read_text()))
    try:
        yield
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is not None and not isinstance(error, PeerLost):
            path.write_text(str(code))
        raise


def concat_hidden(parts: Iterable[Tensor | tuple[Tensor, ...]]) -> Tensor | tuple[Tensor, ...]:
    """The hidden states of consecutive rows as one state of all rows."""
    parts = list(parts)
    if isinstance(parts[0], tuple):
        return tuple(torch.cat(states, dim=1) for states in zip(*parts, strict=True))
    return torch.cat(parts, dim=1)


def slice_hidden(hidden: Tensor | Sequence[Tensor], rows: slice) -> Tensor | tuple[Tensor, ...]:
    """The hidden state of some rows."""
    if isinstance(hidden, Tensor):
        return hidden[:, rows].contiguous()
    return tuple(state[:, rows].contiguous() for state in hidden)
