"""`StoredIds`: the ids of a text in a file, read from there piece by piece, which notices when the file is changed."""

import hashlib
import os
from pathlib import Path

import numpy as np

from chargen.errors import InputError

BLOCK = 1 << 22  # bytes verified at a time
ADVICE = "leave the files of the cache alone, and start again"


class StoredIds:
    """The ids of a text, (characters,), in a file that was verified; slices stay there too, and NumPy reads them whole.

    The file is not mapped into memory: a program that reads there is killed (SIGBUS) once another truncates the file.

    Attributes:
        dtype: of an id.
    """

    def __init__(self, path: Path, dtype: np.dtype, length: int, sha256: str):
        """Open and verify the first `length` ids of a file.

        Raises:
            OSError: it cannot be read.
            ValueError: they have another SHA-256.
        """
        self.dtype, self._start, self._length = dtype, 0, length
        self._file = _File(path, length * dtype.itemsize, sha256)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, places: slice | np.ndarray | int) -> "StoredIds | np.ndarray":
        """Return the ids of a slice, unread, or an array of those at `places`, (..., T), from 0 to the length.

        Of each row of places, all from the first to the last are read: they are to be neighbours.

        Raises:
            InputError: the file was changed since it was opened.
        """
        if isinstance(places, slice):
            start, stop, _ = places.indices(self._length)
            return self._part(start, max(stop - start, 0))
        places = np.asarray(places)
        rows = np.atleast_2d(places).reshape(-1, places.shape[-1] if places.ndim else 1)  # (rows, T)
        if not rows.size:
            return np.empty(places.shape, self.dtype)
        firsts, lasts = rows.min(axis=1), rows.max(axis=1)  # (rows,)
        if firsts.min() < 0 or lasts.max() >= self._length:
            raise IndexError(f"places up to {lasts.max()} of {self._length} ids")
        lengths = lasts - firsts + 1
        blocks = np.empty((len(rows), lengths.max()), self.dtype)
        for block, first, length in zip(blocks, firsts.tolist(), lengths.tolist(), strict=True):
            self._file.read(block[:length], (self._start + first) * self.dtype.itemsize)
        self._file.require_unchanged()
        return np.take_along_axis(blocks, rows - firsts[:, None], axis=1).reshape(places.shape)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """Return all ids, (characters,)."""
        ids = np.empty(self._length, self.dtype)
        self._file.read(ids, self._start * self.dtype.itemsize)
        self._file.require_unchanged()
        return ids if dtype is None else ids.astype(dtype, copy=False)

    def _part(self, start: int, length: int) -> "StoredIds":
        part = object.__new__(StoredIds)
        part.dtype, part._file, part._start, part._length = self.dtype, self._file, self._start + start, length
        return part


TextIds = np.ndarray | StoredIds


class _File:
    """An open file whose first bytes have a known SHA-256."""

    def __init__(self, path: Path, size: int, sha256: str):
        self._path, self._size, self._sha256 = path, size, sha256
        self._file = path.open("rb", buffering=0)
        self._state = self._now()
        if not self._is_whole():
            raise ValueError("its ids have another SHA-256")

    def read(self, into: np.ndarray, start: int) -> None:
        """Read the bytes from `start` into an array."""
        room = into.view(np.uint8)
        try:
            self._file.seek(start)
            while len(room):
                count = self._file.readinto(room.data)
                if not count:
                    raise self._changed()
                room = room[count:]
        except OSError as error:
            raise InputError(f"cannot read {self._path}: {error.strerror}", ADVICE) from None

    def require_unchanged(self) -> None:
        """Raise InputError if the bytes are not those that were verified; a new time alone does not matter."""
        now = self._now()
        if now != self._state:
            if not self._is_whole():
                raise self._changed()
            self._state = now

    def _now(self) -> tuple[int, int]:
        state = os.fstat(self._file.fileno())
        return state.st_size, state.st_mtime_ns

    def _is_whole(self) -> bool:
        digest, left = hashlib.sha256(), self._size
        self._file.seek(0)
        while left and (data := self._file.read(min(left, BLOCK))):
            digest.update(data)
            left -= len(data)
        return digest.hexdigest() == self._sha256

    def _changed(self) -> InputError:
        return InputError(f"{self._path} was changed while it was read", ADVICE)
