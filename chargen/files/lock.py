"""A lock that lets one process at a time write in a folder."""

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from chargen.errors import InputError, SaveError
from chargen.files.atomic import TEMPORARY, advice_on, make_folder, open_file

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK = ".lock"
OWNER = ".owner"  # says which process holds the lock; Windows lets no other process read the locked file itself
POLL_SECONDS = 0.1


class FolderLock:
    """A folder's lock, held until `close` is called; the system releases it when the process ends, however it ends."""

    def __init__(self, file_lock: "BaseFileLock", folder: Path):
        self._file_lock, self._folder = file_lock, folder
        self._identity = (folder / LOCK).stat()

    @property
    def closed(self) -> bool:
        """Whether the lock has been released."""
        return not self._file_lock.is_locked

    @property
    def in_place(self) -> bool:
        """Whether the lock that is held still is the one in the folder: neither was moved, removed or made anew."""
        try:
            return not self.closed and os.path.samestat(self._identity, (self._folder / LOCK).stat())
        except OSError:
            return False

    def require(self) -> None:
        """Raise SaveError if another process could lock the folder, which must then be left alone."""
        if not self.in_place:
            raise SaveError(
                f"{self._folder} was moved or replaced, or its {LOCK} removed, while it was in use",
                "nothing more is written there",
            )

    def close(self) -> None:
        """Release the lock."""
        if not self.closed:
            if self.in_place:
                with contextlib.suppress(OSError):  # the next process writes it anew
                    (self._folder / OWNER).unlink(missing_ok=True)
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
    try:
        make_folder(folder)
        os.close(open_file(folder / LOCK, os.O_RDWR | os.O_CREAT, follow=False))
        file_lock.acquire(poll_interval=POLL_SECONDS)
        held = FolderLock(file_lock, folder)
        try:
            (folder / OWNER).unlink(missing_ok=True)  # whatever it is, it is not written through
            with os.fdopen(open_file(folder / OWNER, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
                file.write(f"process {os.getpid()}")
            for leftover in folder.glob(f".*{TEMPORARY}"):
                leftover.unlink(missing_ok=True)
        except BaseException:
            held.close()
            raise
    except Timeout:
        raise InputError(f"{_owner(folder)} {activity} {folder}", if_busy) from None
    except OSError as error:
        raise _unwritable(folder, error, if_unwritable) from None
    return held


def _unwritable(folder: Path, error: OSError, advice: str) -> InputError:
    """Return the error of a folder that cannot be written, which names what stands in the way."""
    file = next((place for place in (folder, *folder.parents) if os.path.lexists(place) and not place.is_dir()), None)
    if file is not None:
        return InputError(f"cannot write in {folder}: {file} is no folder", f"move it away, or {advice}")
    if error.errno in (errno.ENOTSUP, errno.EISDIR) and error.filename:
        return InputError(f"cannot write {error.filename}: {error.strerror}", f"remove {error.filename}")
    return InputError(f"cannot write in {folder}: {error.strerror}", advice_on(error, advice))


def _owner(folder: Path) -> str:
    with contextlib.suppress(OSError), os.fdopen(open_file(folder / OWNER, follow=False), encoding="ascii") as file:
        return file.read(100) or "another process"
    return "another process"
