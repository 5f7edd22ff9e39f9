"""Where text comes from: paths, folders, standard input, URLs, names of the registry."""

import bz2
import contextlib
import errno
import gzip
import io
import lzma
import os
import re
import select
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, cast
from urllib.parse import unquote, urlsplit

from chargen.errors import InputError
from chargen.report.words import suggestion
from chargen.text.kept_stream import KeptStream
from chargen.text.registry import registry

Source = str | Path | None
PACKERS: dict[bytes, Callable] = {
    b"\x1f\x8b\x08": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}  # by how their files begin
PACKED = (".gz", ".bz2", ".xz")
PATIENCE = 2  # seconds without a word about a pipe to which nobody writes
LONGEST_NAME = 200  # bytes, of the 255 that file systems accept; names of files begin with names of texts
MOST_FILES = 1000  # of a folder, among which one of a similar name is looked for


class Document(NamedTuple):
    """One text among those that make a corpus.

    Attributes:
        name: what messages call it.
        path: the file that holds it; None for standard input.
        kept: what has been read of a document that can be read only once, see `repeatable`.
    """

    name: str
    path: Path | None
    kept: KeptStream | None = None

    @property
    def size(self) -> int:
        """The number of bytes; 0 if unknown."""
        return self.path.stat().st_size if self.path is not None and self.path.is_file() else 0

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the document at its first byte; one that is packed (gzip, bzip2, xz) is unpacked."""
        if self.kept is not None:
            self.kept.seek(0)
            yield _unpacked(self.kept)
        elif self.path is None:
            yield _unpacked(sys.stdin.buffer)
        else:
            with _opened(self.path) as file:
                yield _unpacked(file)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Turn errors of the system in the body of a with statement into InputError."""
        try:
            yield
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or f"it is packed, and damaged ({error})"
            raise InputError(f"cannot read {self.path or self.name}: {reason}") from None


def _opened(path: Path) -> BinaryIO:
    """Open a file; say so where it is a pipe to which nobody writes, and wait."""
    if not path.is_fifo():
        return path.open("rb")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not select.select([descriptor], [], [], PATIENCE)[0]:
        warnings.warn(f"{path} is a pipe; waiting for a program that writes to it", stacklevel=2)
        select.select([descriptor], [], [])
    os.set_blocking(descriptor, True)
    return open(descriptor, "rb")


def _unpacked(file: BinaryIO | KeptStream) -> BinaryIO:
    """Return what reads a file, unpacked if it is packed."""
    if isinstance(file, io.BufferedReader):  # standard input and pipes cannot be sought
        head = file.peek(max(map(len, PACKERS)))
    else:
        head = file.read(max(map(len, PACKERS)))
        file.seek(0)
    packer = next((packer for magic, packer in PACKERS.items() if head.startswith(magic)), None)
    return cast(BinaryIO, packer(file) if packer else file)


def documents(source: Source | Sequence[Source] = None) -> tuple[str, list[Document]]:
    """Return a short name for `source`, fit for a folder, and its texts in the order in which they are read.

    Args:
        source: the path of a text file, "-" for standard input, an http(s) URL, a name of the registry
            (`chargen corpora list`), or None for the bundled text. A file comes before a name. A folder stands for all
            its .txt files (also packed ones, .txt.gz), those in folders below it too, sorted by path; a list for all
            that is in it.

    Raises:
        InputError: there is no such text.
        DownloadError: it could not be fetched.
    """
    if source is None or isinstance(source, str | Path):
        return _documents(source)
    if not source:
        raise InputError("no texts were given", "name at least one")
    if len(source) > 1 and "-" in map(str, source):
        raise InputError("standard input cannot be combined with other texts", "write it to a file and name that")
    parts = [_documents(one) for one in source]
    found = [document for _, part in parts for document in part]
    name = parts[0][0] if len(parts) == 1 else f"{parts[0][0]}-and-{len(parts) - 1}-more"
    return name, _told_apart(found)


def _documents(source: Source) -> tuple[str, list[Document]]:
    if source is not None and str(source) == "-":
        return "stdin", [Document("stdin", None)]
    if source is None or not _is_folder(source):
        name, path = locate(source)
        return name, [Document(path.name if path == Path(str(source)) else name, path)]
    folder = Path(source)
    paths = sorted(_texts_in(folder))
    if not paths:
        raise InputError(f"{source} is a folder without .txt files", "give a text file, or a folder that has some")
    name = folder_name(folder.resolve().name)
    return name, _told_apart([Document(folder_name(stem(path.name)), path) for path in paths])


def _texts_in(folder: Path) -> Iterator[Path]:
    """Yield the texts in a folder and those below it, without hidden ones; links to folders are not followed.

    Raises:
        InputError: one of the folders or texts cannot be read, so that it would be left out in silence.
    """

    def refuse(error: OSError):
        raise InputError(f"cannot read {error.filename}: {error.strerror}", "name the texts to read, or move it away")

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            if _is_text(path):
                if not os.path.isfile(path):  # such as a pipe, or a link that leads nowhere
                    refuse(OSError(errno.EINVAL, "it is not a file", os.fspath(path)))
                yield path


