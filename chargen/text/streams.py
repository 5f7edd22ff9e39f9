"""Documents read as one stream of decoded text, in bounded memory."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

from chargen.text.decoding import Decoder, text_codec
from chargen.text.reading_options import ReadingOptions
from chargen.text.sources import Document, Source, documents

CHUNK = 1 << 17  # bytes read at a time: what stays in a processor's cache


class TextStream:
    """Documents as one text, each decoded as `chargen.text.decoding.Decoder` does it.

    Attributes:
        decoders: (name, decoder) of each document whose reading has begun.
    """

    def __init__(
        self,
        documents: Sequence[Document],
        encoding: str = ReadingOptions.encoding,
        separator: str = ReadingOptions.separator,
        chunk: int | None = None,
        watch: Callable[[int], object] = lambda size: None,
        lenient: bool = False,
    ):
        """Prepare to read.

        Args:
            separator: what is put between two documents.
            chunk: the number of bytes read at a time; None for CHUNK.
            watch: is called with the number of bytes after each read.
            lenient: whether bytes that are not in the encoding are counted instead of refused.

        Raises:
            InputError: Python knows no such encoding.
        """
        self._digests: list[Any] = []
        self.decoders: list[tuple[str, Decoder]] = []
        self._documents, self._encoding, self._lenient = documents, text_codec(encoding), lenient
        self._separator, self._chunk, self._watch = separator, chunk or CHUNK, watch

    @property
    def digests(self) -> list[str]:
        """Hex digests (SHA-256) of the bytes that have been read of each document."""
        return [digest.hexdigest() for digest in self._digests]

    @property
    def notes(self) -> list[str]:
        """What was repaired in what has been read, one sentence each."""
        return [f"{name}: {note}" for name, decoder in self.decoders for note in decoder.notes]

    def __iter__(self) -> Iterator[str]:
        """Yield the text piece by piece.

        Raises:
            InputError: a document cannot be read, or it is binary or not in the encoding.
        """
        for number, document in enumerate(self._documents):
            if number:
                yield self._separator
            decoder, digest = Decoder(document.name, self._encoding, self._lenient), hashlib.sha256()
            self.decoders.append((document.name, decoder))
            self._digests.append(digest)
            with document.reading(), document.open() as file:
                yield from decoder.pieces(self._chunks(file, digest))

    def _chunks(self, file: BinaryIO, digest) -> Iterator[bytes]:
        while data := file.read(self._chunk):
            digest.update(data)
            self._watch(len(data))
            yield data


def read_text(
    source: Source | Sequence[Source],
    encoding: str = ReadingOptions.encoding,
    chunk: int | None = None,
    separator: str = ReadingOptions.separator,
) -> Iterator[str]:
    """Yield the text of `source`, see `chargen.text.sources.documents`, piece by piece.

    Raises:
        InputError: there is no such text, or it is binary or not in `encoding`.
        DownloadError: it could not be fetched.
    """
    yield from TextStream(documents(source)[1], encoding, separator, chunk)


def progress_bar(title: str, size: int):
    """Return a bar of the bytes that have been read, of `size`, which appears after a second."""
    from tqdm import tqdm

    return tqdm(desc=title, total=size, unit="B", unit_scale=True, disable=None, leave=False, delay=1)
