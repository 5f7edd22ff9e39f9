"""A lock that lets one process at a time write in a folder."""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from chargen.errors import InputError
from chargen.files.atomic import TEMPORARY

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK = ".lock"
OWNER = ".owner"  # says which process holds the lock; Windows lets no other process read the locked file itself
POLL_SECONDS = 0.1


class FolderLock:
    """A folder's lock, held until `close` is called; the system releases it when the process ends, however it ends."""

    def __init__(self, file_lock: "BaseFileLock", owner: Path):
        self._file_lock, self._owner = file_lock, owner

    @property
    def closed(self) -> bool:
        """Whether the lock has been released."""
        return not self._file_lock.is_locked

    def close(self) -> None:
        """Release the lock."""
        if not self.closed:
            with contextlib.suppress(OSError):  # the next process writes it anew
                self._owner.unlink(missing_ok=True)
            self._file_lock.release()

    def __enter__(self) -> "FolderLock":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def lock(
    folder: Path,
    activity: str = "is writing in",
    if_busy: str = "wait for it",
    if_unwritable: str = "choose a folder where you may write files",
    wait: bool = False,
) -> FolderLock:
    """Lock `folder`, which is created if it does not exist, and remove what interrupted writes have left in it.

    Args:
        activity: what the process that holds the lock does, for the message "process 12 is writing in FOLDER".
        if_busy: the advice if another process holds the lock.
        if_unwritable: the advice if the folder cannot be written.
        wait: whether to wait until the other process releases the lock.

    Raises:
        InputError: another process holds the lock, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    file_lock = FileLock(folder / LOCK, timeout=-1 if wait else 0, thread_local=False)
    held = FolderLock(file_lock, folder / OWNER)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file_lock.acquire(poll_interval=POLL_SECONDS)
        try:
            (folder / OWNER).write_text(f"process {os.getpid()}", "utf-8")
            for leftover in folder.glob(f".*{TEMPORARY}"):
                leftover.unlink(missing_ok=True)
        except BaseException:
            held.close()
            raise
    except Timeout:
        raise InputError(f"{_owner(folder)} {activity} {folder}", if_busy) from None
    except OSError as error:
        raise InputError(f"cannot write in {folder}: {error.strerror}", if_unwritable) from None
    return held


def _owner(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return (folder / OWNER).read_text("utf-8", "replace").strip() or "another process"
    return "another process"
