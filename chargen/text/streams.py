"""Documents read as one stream of decoded text, in bounded memory."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

from chargen.text.decoding import Decoder, text_codec
from chargen.text.kept_stream import require_end
from chargen.text.reading_options import ReadingOptions
from chargen.text.sources import Document, Source, documents
from chargen.text.tables import SAMPLE, ColumnReader, Table, table_in

CHUNK = 1 << 17  # bytes read at a time: what stays in a processor's cache


class TextStream:
    """Documents as one text, each decoded as `chargen.text.decoding.Decoder` does it.

    Attributes:
        decoders: (name, decoder) of each document whose reading has begun.
        tables: (name, table) of each document that has been read and looks like a table.
    """

    def __init__(
        self,
        documents: Sequence[Document],
        reading: ReadingOptions,
        chunk: int | None = None,
        watch: Callable[[int], object] = lambda size: None,
        lenient: bool = False,
    ):
        """Prepare to read.

        Args:
            reading: how to read; what comes before the normalization is done.
            chunk: the number of bytes read at a time; None for CHUNK.
            watch: is called with the number of bytes after each read.
            lenient: whether bytes that are not in the encoding are counted instead of refused.

        Raises:
            InputError: Python knows no such encoding.
        """
        self._digests: list[Any] = []
        self.decoders: list[tuple[str, Decoder]] = []
        self.tables: list[tuple[str, Table]] = []
        self._columns: list[tuple[str, ColumnReader]] = []
        self._documents, self._encoding, self._lenient = documents, text_codec(reading.encoding), lenient
        self._reading, self._chunk, self._watch = reading, chunk or CHUNK, watch

    @property
    def digests(self) -> list[str]:
        """Hex digests (SHA-256) of the bytes that have been read of each document."""
        return [digest.hexdigest() for digest in self._digests]

    @property
    def notes(self) -> list[str]:
        """What was repaired in what has been read, and which texts of tables were, one sentence each."""
        notes = [(name, note) for name, decoder in self.decoders for note in decoder.notes]
        notes += [(name, column.note) for name, column in self._columns]
        return [f"{name}: {note}" for name, note in notes]

    def __iter__(self) -> Iterator[str]:
        """Yield the text piece by piece.

        Raises:
            InputError: a document cannot be read, or it is binary or not in the encoding.
        """
        for number, document in enumerate(self._documents):
            if number:
                yield self._reading.separator
            decoder, digest = Decoder(document.name, self._encoding, self._lenient), hashlib.sha256()
            self.decoders.append((document.name, decoder))
            self._digests.append(digest)
            with document.reading(), document.open() as file:
                pieces = decoder.pieces(self._chunks(document, file, digest))
                if self._reading.column is None:
                    yield from self._looked_at(document, pieces)
                    continue
                column = ColumnReader(document.name, self._reading.column, self._reading.separator)
                self._columns.append((document.name, column))
                yield from column.pieces(pieces)

    def _looked_at(self, document: Document, pieces: Iterator[str]) -> Iterator[str]:
        """Pass the pieces of a document on, and see whether it looks like a table."""
        beginning = ""
        try:
            for piece in pieces:
                beginning += piece[: SAMPLE - len(beginning)]
                yield piece
        finally:  # also where it is not read to its end
            if table := table_in(beginning, str(document.path or "")):
                self.tables.append((document.name, table))

    def _chunks(self, document: Document, file: BinaryIO, digest) -> Iterator[bytes]:
        length, is_stream = 0, document.kept is None and not (document.path and document.path.is_file())
        while data := file.read(self._chunk):
            length += len(data)
            if is_stream:
                require_end(document.name, length)
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
    yield from TextStream(documents(source)[1], ReadingOptions(encoding, separator=separator), chunk)


def progress_bar(title: str, size: int):
    """Return a bar of the bytes that have been read, of `size`, which appears after a second."""
    from tqdm import tqdm

    return tqdm(desc=title, total=size, unit="B", unit_scale=True, disable=None, leave=False, delay=1)
