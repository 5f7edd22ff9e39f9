"""Where text comes from (a path, standard input, a URL, a name), decoding it, splitting it, and its ids."""

import codecs
import difflib
import hashlib
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import numpy as np

from chargen import downloads
from chargen.errors import InputError
from chargen.vocabulary import Vocabulary, normalize


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text ready to be learned: its vocabulary, and its ids split into a training part and a held-out tail.

    Attributes:
        name: a short name fit for a folder.
        vocabulary: the characters of the whole text.
        train_ids: int64 array of shape (training characters,).
        valid_ids: int64 array of shape (held-out characters,), the text that follows the training part; may be empty.
        sha256: hex digest of the bytes as read, comparable with `sha256sum FILE`.
        notes: what was silently different about the text and had to be repaired, one sentence each.
        origin: the arguments of `load_corpus` that read the same text again, from any folder; the source is None for
            standard input, which cannot be read again.
    """

    name: str
    vocabulary: Vocabulary
    train_ids: np.ndarray
    valid_ids: np.ndarray
    sha256: str
    notes: tuple[str, ...] = ()
    origin: dict = field(default_factory=dict)


def load_corpus(
    source: str | Path | None = None,
    *,
    encoding: str = "utf-8",
    normalization: str = "none",
    max_chars: int | None = None,
    valid_fraction: float = 0.1,
) -> Corpus:
    """Return the corpus that `source` names.

    Args:
        source: the path of a text file, "-" for standard input, an http(s) URL, a name of the registry
            (`chargen corpora list`), or None for the bundled text. A file comes before a name.
        encoding: how the bytes are to be read, a name that Python's codecs know.
        normalization: "none", "lower" or "letters", see `chargen.vocabulary.normalize`.
        max_chars: keep only so many characters from the beginning, counted after normalisation.
        valid_fraction: the share of the text, at its end, that is held out for validation; 0 holds out nothing.

    Raises:
        InputError: there is no such text, or it is empty, binary, or not in `encoding`.
        DownloadError: a URL or a registered corpus could not be fetched.

    >>> corpus = load_corpus(normalization="letters", valid_fraction=0.25)
    >>> corpus.name, len(corpus.vocabulary)
    ('lamp-at-low-water', 27)
    """
    if not 0 <= valid_fraction < 1:
        raise InputError(f"valid fraction {valid_fraction}: must be at least 0 and below 1")
    name, data = read(source)
    text, notes = decode(data, name, encoding)
    text = normalize(text, normalization)[:max_chars]
    if not text.strip():
        raise InputError(f"{name}: the text is empty; give a file with some characters to learn from")
    vocabulary = Vocabulary.from_text(text, normalization)
    ids = vocabulary.encode(text)
    split = train_length(len(ids), valid_fraction)
    origin = {
        "source": _anywhere(source),
        "encoding": encoding,
        "normalization": normalization,
        "max_chars": max_chars,
        "valid_fraction": valid_fraction,
    }
    return Corpus(name, vocabulary, ids[:split], ids[split:], hashlib.sha256(data).hexdigest(), tuple(notes), origin)


def _anywhere(source: str | Path | None) -> str | None:
    """Return `source` such that it names the same text from any folder, or None for standard input."""
    if source is None:
        return next(iter(downloads.registry()))
    if source == "-":
        return None
    return os.path.abspath(source) if os.path.exists(source) else str(source)


def train_length(length: int, valid_fraction: float) -> int:
    """Return how many of `length` characters are trained on; the rest, at the end, is held out."""
    return int(length * (1 - valid_fraction))


def read(source: str | Path | None = None) -> tuple[str, bytes]:
    """Return a short name for `source` (see `load_corpus`) and its bytes.

    Raises:
        InputError: there is no such file or name, or it cannot be read.
        DownloadError: it could not be fetched.
    """
    if source == "-":
        return "stdin", sys.stdin.buffer.read()
    name, path = locate(source)
    try:
        return name, path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def locate(source: str | Path | None = None) -> tuple[str, Path]:
    """Return a short name for `source` (see `load_corpus`; not "-") and the file that holds it, fetched if need be.

    Raises:
        InputError: there is no such file or name.
        DownloadError: it could not be fetched.
    """
    source = next(iter(downloads.registry())) if source is None else str(source)
    if re.match(r"https?://", source, re.IGNORECASE):
        try:
            address = urlsplit(source)
        except ValueError as error:
            raise InputError(f"{source}: {error}; check the address") from None
        return folder_name(PurePosixPath(unquote(address.path)).stem or address.netloc), downloads.fetch_url(source)
    if os.path.exists(source) and not os.path.isdir(source):  # a pipe will do as well as a file
        return folder_name(Path(source).stem), Path(source)
    if source in downloads.registry():
        return source, downloads.fetch_registered(downloads.registry()[source])
    raise InputError(_no_such_source(source))


def decode(data: bytes, name: str, encoding: str = "utf-8") -> tuple[str, list[str]]:
    """Return the text in `data`, without byte order mark and with LF line ends, and notes on what was changed.

    Raises:
        InputError: `encoding` is unknown, or `data` is binary or not in `encoding`; the message gives the byte offset.
    """
    codec = text_codec(encoding)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is not {codec}: byte 0x{data[error.start]:02x} at offset {error.start:,};"
            f" name the right encoding, for example --encoding {likely_encoding(data)}"
        ) from None
    if "\0" in text:
        raise InputError(
            f"{name} looks binary, not text: NUL at character {text.index(chr(0)):,};"
            " give a plain text file, or name its encoding, for example --encoding utf-16"
        )
    text, notes = tidy(text)
    return text, [f"{name}: {note}" for note in notes]


def text_codec(encoding: str) -> str:
    """Return the canonical name of a text encoding.

    Raises:
        InputError: Python knows no text encoding of that name.
    """
    try:
        "".encode(encoding)  # a LookupError also for a codec that does not make text, such as "base64"
        b"a".decode(encoding, "replace")  # a ValueError for one that is made for names of hosts, such as "idna"
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):  # also a ValueError for a name that no codec can have
        raise InputError(f"unknown encoding {encoding!r}; common ones are utf-8, latin-1, cp1252, utf-16") from None


def tidy(text: str) -> tuple[str, list[str]]:
    """Return `text` without byte order mark and with LF line ends, and a note on each change."""
    notes = []
    if text.startswith("\ufeff"):
        text = text[1:]
        notes.append("dropped a byte order mark")
    if crlf := text.count("\r\n"):
        text = text.replace("\r\n", "\n")
        notes.append(f"turned {crlf:,} CRLF line ends into LF")
    return text, notes


def likely_encoding(data: bytes) -> str:
    """Return the name of an encoding worth trying for bytes that are not in the one that was named."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    has_c1_bytes = any(0x80 <= byte <= 0x9F for byte in data[:1_000_000])
    return "cp1252" if has_c1_bytes else "latin-1"


def folder_name(text: str) -> str:
    """Return `text` with everything that might trouble a file system replaced by hyphens."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "corpus"


def _no_such_source(source: str) -> str:
    if os.path.isdir(source):
        return f"{source} is a folder; give a text file inside it"
    if "://" in source:
        return f"{source}: only http:// and https:// addresses can be fetched"
    near = difflib.get_close_matches(source, downloads.registry(), cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    known = ", ".join(downloads.registry())
    return f"no file {source!r} and no corpus of that name{hint} (known names: {known})"
