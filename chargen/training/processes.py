"""What this process is among those that train one model together, and what they tell each other.

PyTorch's distributed engine does the work: `torchrun` starts the processes and gives each its place, gloo carries what
lies in main memory and NCCL what lies on GPUs, and `DistributedDataParallel` averages the gradients.
"""

import contextlib
import gc
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, nn
from torch import distributed as dist

from chargen.errors import InputError, TrainingError
from chargen.training.model import pick_device

PATIENCE = timedelta(minutes=10)  # with a process that is silent; one that has died is noticed at once


@dataclass(frozen=True)
class Processes:
    """This process among the `size` that train together; alone, whatever it is to agree on is as it says.

    What tells something to the others or hears from them must be called by all, in the same order.

    Attributes:
        rank: which of them this is, from 0; the first one alone prints and writes.
        size: how many there are, on all machines together.

    >>> Processes().agree(0.5), Processes().sum(1, 2), Processes(rank=1, size=4).rows(16)
    (0.5, [1, 2], slice(4, 8, None))
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that prints and writes."""
        return self.rank == 0

    def rows(self, batch_size: int) -> slice:
        """Return which rows of a batch are this process's.

        Raises:
            InputError: the rows cannot be dealt evenly.
        """
        if batch_size % self.size:
            fitting = -(-batch_size // self.size) * self.size
            raise InputError(
                f"batch size {batch_size}: its rows cannot be dealt evenly to {self.size} processes; start a number"
                f" that divides it, or begin a run with --batch-size {fitting}"
            )
        own = batch_size // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def parallel(self, model: nn.Module) -> nn.Module:
        """Return what is to be called in a step of training, so that gradients are the mean over the processes."""
        if self.size == 1:
            return model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # newer versions of PyTorch call the first option otherwise
            return nn.parallel.DistributedDataParallel(model, broadcast_buffers=False, gradient_as_bucket_view=True)

    def agree(self, value: float) -> float:
        """Return the first process's value."""
        if self.size == 1:
            return value
        told = torch.tensor(float(value), dtype=torch.float64)
        dist.broadcast(told, 0)
        return told.item()

    def sum(self, *values: float) -> list[float]:
        """Return each value's sum over the processes."""
        return self._reduced(values, dist.ReduceOp.SUM) if self.size > 1 else list(values)

    def largest(self, value: float) -> float:
        """Return the largest of the processes' values."""
        return self._reduced([value], dist.ReduceOp.MAX)[0] if self.size > 1 else value

    def gather(self, part: Tensor, dim: int) -> Tensor:
        """Return, in the first process, the equal parts of all side by side along `dim`; elsewhere `part`."""
        if self.size == 1:
            return part
        part = part.cpu().contiguous()
        parts = [torch.empty_like(part) for _ in range(self.size)] if self.first else None
        dist.gather(part, parts)
        return torch.cat(parts, dim) if self.first else part

    def share(self, data: bytes) -> bytes:
        """Return the first process's bytes; elsewhere `data` does not count."""
        if self.size == 1:
            return data
        shared = torch.empty(int(self.agree(len(data))), dtype=torch.uint8)
        if self.first:
            shared.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        dist.broadcast(shared, 0)
        return shared.numpy().tobytes()

    def require_same(self, what: str) -> None:
        """Make sure that all processes have called this with the same words.

        Raises:
            InputError: they have not; in all of them, so that none waits for another.
        """
        own = what.encode()
        if self.largest(self.share(own) != own):
            raise InputError(
                "the processes have not read the same text in the same way; give every machine the same files and"
                " options"
            )

    @contextlib.contextmanager
    def one_before_the_others(self) -> Iterator[None]:
        """Let one process of each machine go through the context first, as for a file that it leaves in a cache.

        The others wait until that has happened on all machines, for as long as it takes.
        """
        leads = int(os.environ.get("LOCAL_RANK", 0)) == 0
        if leads:
            yield
        if self.size > 1:
            patient = dist.new_group(timeout=timedelta(days=7), backend="gloo")
            dist.all_reduce(torch.zeros(1), group=patient)
            dist.destroy_process_group(patient)
        if not leads:
            yield

    def _reduced(self, values, operation) -> list[float]:
        told = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(told, operation)
        return told.tolist()


ALONE = Processes()


def started_together() -> bool:
    """Return whether torchrun, or what sets the same variables, has started several processes for one training."""
    return int(os.environ.get("WORLD_SIZE", 1)) > 1 and {"RANK", "MASTER_ADDR", "MASTER_PORT"} <= set(os.environ)


def own_device(name: str = "auto") -> torch.device:
    """Return this process's device of that name (see `pick_device`): of several processes, each has its own GPU.

    Raises:
        InputError: this machine has no such device, or fewer GPUs than processes.
    """
    device = pick_device(name)
    if not started_together() or device.type == "cpu":
        return device
    if device.type == "mps" and name == "auto":
        return torch.device("cpu")
    if device.type != "cuda":
        raise InputError(f"device {name!r}: several processes can train on cpu and cuda alone")
    place, count = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if place >= count:
        raise InputError(
            f"{count} GPUs are too few for process {place + 1} of this machine; start one for each GPU, or give"
            " --device cpu"
        )
    torch.cuda.set_device(place)
    return torch.device("cuda", place)


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun has started together, if it has; leave them at the end, all at once.

    All but the first are silent meanwhile. What ends one of them ends all, and on each machine the first to fail says
    why: in the others, the error becomes a SystemExit.

    Raises:
        TrainingError: another process is gone.
    """
    if not started_together():
        yield ALONE
        return
    import torch.distributed.nn  # noqa: F401 - its functions keep the group that there is when they are first loaded

    store, rank, size = next(dist.rendezvous("env://"))
    store = dist.PrefixStore(str(store.add(f"joined by {rank}", 1)), store)  # they may part, and join again
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    processes = Processes(rank, size)
    try:
        with contextlib.nullcontext() if processes.first else _silence():
            yield processes
            processes.agree(0)  # torchrun stops the others when one ends, so none may while another still writes
        _part()
    except (Exception, KeyboardInterrupt) as error:
        spoken, gone = _spoken_before(store), _tells_of_another(error)
        if not gone:  # or else to part might be a wait for that process
            _part()
        if spoken:
            sys.exit(getattr(error, "exit_code", 130 if isinstance(error, KeyboardInterrupt) else 1))
        if gone:
            raise TrainingError(_gone(processes)) from None
        raise


def _part() -> None:
    gc.collect()  # a group that something holds keeps its threads, which may abort when Python ends before them
    dist.destroy_process_group()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


def _spoken_before(store) -> bool:
    """Return whether another process of this machine has said already what ended all of them."""
    try:
        return store.add(f"machine {os.environ.get('GROUP_RANK', 0)} has said why", 1) > 1
    except RuntimeError:  # the store went with its process
        return False


def _tells_of_another(error: Exception) -> bool:
    """Return whether this is what PyTorch raises where another process does not answer any more."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error).lower())


def _gone(processes: Processes) -> str:
    which = f"rank {1 - processes.rank}" if processes.size == 2 else "one"
    return (
        f"{which} of the {processes.size} processes is gone, or silent for {PATIENCE.seconds // 60} minutes; the last"
        " save is as it was; to go on: the same command with --resume, in any number of processes that divides the"
        " batch"
    )
