"""Atomic, durable writes.

Libraries for atomic writes do not sync the folder, or cannot keep the old file under a second name. Each operation on
the disk is one call of `os`, so that the tests can make each of them fail.
"""

import contextlib
import errno
import os
import secrets
import shutil
import stat
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from chargen.errors import InputError, SaveError

TEMPORARY = ".tmp"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_atomically(
    path: Path,
    data: bytes | Iterable[bytes | memoryview],
    previous: Path | None = None,
    advice: str = "choose another folder",
    instead_of: Sequence[Path] = (),
) -> None:
    """Write `data` to `path` so that a crash at any moment leaves either the old file or the new one, complete.

    The data is written to a temporary file in the same folder and synced to the disk before the file is renamed. The
    file's mode follows the umask. A symbolic link at `path` is replaced, not followed.

    Args:
        data: the bytes, as a whole or in pieces.
        previous: a second path, to which the file that is at `path` now is renamed. A crash may then leave no file at
            `path`, and the old one at `previous`.
        advice: what to do if the file cannot be written, where the reason does not tell.
        instead_of: files of the same folder that are removed, in this order, before the new file takes its place: once
            it is there, none of them is.

    Raises:
        SaveError: the file cannot be written; the old file is unchanged.
    """
    removed = False
    if os.path.exists(path) and not os.path.isfile(path):  # such as a device, which must not be replaced
        raise SaveError(f"cannot write {path}: it is not a file", "choose another path")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        try:
            _write_durably(temporary, [data] if isinstance(data, bytes) else data)
            if instead_of:
                removed = True
                _remove(instead_of)
                _sync_folder(path.parent)
            if previous is not None and os.path.exists(path):
                os.replace(path, previous)
            os.replace(temporary, path)
            _sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        is_kept = not removed and any(os.path.lexists(file) for file in (path, previous) if file is not None)
        kept = "what was saved before is kept; " * is_kept
        raise SaveError(f"cannot write {path}: {error.strerror}", kept + advice_on(error, advice)) from None


def append_durably(path: Path, text: str) -> None:
    """Append `text` to the file at `path`, and sync it to the disk.

    Raises:
        SaveError: the file cannot be written, or is a symbolic link or no file at all.
    """
    try:
        descriptor = open_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, follow=False)
        with os.fdopen(descriptor, "a", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror}", "what was saved before is unchanged") from None


def advice_on(error: OSError, otherwise: str) -> str:
    """Return what to do about a file that cannot be written, by the reason if that tells."""
    if error.errno == errno.ENAMETOOLONG:
        return "give a shorter name"
    return f"free some space, or {otherwise}" if error.errno in FULL else otherwise


def is_there(path: str | Path) -> bool:
    """Return whether there is a file at `path`, which may be a name that no file can have.

    Raises:
        InputError: its folder may not be searched, so that nobody can tell.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except PermissionError as error:
        folders = list(reversed(Path(path).parents))
        closed = next((folder for folder in folders if not os.access(folder, os.X_OK)), folders[-1])
        raise unreadable(closed, error) from None
    except (OSError, ValueError):
        return False


def unreadable(path: str | Path, error: OSError) -> InputError:
    """Return the error of a file or a folder that cannot be read."""
    advice = "make it readable, or run as a user who may read it" if isinstance(error, PermissionError) else ""
    return InputError(f"cannot read {path}: {error.strerror or error}", advice)


def open_file(path: Path, flags: int = os.O_RDONLY, follow: bool = True) -> int:
    """Return the descriptor of a file that is really a file: a pipe or a device might never end, or answer.

    Args:
        follow: whether the file may be a symbolic link to one.

    Raises:
        OSError: it cannot be opened, or is something else: a link, a pipe or a device, with ENOTSUP.
    """
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    if not follow and os.path.islink(path):
        raise OSError(errno.ENOTSUP, "it is a symbolic link", os.fspath(path))
    descriptor = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.ENOTSUP, "it is not a file", os.fspath(path))
    return descriptor


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, and sync their names to the disk.

    Raises:
        OSError: one of them cannot be made.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for place in missing:
        _sync_folder(place.parent)


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


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SaveError(f"cannot remove {path}: {error.strerror}", "remove it yourself, or leave it") from None


def _sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk; Windows cannot open a folder, and does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
        lost = "a power cut may undo the last save"
        warnings.warn(f"the file system of {folder} cannot sync folders; {lost}", stacklevel=2)  # told once
    finally:
        os.close(descriptor)
