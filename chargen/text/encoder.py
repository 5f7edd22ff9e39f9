"""`Encoder`: the ids of a text of any size, in two passes over its documents and bounded memory."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from chargen.errors import InputError
from chargen.text.normalization import code_points, normalized
from chargen.text.reading_options import ReadingOptions
from chargen.text.sources import Document
from chargen.text.stored_ids import TextIds
from chargen.text.streams import TextStream
from chargen.text.vocabulary import Vocabulary

EVERY_CHARACTER = 0x110000  # the number of Unicode code points


@dataclass(frozen=True, eq=False)
class Encoded:
    """The ids of a text.

    Attributes:
        vocabulary: the characters of the text.
        ids: (characters,) of the smallest unsigned type that holds them all; in memory, or in a file.
        sha256: see `chargen.text.corpus.Corpus`.
        notes: see `chargen.text.corpus.Corpus`.
    """

    vocabulary: Vocabulary
    ids: TextIds
    sha256: str
    notes: tuple[str, ...]


class Encoder:
    """Documents that are read as one text in two passes: for its characters, when it is made, and for its ids.

    Attributes:
        vocabulary, sha256, notes: see `Encoded`.
        length: the number of characters.
        dtype: the smallest unsigned type that holds every id.
    """

    def __init__(
        self,
        name: str,
        texts: Sequence[Document],
        reading: ReadingOptions,
        watch: Callable[[int], object] = lambda size: None,
    ):
        """Read the documents for the first time.

        Args:
            name: what messages call several documents.
            watch: is called with the number of bytes after each read.

        Raises:
            InputError: a document cannot be read or is not in the encoding, or there is no text.
        """
        self.name = texts[0].name if len(texts) == 1 else name
        self._texts, self._reading, self._watch = texts, reading, watch
        stream, characters, self.length = self._stream(), CharacterSet(), 0
        for piece in self._pieces(stream):
            characters.add(piece)
            self.length += len(piece)
        if not str(characters).strip():
            raise InputError(f"{self.name}: the text is empty", "give a text with some characters to learn from")
        self.vocabulary = Vocabulary(str(characters), reading.normalization)
        self.dtype = np.min_scalar_type(len(self.vocabulary) - 1)
        tables = (f"{name}: looks like {table.what}; {table.advice}" for name, table in stream.tables)
        self.sha256, self.notes = _joint_digest(stream.digests), (*stream.notes, *tables)

    @property
    def key(self) -> str:
        """A digest of the bytes and how they are read, on which the ids depend."""
        return short_digest([self.sha256, self._reading.identity])

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
            InputError: the documents have changed since the first pass.
        """
        table = np.zeros(EVERY_CHARACTER, dtype=self.dtype)
        table[code_points(self.vocabulary.characters)] = np.arange(len(self.vocabulary))
        ascii_table = table[:256].tobytes() if self.dtype == np.uint8 else None
        stream = self._stream()
        for piece in self._pieces(stream):
            if ascii_table and piece.isascii():
                yield np.frombuffer(piece.encode().translate(ascii_table), dtype=np.uint8)
            else:
                yield table.take(code_points(piece))
        if _joint_digest(stream.digests) != self.sha256:
            raise InputError(f"{self.name} was changed while it was read", "start again when it is complete")

    def _pieces(self, stream: TextStream) -> Iterator[str]:
        """Yield the text of a stream, normalised and cut to its length.

        Files are read to their end, so that their digest is that of the whole; what may never end is not.
        """
        room = self._reading.max_chars
        for piece in normalized(stream, self._reading.normalization):
            yield piece[:room]
            room = room and max(room - len(piece), 0)
            if room == 0 and any(text.kept for text in self._texts):
                break

    def _stream(self) -> TextStream:
        return TextStream(self._texts, self._reading, watch=self._watch)


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


def short_digest(value: object) -> str:
    """Return the beginning of the SHA-256 of a value's JSON."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:40]


def _joint_digest(digests: Sequence[str]) -> str:
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()
