"""What lies in a run's folder, and who may write there."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from chargen.errors import CheckpointError, InputError
from chargen.files.lock import lock
from chargen.network.checkpoint import BEST, LAST, PREVIOUS, Checkpoint
from chargen.training.model import CharModel
from chargen.training.processes import Processes

HISTORY, PLOT, DAMAGED = "history.jsonl", "loss.png", "damaged.safetensors"


class Lock(Protocol):
    """Keeps other processes out of a folder until it is closed."""

    def close(self) -> None:
        """Give the folder back."""


def locked(folder: Path, processes: Processes) -> Lock:
    """Lock a run's folder, in the first process, until the result is closed.

    Raises:
        InputError: another process uses the folder, or it cannot be written.
    """
    words = "is training in", "wait for it, or give another {name}", "train where you may write files"
    return lock(folder, *words) if processes.first else contextlib.ExitStack()


def refuse_existing(folder: str | Path, overwrite: bool) -> None:
    """Raise InputError if `folder` holds a run that must not be replaced."""
    if not overwrite and any(os.path.exists(Path(folder) / name) for name in (BEST, LAST, PREVIOUS)):
        raise InputError(
            f"{folder} already holds a run",
            "go on with it by {resume}, choose another {name}, or replace it with {overwrite}",
        )


@contextlib.contextmanager
def closed_on_error(lock: Lock) -> Iterator[None]:
    """Close the lock if what is done inside the context fails."""
    try:
        yield
    except BaseException:
        lock.close()
        raise


def fault_of(path: Path) -> str | None:
    """Return what is wrong with the checkpoint at `path`, or None."""
    try:
        Checkpoint.load(path)
    except CheckpointError as error:
        return error.message
    return None


def size_on_disk(model: CharModel) -> int:
    """Return the bytes that a run takes: three saves, each with two moments a weight, and the best model twice."""
    return 4 * (3 * 3 + 2) * sum(parameter.numel() for parameter in model.parameters())
