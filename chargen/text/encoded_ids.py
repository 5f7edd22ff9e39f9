"""The ids of a text of any size, made in two passes and flat memory: in memory, or in a file that is read in place.

Such a file lies in the cache folder, under a name that follows from the text's SHA-256 and from how it was read. It
holds the ids, then a description of them as JSON with their SHA-256, then the description's SHA-256, its length and a
mark. It appears under its name when it is whole, and is verified whenever it is opened, at the speed of the disk. A
small file beside it remembers where a text lay, how long it was, and when it was last changed, so that a text that has
not been touched since is known without reading it.
"""

import contextlib
import hashlib
import json
import mmap
import os
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chargen.errors import InputError
from chargen.files.atomic import require_space, write_atomically
from chargen.files.lock import lock
from chargen.text.normalization import code_points, normalized
from chargen.text.reading_options import ReadingOptions
from chargen.text.registry import cache_folder
from chargen.text.sources import Document, repeatable
from chargen.text.streams import TextStream
from chargen.text.vocabulary import Vocabulary

IN_MEMORY = 256_000_000  # bytes of text up to which its ids are held in memory
FOLDER = "encoded"  # in the cache folder
MARK = b"chargen2"  # the last bytes of a file
SETTLED = 2.0  # seconds after its last change from which on a further one must show in a file's times
EVERY_CHARACTER = 0x110000
FULL_DISK = "free some space, or set CHARGEN_CACHE to a folder on another disk"
BLOCK = 1 << 22  # bytes that are verified in one go


@dataclass(frozen=True, eq=False)
class Encoded:
    """The ids of a text.

    Attributes:
        vocabulary: the characters of the text.
        ids: of the smallest unsigned type that holds them all, (characters,); an `np.memmap` if they lie in a file.
        sha256: see `chargen.text.corpus.Corpus`.
        notes: what had to be repaired, one sentence each.
    """

    vocabulary: Vocabulary
    ids: np.ndarray
    sha256: str
    notes: tuple[str, ...]


def encode(name: str, texts: Sequence[Document], reading: ReadingOptions, in_memory: int = IN_MEMORY) -> Encoded:
    """Return the ids of documents, read as one text.

    Args:
        name: what messages call the text.
        in_memory: bytes above which the ids go to a file.

    Raises:
        InputError: a document cannot be read, is not in the encoding, or changes meanwhile, or there is no text.
        SaveError: the cache folder cannot hold the ids.
    """
    texts = [repeatable(text, in_memory) for text in texts]
    size = sum(text.size for text in texts)
    large = size > in_memory
    signature = _signature(texts, reading) if large else None
    if large and (known := _recall(signature)):
        return known
    with progress(f"encoding {name}", 2 * size) if large else contextlib.nullcontext() as bar:
        text = _Text(name, texts, reading, bar)
        return _cached(text, signature) if large else text.in_memory()


def release(ids: np.ndarray) -> None:
    """Take the pages of a file that have been read out of this process's memory; the system may keep them cached.

    Where the system cannot be told (Windows), it takes them back by itself when memory runs short.
    """
    base = ids
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


class CharacterSet:
    """The distinct characters of a text that is read in pieces."""

    def __init__(self):
        self._ascii = b""
        self._seen = np.zeros(EVERY_CHARACTER, dtype=bool)

    def add(self, piece: str) -> None:
        """Take another piece into account."""
        if not piece.isascii():
            self._seen[code_points(piece)] = True
        elif new := piece.encode().translate(None, self._ascii):  # what is left when all known ones are deleted
            self._seen[list(set(new))] = True
            self._ascii = np.flatnonzero(self._seen[:128]).astype(np.uint8).tobytes()

    def __str__(self) -> str:
        """Return the characters in order."""
        return "".join(map(chr, np.flatnonzero(self._seen)))


class _Text:
    """Documents in their first pass, and then ready for the second.

    Attributes:
        vocabulary, sha256, notes: see `Encoded`.
        length: characters.
        dtype: of the ids.
    """

    def __init__(self, name: str, texts: Sequence[Document], reading: ReadingOptions, bar=None):
        self.name, self._texts, self._reading = name, texts, reading
        self._watch = (lambda size: None) if bar is None else bar.update
        stream, characters, self.length = self._stream(), CharacterSet(), 0
        for piece in _pieces(stream, reading):
            characters.add(piece)
            self.length += len(piece)
        if not str(characters).strip():
            raise InputError(f"{name}: the text is empty", "give a text with some characters to learn from")
        self.vocabulary = Vocabulary(str(characters), reading.normalization)
        self.dtype = np.min_scalar_type(len(self.vocabulary) - 1)
        self.sha256, self.notes = _joint_digest(stream.digests), tuple(stream.notes)

    @property
    def key(self) -> str:
        """The name of the file of ids."""
        return _digest([self.sha256, _what_decides(self._reading)])

    def in_memory(self) -> Encoded:
        """Return the ids in an array."""
        ids, place = np.empty(self.length, self.dtype), 0
        for part in self.ids():
            ids[place : place + len(part)] = part
            place += len(part)
        return Encoded(self.vocabulary, ids, self.sha256, self.notes)

    def ids(self) -> Iterator[np.ndarray]:
        """Read the documents for the second time; yield the ids piece by piece.

        Raises:
            InputError: they are not what they were.
        """
        table = np.zeros(EVERY_CHARACTER, dtype=self.dtype)
        table[code_points(self.vocabulary.characters)] = np.arange(len(self.vocabulary))
        ascii_table = table[:256].tobytes() if self.dtype == np.uint8 else None
        stream = self._stream()
        for piece in _pieces(stream, self._reading):
            if ascii_table and piece.isascii():
                yield np.frombuffer(piece.encode().translate(ascii_table), dtype=np.uint8)
            else:
                yield table.take(code_points(piece))
        if _joint_digest(stream.digests) != self.sha256:
            raise InputError(f"{self.name} was changed while it was read", "start again when it is complete")

    def _stream(self) -> TextStream:
        return TextStream(self._texts, self._reading.encoding, self._reading.separator, watch=self._watch)


