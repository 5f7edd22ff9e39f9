"""The text of a CSV file: from a path, standard input or a URL, packed (gzip, bzip2, xz) or not."""

import re
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from chargen.errors import DownloadError, InputError
from chargen.text import downloads
from chargen.text.decoding import Decoder
from chargen.text.detection import kind_of
from chargen.text.sources import Document, folder_name, is_device, is_url, stem

MOST = 100_000_000  # bytes, once unpacked
CHUNK = 1 << 20
OTHER_TEXTS = {r'[{\[]\s*["{\[\d]': "JSON", r"(?i)<(!doctype|html|\?xml)": "HTML or XML"}  # by how they begin
AS_CSV = "save the table as CSV"


def read_text(source: str | Path, encoding: str = "utf-8") -> str:
    """Return the text of a file, with LF as line end.

    Args:
        source: a path, "-" for standard input, or an http(s) URL, which is fetched anew each time.

    Raises:
        InputError: it cannot be read, is not text, or too large.
        DownloadError: it could not be fetched.
    """
    name = shown(source)
    decoder = Decoder(name, encoding, lenient=True)
    data = _read_bytes(str(source), name)
    if kind := kind_of(data):
        raise InputError(f"{name} is {kind[0]}", AS_CSV)
    text = "".join(decoder.pieces([data]))
    if decoder.faults:
        line = data[: decoder.first_fault].count(b"\n") + 1
        raise InputError(f"{name} line {line}: not {decoder.codec} text", decoder.advice)
    if what := next((what for begins, what in OTHER_TEXTS.items() if re.match(begins, text.lstrip()[:20])), None):
        raise InputError(f"{name} is {what}", AS_CSV)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{name} line {line}: not text", AS_CSV)
    return text


def shown(source: str | Path) -> str:
    """Return what messages call a source."""
    return "standard input" if str(source) == "-" else downloads.without_password(str(source))


def short_name(source: str | Path) -> str:
    """Return a name for what is made of a source: that of a file or a URL without its suffixes.

    >>> short_name("data/load.csv.gz"), short_name("https://example.org/a/sales.csv?y=1"), short_name("-")
    ('load', 'sales', 'stdin')
    """
    if str(source) == "-":
        return "stdin"
    if is_url(str(source)):
        return folder_name(stem(PurePosixPath(unquote(urlsplit(str(source)).path)).name))
    return stem(Path(source).name)


def _read_bytes(source: str, name: str) -> bytes:
    if is_device(source):
        raise InputError(f"{name} is a device, not a file", "name a file; standard input is -")
    path = _fetched(source) if is_url(source) else Path(source)
    document = Document(name, None if source == "-" else path)
    with document.reading(), document.open() as file:
        return _limited(name, file)


def _fetched(url: str) -> Path:
    try:
        return downloads.fetch_url(url, fresh=True)
    except DownloadError as error:
        raise DownloadError(error.message, "download the file yourself, and name it") from None


def _limited(name: str, file: BinaryIO) -> bytes:
    """Return all bytes of a file; stop where it is too large or certainly not text."""
    data = bytearray()
    while chunk := file.read(CHUNK):
        data += chunk
        if len(data) > MOST:
            raise InputError(f"{name} is larger than {MOST:,} bytes", "give fewer rows or columns")
        if b"\0\0\0\0" in chunk:  # in no text of any encoding; what follows may be endless
            break
    return bytes(data)
