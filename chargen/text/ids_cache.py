"""The cache of encoded texts: files of ids, see `StoredIds`.

A file is named after the text's SHA-256 and the way it was read. It holds the ids, then a description of them as JSON
with their SHA-256, then the description's SHA-256, its length and a mark. It is written atomically, and verified
whenever it is opened. A small file beside it remembers the path, the size and the times of each document, so that a
text that has not been touched since is recognized without reading it.
"""

import contextlib
import hashlib
import json
import os
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from chargen.errors import InputError
from chargen.files.atomic import require_space, write_atomically
from chargen.files.lock import lock
from chargen.text.encoder import Encoded, Encoder, short_digest
from chargen.text.reading_options import ReadingOptions
from chargen.text.registry import FULL_DISK, OTHER_DISK, cache_folder
from chargen.text.sources import Document
from chargen.text.stored_ids import StoredIds
from chargen.text.vocabulary import Vocabulary

FOLDER = "encoded"  # in the cache folder
MARK = b"chargen2"  # the last bytes of a file
SETTLED = 2.0  # seconds after a change of a file after which a further change must show in its times


def cached(text: Encoder, signature: str | None) -> Encoded:
    """Return the ids of a text from their file, which is written if it is not there yet."""
    folder = cache_folder() / FOLDER
    path = folder / f"{text.key}.ids"
    found, repaired = None, tuple[str, ...]()
    with lock(folder, if_unwritable="set CHARGEN_CACHE to a folder that can be written", wait=True):
        try:
            found = _open(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}", "delete it, or set CHARGEN_CACHE") from None
        except ValueError as error:
            repaired = (f"{path} was damaged ({error}) and has been written again",)
        if found is None:
            _write(path, text)
            found = _open(path)
        if signature is not None:
            remembered = json.dumps({"file": path.name, "notes": text.notes})
            write_atomically(folder / f"{signature}.seen", remembered.encode())
    return replace(found, notes=text.notes + repaired)


def _write(path: Path, text: Encoder) -> None:
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

    write_atomically(path, parts(), advice=OTHER_DISK)


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
    ids = StoredIds(path, dtype, characters, described["ids_sha256"])
    vocabulary = Vocabulary(described["characters"], described["normalization"])
    return Encoded(vocabulary, ids, described["sha256"], ())


def recall(signature: str | None) -> Encoded | None:
    """Return the ids of documents that have not been touched since they were encoded, or None."""
    folder = cache_folder() / FOLDER
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # what is wrong with a file is found again
        remembered = json.loads((folder / f"{signature}.seen").read_text("utf-8"))
        return replace(_open(folder / remembered["file"]), notes=tuple(remembered["notes"]))
    return None


def signature_of(texts: Sequence[Document], reading: ReadingOptions) -> str | None:
    """Return a digest that changes when a document is touched, or None if a change might not show.

    That is the case for what is not a file, and for files that have just been written.
    """
    paths = [text.path for text in texts if text.path is not None and text.kept is None]
    if len(paths) < len(texts):
        return None
    states = [os.stat(path) for path in paths]
    if max(state.st_mtime for state in states) > time.time() - SETTLED:
        return None
    places = [os.path.abspath(path) for path in paths]
    times = [(state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_dev) for state in states]
    return short_digest([places, times, reading.identity])