def _told_apart(several: list[Document]) -> list[Document]:
    """Return documents, named by their paths if there are several."""
    return several if len(several) == 1 else [one._replace(name=str(one.path)) for one in several]


def repeatable(document: Document, in_memory: int) -> Document:
    """Return a document that can be read more than once: itself, or standard input or a pipe that is kept.

    Args:
        in_memory: bytes up to which it is kept in memory; a longer one is kept in a temporary file.
    """
    if document.path is not None and document.path.is_file():
        return document
    with document.reading():
        stream = sys.stdin.buffer if document.path is None else _opened(document.path)
    return document._replace(kept=KeptStream(document.name, stream, in_memory))


def anywhere(source: Source | Sequence[Source]) -> str | list[str] | None:
    """Return `source` with absolute paths, or None for standard input."""
    if source is None:
        return next(iter(registry()))
    if not isinstance(source, str | Path):
        return anywhere(source[0]) if len(source) == 1 else [str(anywhere(one)) for one in source]
    if source == "-":
        return None
    from chargen.text import downloads

    if is_url(str(source)):
        return downloads.without_password(str(source))
    return os.path.abspath(source) if os.path.isfile(source) or _is_folder(source) else str(source)


def _is_folder(source: Source) -> bool:
    """Return whether `source` names a folder; names of the registry take precedence."""
    return source is not None and os.path.isdir(source) and str(source) not in registry()


def locate(source: Source = None) -> tuple[str, Path]:
    """Return a short name for the one text `source` (see `documents`; not "-") and its file, fetched if need be.

    Raises:
        InputError: there is no such file or name.
        DownloadError: it could not be fetched.
    """
    from chargen.text import downloads

    source = next(iter(registry())) if source is None else str(source)
    if is_url(source):
        try:
            address = urlsplit(source)
        except ValueError as error:
            raise InputError(f"{downloads.without_password(source)}: {error}", "check the address") from None
        return folder_name(
            stem(PurePosixPath(unquote(address.path)).name) or str(address.hostname)
        ), downloads.fetch_url(source)
    if is_device(source):
        raise InputError(f"{source} is a device, not a file", "give a text file")
    if os.path.exists(source) and not os.path.isdir(source):  # a file or a pipe
        return folder_name(stem(Path(source).name)), Path(source)
    if source in registry():
        return source, downloads.fetch_registered(registry()[source])
    raise _no_such_source(source)


def is_device(path: str | Path) -> bool:
    """Return whether a path is a device, such as /dev/zero."""
    path = Path(path)
    return path.is_char_device() or path.is_block_device()


def is_url(source: str) -> bool:
    """Return whether a source is an address to fetch."""
    return re.match(r"https?://", source, re.IGNORECASE) is not None


def require_at_hand(source: str | Sequence[str]) -> None:
    """Raise InputError unless `source`, which a file names, can be read without asking anybody.

    It must be files, folders, or what lies in the cache: nothing is fetched, or waited for, because a file says so.
    """
    from chargen.text import downloads

    for name in [source] if isinstance(source, str) else source:
        known = registry().get(name)
        there = downloads.cached(name) if is_url(name) else known.path if known else Path(name)
        if not (os.path.isfile(name) or os.path.isdir(name) or there.is_file()):
            raise InputError(f"{name} is not here any more", "name the text, or bring it back")


def _is_text(path: Path) -> bool:
    """Whether a file in a folder is one of its texts."""
    return (path.stem if path.suffix.lower() in PACKED else path.name).lower().endswith(".txt")


def stem(name: str) -> str:
    """Return the name of a file without the suffixes of its packing and its kind."""
    path = PurePosixPath(name)
    return path.with_suffix("").stem if path.suffix.lower() in PACKED else path.stem


def folder_name(text: str, longest: int = LONGEST_NAME) -> str:
    """Return `text` with hyphens for the characters that file systems may not accept, and not longer than they do."""
    accepted = re.sub(r"[^\w.-]+", "-", text).strip("-.").encode()
    return accepted[:longest].decode(errors="ignore").strip("-.") or "corpus"


def _no_such_source(source: str) -> InputError:
    if os.path.isdir(source):
        return InputError(f"{source} is a folder", "name a text file inside it")
    if "://" in source:
        return InputError(f"{source}: only http:// and https:// addresses can be fetched")
    beside = Path(source).parent.glob("*") if os.path.isdir(os.path.dirname(source) or ".") else []
    advice = suggestion(source, registry(), map(str, islice(beside, MOST_FILES)))
    return InputError(f"no file {source!r} and no text of that name", advice)