def _cached(text: _Text, signature: str | None) -> Encoded:
    """Return the ids of a text from their file, which is written if it is not there yet."""
    folder = cache_folder() / FOLDER
    path = folder / f"{text.key}.ids"
    found, repaired = None, ()
    with lock(folder, if_unwritable="set CHARGEN_CACHE to a folder that can be written", wait=True):
        try:
            found = _open(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}", "delete it, or set CHARGEN_CACHE") from None
        except ValueError as error:
            repaired = (f"{path} was damaged ({error}) and has been made anew",)
        if found is None:
            _write(path, text)
            found = _open(path)
        if signature is not None:
            remembered = json.dumps({"file": path.name, "notes": text.notes})
            write_atomically(folder / f"{signature}.seen", remembered.encode())
    return replace(found, notes=text.notes + repaired)


def _write(path: Path, text: _Text) -> None:
    description = {
        "characters": text.vocabulary.characters,
        "normalization": text.vocabulary.normalization,
        "type": text.dtype.str,
        "length": text.length,
        "sha256": text.sha256,
    }
    needed = text.length * text.dtype.itemsize + len(json.dumps(description)) + 1_000
    require_space(path.parent, needed, f"the cache of {text.name}", FULL_DISK)

    def parts() -> Iterator[memoryview | bytes]:
        digest = hashlib.sha256()
        for part in text.ids():
            digest.update(part.data)
            yield part.data
        data = json.dumps({**description, "ids_sha256": digest.hexdigest()}).encode()
        yield data + hashlib.sha256(data).digest() + struct.pack("<Q", len(data)) + MARK

    write_atomically(path, parts(), advice=FULL_DISK)


def _open(path: Path) -> Encoded:
    """Return the ids in a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not what `_write` has written.
    """
    size, tail = path.stat().st_size, 32 + 8 + len(MARK)
    with path.open("rb") as file:
        file.seek(max(size - tail, 0))
        digest, (length,), mark = file.read(32), struct.unpack("<Q", file.read(8).ljust(8)), file.read()
        if mark != MARK or length > size - tail:
            raise ValueError("its end is missing")
        file.seek(size - tail - length)
        data = file.read(length)
    if hashlib.sha256(data).digest() != digest:
        raise ValueError("its description has another SHA-256")
    described = json.loads(data)
    dtype, characters = np.dtype(described["type"]), described["length"]
    if characters * dtype.itemsize != size - tail - length:
        raise ValueError(f"it does not hold {characters:,} ids")
    if _digest_of_first(path, size - tail - length) != described["ids_sha256"]:
        raise ValueError("its ids have another SHA-256")
    vocabulary = Vocabulary(described["characters"], described["normalization"])
    return Encoded(vocabulary, np.memmap(path, dtype, "r", shape=(characters,)), described["sha256"], ())


def _digest_of_first(path: Path, size: int) -> str:
    """Return the SHA-256 of the first `size` bytes of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size:
            data = file.read(min(size, BLOCK))
            digest.update(data)
            size -= len(data)
            if not data:  # the file has just become shorter
                break
    return digest.hexdigest()


def _recall(signature: str | None) -> Encoded | None:
    """Return the ids of documents that have not been touched since they were encoded."""
    folder = cache_folder() / FOLDER
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # what is wrong with a file is found again
        remembered = json.loads((folder / f"{signature}.seen").read_text("utf-8"))
        return replace(_open(folder / remembered["file"]), notes=tuple(remembered["notes"]))
    return None


def _signature(texts: Sequence[Document], reading: ReadingOptions) -> str | None:
    """Return what stays the same as long as files are not touched, or None if that could not be told."""
    if any(text.kept is not None for text in texts):
        return None
    states = [os.stat(text.path) for text in texts]
    if max(state.st_mtime for state in states) > time.time() - SETTLED:
        return None
    places = [os.path.abspath(text.path) for text in texts]
    times = [(state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_dev) for state in states]
    return _digest([places, times, _what_decides(reading)])


def _what_decides(reading: ReadingOptions) -> dict:
    """Return the options that decide about the ids; the names of the files follow from them."""
    return {name: getattr(reading, name) for name in ("encoding", "normalization", "max_chars", "separator")}


def _pieces(stream: Iterable[str], reading: ReadingOptions) -> Iterator[str]:
    """Yield the text of a stream, normalised and cut to its length; the stream is read to its end."""
    room = reading.max_chars
    for piece in normalized(stream, reading.normalization):
        yield piece[:room]
        room = room and max(room - len(piece), 0)


def _joint_digest(digests: Sequence[str]) -> str:
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:40]


def progress(title: str, size: int):
    """Return a bar that shows the rate at which so many bytes are read, once that takes more than a second."""
    from tqdm import tqdm

    return tqdm(desc=title, total=size, unit="B", unit_scale=True, disable=None, leave=False, delay=1)
