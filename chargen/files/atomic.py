"""Files that are whole or not there, and a folder that one process writes at a time.

What a save does to the disk goes through `os`, call by call, so that the tests can fail or stop each of them.
"""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from chargen.errors import InputError, SaveError

LOCK = ".lock"
TEMPORARY = ".tmp"


def write_atomically(
    path: Path,
    data: bytes | Iterable[bytes | memoryview],
    previous: Path | None = None,
    advice: str = "free some space, or choose another folder",
) -> None:
    """Write `data` to `path` so that a crash at any moment leaves the old file or the new one, whole and on the disk.

    The data goes to a temporary file in the same folder, from memory to the disk, and only then takes the name. The
    file's mode follows the umask.

    Args:
        data: as a whole, or in pieces.
        previous: a second name, which the file that lies at `path` until now is given. A crash may then leave `path`
            missing and the old file under that name.
        advice: what to do if it cannot be written.

    Raises:
        SaveError: the file cannot be written; what lay there before still does.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # to replace a device would be worse than not to write
        raise SaveError(f"cannot write {path}: it is not a file; choose another place")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        try:
            _write_durably(temporary, [data] if isinstance(data, bytes) else data)
            if previous is not None and os.path.exists(path):
                os.replace(path, previous)
            os.replace(temporary, path)
            _sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise SaveError(
            f"cannot write {path}: {error.strerror}; what was saved before is as it was; {advice}"
        ) from None


def append_durably(path: Path, text: str) -> None:
    """Append `text` to the file at `path`, and see it on the disk.

    Raises:
        SaveError: the file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror}; what was saved before is as it was") from None


def lock(folder: Path, wait: bool = False, advice: str = "train where you may write files") -> TextIO:
    """Keep every other process from writing in `folder`, which is made if need be, until the result is closed.

    The system gives the lock back when its process ends, however it ends. What writes that were cut short have left is
    removed.

    Args:
        wait: whether to wait for another process that has the lock.
        advice: what to do if the folder cannot be written.

    Raises:
        InputError: another process has the lock, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+", encoding="utf-8")
        try:
            while not _try_lock(file.fileno()):
                if wait:
                    time.sleep(0.1)
                    continue
                file.seek(0)
                owner = file.read().strip() or "another process"
                raise InputError(f"{owner} is training in {folder}; wait for it, or keep both with --name OTHER")
            file.truncate(0)
            file.write(f"process {os.getpid()}")
            file.flush()
            for leftover in folder.glob(f".*{TEMPORARY}"):
                leftover.unlink(missing_ok=True)
        except BaseException:
            with contextlib.suppress(OSError):  # what could not be written is tried again
                file.close()
            raise
    except OSError as error:
        raise InputError(f"cannot write in {folder}: {error.strerror}; {advice}") from None
    return file


def require_space(folder: Path, size: int) -> None:
    """Raise InputError unless the disk that holds `folder` has room for `size` bytes."""
    free = free_space(folder)
    if free < size:
        raise InputError(
            f"{folder}: the run needs {size / 1e6:,.0f} MB, but its disk has {free / 1e6:,.0f} MB free;"
            " free some space, or train in another folder"
        )


def free_space(folder: Path) -> int:
    """Return the bytes that are free on the disk that holds `folder`."""
    return shutil.disk_usage(folder).free


def _write_durably(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        for piece in pieces:
            rest = memoryview(piece).cast("B")
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Bring the folder's names to the disk; Windows, which cannot open a folder, does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    if os.name == "nt":
        import msvcrt

        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # Windows locks bytes, and who waits must be able to read the owner
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
