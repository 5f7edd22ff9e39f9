"""`KeptStream`: what can be read only once, such as standard input or a pipe, is kept so that it can be read again."""

import os
import shutil
import tempfile
from typing import BinaryIO

from chargen.errors import InputError
from chargen.report.words import size
from chargen.text.registry import FULL_DISK, cache_folder

LONGEST = 2_000_000_000  # bytes
SPARE, MOST_SPARE = 0.05, 1_000_000_000  # of a disk, and bytes at most, that stay free


def require_end(name: str, length: int) -> None:
    """Raise InputError if a stream has sent so many bytes that it may never end."""
    if length > LONGEST:
        raise InputError(
            f"{name} sends more than {size(LONGEST)}", "write what you want of it to a file, and name that"
        )


class KeptStream:
    """A stream that is read as far as it is needed, and kept in memory or in a file without a name, which ends with it.

    Attributes:
        name: what messages call it.
    """

    def __init__(self, name: str, stream: BinaryIO, in_memory: int):
        """Begin to keep a stream.

        Args:
            in_memory: bytes up to which it is kept in memory; the file is in the cache folder.
        """
        self.name, self._stream, self._in_memory = name, stream, in_memory
        self._copy = tempfile.SpooledTemporaryFile(max_size=in_memory, dir=os.fspath(cache_folder()))  # noqa: SIM115
        self._length = self._place = 0
        self._ended = False

    def seek(self, place: int) -> None:
        """Read on from a place that has been read."""
        self._place = place

    def read(self, count: int) -> bytes:
        """Return the next bytes, fewer than `count` at the end.

        Raises:
            OSError: the stream cannot be read.
            InputError: it is too long, or its disk has no room for it.
        """
        self._copy.seek(self._place)
        data = self._copy.read(count)
        if len(data) < count and not self._ended:
            new = self._stream.read(count - len(data))
            self._ended = len(new) < count - len(data)
            self._keep(new)
            data += new
        self._place += len(data)
        return data

    def _keep(self, data: bytes) -> None:
        require_end(self.name, self._length + len(data))
        try:
            self._require_room(len(data))
            self._copy.write(data)
        except OSError as error:
            advice = "set CHARGEN_CACHE to a folder with room, in which you may write"
            raise InputError(f"cannot keep {self.name} in {cache_folder()}: {error.strerror}", advice) from None
        self._length += len(data)

    def _require_room(self, more: int) -> None:
        """Raise InputError if the next bytes would take the room that has to stay free on the disk."""
        if self._length + more <= self._in_memory:
            return
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        disk = shutil.disk_usage(folder)
        needed = more if self._length > self._in_memory else self._length + more  # then all goes to the disk
        if disk.free - needed < min(SPARE * disk.total, MOST_SPARE):
            message = f"{self.name} is longer than {size(self._length)}, and the disk of {folder} is nearly full"
            raise InputError(message, FULL_DISK)
