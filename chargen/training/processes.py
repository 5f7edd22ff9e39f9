"""Training in several processes: which of them this one is, and what they exchange.

PyTorch's distributed engine does the work: `torchrun` starts the processes and ranks them, gloo carries data in main
memory and NCCL data on GPUs, and `DistributedDataParallel` averages the gradients.
"""

import contextlib
import gc
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch import distributed as dist

from chargen.errors import InputError, TrainingError
from chargen.report.words import counted
from chargen.training.hardware import pick_device

T = TypeVar("T")
SILENCE = 5.0  # seconds in which the others may come before a word is said
PATIENCE = timedelta(minutes=10)  # with a silent process; a dead one is noticed at once


@dataclass(frozen=True)
class Processes:
    """This process among the `size` processes that train together; a single process is a case of it.

    All processes must call the methods that communicate, in the same order.

    Attributes:
        rank: of this process, from 0; only the first prints and writes.
        size: the number of processes on all machines together.

    >>> Processes().agree(0.5), Processes().sum(1, 2), Processes(rank=1, size=4).rows(16)
    (0.5, [1, 2], slice(4, 8, None))
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process prints and writes."""
        return self.rank == 0

    def rows(self, batch_size: int) -> slice:
        """Return the rows of a batch that are this process's.

        Raises:
            InputError: the rows cannot be shared evenly.
        """
        if batch_size % self.size:
            fitting = -(-batch_size // self.size) * self.size
            raise InputError(
                f"{batch_size}: {self.size} processes cannot share its rows evenly",
                f"start a number that divides it, or begin a run with {{batch_size}} {fitting}",
                setting="batch_size",
            )
        own = batch_size // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def parallel(self, model: nn.Module) -> nn.Module:
        """Return what a training step calls, so that the gradients are the mean over the processes."""
        if self.size == 1:
            return model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # newer versions of PyTorch rename the first option
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
        return part if parts is None else torch.cat(parts, dim)

    def share(self, data: bytes) -> bytes:
        """Return the first process's bytes; the `data` of the others is ignored."""
        if self.size == 1:
            return data
        shared = torch.empty(int(self.agree(len(data))), dtype=torch.uint8)
        if self.first:
            shared.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        dist.broadcast(shared, 0)
        return shared.numpy().tobytes()

    def require_same(self, what: str) -> None:
        """Make sure that all processes have called this with the same text.

        Raises:
            InputError: they have not. All of them raise it, so that none waits for another.
        """
        own = what.encode()
        if self.largest(self.share(own) != own):
            raise InputError(
                "the processes have not read the same text in the same way",
                "give every machine the same files and options",
            )

    @contextlib.contextmanager
    def one_before_the_others(self) -> Iterator[None]:
        """Let one process of each machine go through the context first, for example to fill a cache.

        The others wait until that is done on all machines, for as long as it takes.
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
    """Return whether torchrun, or another launcher that sets its variables, has started several processes."""
    numbers = {name: os.environ.get(name, "0") for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_PORT")}
    if wrong := next((name for name, value in numbers.items() if not re.fullmatch(r"\d{1,9}", value)), None):
        raise InputError(f"{wrong}={numbers[wrong]}: not a number", f"unset {wrong}, or let torchrun set it")
    if int(numbers["RANK"]) >= max(int(numbers["WORLD_SIZE"]), 1):
        message = f"RANK={numbers['RANK']}: must be below WORLD_SIZE, {numbers['WORLD_SIZE']}"
        raise InputError(message, "unset both, or let torchrun set them")
    return int(numbers["WORLD_SIZE"]) > 1 and {"RANK", "MASTER_ADDR", "MASTER_PORT"} <= set(os.environ)


def own_device(name: str = "auto") -> torch.device:
    """Return this process's device of that name, see `pick_device`; each of several processes gets its own GPU.

    Raises:
        InputError: this machine has no such device, or fewer GPUs than processes.
    """
    device = pick_device(name)
    if not started_together() or device.type == "cpu":
        return device
    if device.type != "cuda":
        raise InputError(f"{name!r}: several processes can train only on cpu and cuda", setting="device")
    place, count = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if place >= count:
        raise InputError(
            f"this machine has {counted(count, 'GPU')} for its {place + 1} or more processes",
            "start one process for each GPU, or set {device} to cpu",
        )
    torch.cuda.set_device(place)
    return torch.device("cuda", place)


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun has started, if it has; at the end all of them leave at once.

    Only the first prints meanwhile. An error in one ends all, and on each machine the first to fail reports it: in the
    others the error becomes a SystemExit.

    Raises:
        TrainingError: another process is gone.
    """
    if not started_together():
        yield ALONE
        return
    import torch.distributed.nn  # noqa: F401 - its functions keep the process group that exists when it is first loaded

    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with _told_if_it_waits():
        store, rank, size = _interruptible(lambda: _meet(backend))
    processes = Processes(rank, size)
    try:
        with contextlib.nullcontext() if processes.first else _silence():
            yield processes
            processes.agree(0)  # torchrun stops the others when one ends, so none may end while another still writes
        _part()
    except (Exception, KeyboardInterrupt) as error:
        spoken, gone = _spoken_before(store), _tells_of_another(error)
        if not gone:  # leaving would wait for the process that is gone
            _part()
        if spoken:
            sys.exit(getattr(error, "exit_code", 130 if isinstance(error, KeyboardInterrupt) else 1))
        if gone:
            raise _gone(processes) from None
        raise


def _meet(backend: str) -> tuple[dist.Store, int, int]:
    """Wait for the other processes; return what they share, and which of how many this one is."""
    store, rank, size = next(dist.rendezvous("env://"))
    store = dist.PrefixStore(str(store.add(f"joined by {rank}", 1)), store)  # they may leave, and join again
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    return store, rank, size


def _interruptible(function: Callable[[], T]) -> T:
    """Return what a function returns; Ctrl-C is heard also while it waits in PyTorch, which hears no signals."""
    ended: list[tuple[T | None, BaseException | None]] = []

    def run() -> None:
        try:
            ended.append((function(), None))
        except BaseException as error:
            ended.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
    value, error = ended[0]
    if error is not None:
        raise error
    return cast(T, value)


@contextlib.contextmanager
def _told_if_it_waits() -> Iterator[None]:
    """Say for whom this process waits, if the others are long in coming."""
    size, rank, address, port = (os.environ[name] for name in ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"))
    waits = f"process {rank} of WORLD_SIZE={size} waits for the others at {address}:{port}"
    timer = threading.Timer(SILENCE, warnings.warn, [f"{waits}; to train alone, unset WORLD_SIZE"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _part() -> None:
    gc.collect()  # a process group that is still referenced keeps its threads, which may abort at Python's end
    dist.destroy_process_group()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


def _spoken_before(store) -> bool:
    """Return whether another process of this machine has already reported what ended all of them."""
    try:
        return store.add(f"machine {os.environ.get('GROUP_RANK', 0)} has said why", 1) > 1
    except RuntimeError:  # the store went with its process
        return False


def _tells_of_another(error: BaseException) -> bool:
    """Return whether PyTorch raised this because another process no longer answers."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error).lower())


def _gone(processes: Processes) -> TrainingError:
    which = f"rank {1 - processes.rank}" if processes.size == 2 else "one"
    return TrainingError(
        f"{which} of the {processes.size} processes is gone, or silent for {PATIENCE.seconds // 60} minutes; the last"
        " save is unchanged",
        "go on by the same command with {resume}, in any number of processes that divides the batch",
    )
