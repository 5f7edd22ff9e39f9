"""Atomic, durable writes.

Libraries for atomic writes do not sync the folder, or cannot keep the old file under a second name. Each operation on
the disk is one call of `os`, so that the tests can make each of them fail.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from chargen.errors import InputError, SaveError

TEMPORARY = ".tmp"


def write_atomically(
    path: Path,
    data: bytes | Iterable[bytes | memoryview],
    previous: Path | None = None,
    advice: str = "free some space, or choose another folder",
) -> None:
    """Write `data` to `path` so that a crash at any moment leaves either the old file or the new one, complete.

    The data is written to a temporary file in the same folder and synced to the disk before the file is renamed. The
    file's mode follows the umask.

    Args:
        data: the bytes, as a whole or in pieces.
        previous: a second path, to which the file that is at `path` now is renamed. A crash may then leave no file at
            `path`, and the old one at `previous`.
        advice: what to do if the file cannot be written.

    Raises:
        SaveError: the file cannot be written; the old file is unchanged.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # such as a device, which must not be replaced
        raise SaveError(f"cannot write {path}: it is not a file", "choose another path")
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
            f"cannot write {path}: {error.strerror}", f"what was saved before is unchanged; {advice}"
        ) from None


def append_durably(path: Path, text: str) -> None:
    """Append `text` to the file at `path`, and sync it to the disk.

    Raises:
        SaveError: the file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror}", "what was saved before is unchanged") from None


def require_space(folder: Path, size: int, what: str, advice: str) -> None:
    """Check that the disk that holds `folder` has room for `size` bytes of `what`.

    Raises:
        InputError: it has not; `advice` says what to do.
    """
    free = shutil.disk_usage(folder).free
    if free < size:
        raise InputError(
            f"{folder}: {what} needs {size / 1e6:,.0f} MB, but its disk has {free / 1e6:,.0f} MB free", advice
        )


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
    """Sync the names in a folder to the disk; Windows cannot open a folder, and does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
