"""What lies in a run's folder, and who may write there."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chargen.errors import CheckpointError, DamagedError, InputError
from chargen.files.lock import LOCK, lock
from chargen.network.checkpoint import BEST, LAST, PREVIOUS, Checkpoint

if TYPE_CHECKING:  # these load PyTorch
    from chargen.training.model import CharModel
    from chargen.training.processes import Processes

HISTORY, PLOT = "history.jsonl", "loss.png"
ASIDE = "damaged-"  # is put before the name of a file that cannot be read, when another takes its place
ALL = PLOT, f"{ASIDE}{LAST}", f"{ASIDE}{BEST}", PREVIOUS, HISTORY, BEST, LAST  # a run's files, the most valuable last


class Lock(Protocol):
    """Keeps other processes out of a folder until it is closed."""

    def require(self) -> None:
        """Raise SaveError if other processes are no longer kept out."""

    def close(self) -> None:
        """Give the folder back."""


def locked(folder: Path, processes: "Processes") -> Lock:
    """Lock a run's folder, in the first process, until the result is closed.

    Raises:
        InputError: another process uses the folder, or it cannot be written.
    """
    words = "is training in", "wait for it, or give another {name}", "train where you may write files"
    return lock(folder, *words) if processes.first else NoLock()


class NoLock:
    """In place of a lock in processes that write nothing."""

    def require(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


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


def put_aside_if_damaged(path: Path) -> str | None:
    """Return what is wrong with the checkpoint at `path`, or None; a damaged one is kept under another name.

    Raises:
        CheckpointError: it may be good, but this user, or this version of chargen, cannot read it.
    """
    try:
        Checkpoint.load(path)
    except DamagedError as error:
        put_aside(path)
        return error.message
    except CheckpointError as error:
        if os.path.lexists(path):
            advice = error.advice or "make it readable, or move it elsewhere to go on without it"
            raise CheckpointError(error.message, advice) from None
        return error.message
    return None


def put_aside(path: Path) -> None:
    """Give a damaged file another name, so that nothing replaces it."""
    path.replace(path.with_name(f"{ASIDE}{path.name}"))


def size_on_disk(model: "CharModel") -> int:
    """Return the bytes that a run takes: three saves with five numbers a weight, the best model twice."""
    return 4 * (3 * 5 + 2) * sum(parameter.numel() for parameter in model.parameters())


def remove_run(folder: Path) -> tuple[int, list[str]]:
    """Remove a run's files, and its folder unless other files are in it; return the bytes freed, and those other files.

    Raises:
        InputError: a process is training there, or the files cannot be removed.
    """
    freed = 0
    with lock(folder, "is training in", "stop it first", "remove it as a user who may"):
        for name in ALL:
            try:
                size = (folder / name).lstat().st_size
                (folder / name).unlink()
                freed += size
            except FileNotFoundError:
                continue
            except OSError as error:
                message = f"cannot remove {folder / name}: {error.strerror}"
                raise InputError(message, "remove it yourself") from None
    (folder / LOCK).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # of a folder that is not empty
        folder.rmdir()
    return freed, sorted(path.name for path in folder.glob("*"))
