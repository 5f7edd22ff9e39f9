"""Text as a stream of pieces: decoded, tidied and normalised as if it had been read as a whole, in bounded memory."""

import codecs
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

from chargen.errors import InputError
from chargen.text.reading_options import ReadingOptions
from chargen.text.sources import Document, Source, documents, likely_encoding, text_codec, tidying_notes
from chargen.text.vocabulary import normalize

CHUNK = 1 << 17  # bytes read in one go: what stays in a processor's cache


class TextStream:
    """Documents as one text, decoded and tidied as `chargen.text.sources.decode` does it one by one.

    Attributes:
        digests: hex digests (SHA-256) of the bytes of the documents that have been read.
    """

    def __init__(
        self,
        documents: Sequence[Document],
        encoding: str = "utf-8",
        separator: str = ReadingOptions.separator,
        chunk: int | None = None,
        watch: Callable[[int], object] = lambda size: None,
    ):
        """Prepare to read.

        Args:
            separator: what stands between two documents.
            chunk: how many bytes are read in one go; None for CHUNK.
            watch: is called with the number of bytes after each read.

        Raises:
            InputError: Python knows no such encoding.
        """
        self.digests: list[str] = []
        self._documents, self._codec, self._separator = documents, text_codec(encoding), separator
        self._chunk, self._watch = chunk or CHUNK, watch
        self._tidied: list[tuple[str, Tidied]] = []  # names of documents, and what was done to them

    @property
    def notes(self) -> list[str]:
        """What had to be repaired in what has been read, one sentence each."""
        return [
            f"{name}: {note}" for name, tidied in self._tidied for note in tidying_notes(tidied.marked, tidied.crlf)
        ]

    def __iter__(self) -> Iterator[str]:
        """Yield the text piece by piece.

        Raises:
            InputError: a document cannot be read, or it is binary or not in the encoding.
        """
        for number, document in enumerate(self._documents):
            if number:
                yield self._separator
            yield from self._read(document)

    def _read(self, document: Document) -> Iterator[str]:
        digest, tidied, before = hashlib.sha256(), Tidied(), 0
        self._tidied.append((document.name, tidied))
        with document.reading(), document.open() as file:
            for piece in tidied.pieces(_decoded(self._chunks(file, digest), document.name, self._codec)):
                if "\0" in piece:
                    raise InputError(
                        f"{document.name} looks binary, not text: NUL at character {before + piece.index(chr(0)):,};"
                        " give a plain text file, or name its encoding, for example --encoding utf-16"
                    )
                before += len(piece)
                if piece:
                    yield piece
        self.digests.append(digest.hexdigest())

    def _chunks(self, file: BinaryIO, digest) -> Iterator[bytes]:
        while data := file.read(self._chunk):
            digest.update(data)
            self._watch(len(data))
            yield data


def read_text(
    source: Source | Sequence[Source],
    encoding: str = "utf-8",
    chunk: int | None = None,
    separator: str = ReadingOptions.separator,
) -> Iterator[str]:
    """Yield the text of `source`, which `chargen.text.sources.documents` explains, piece by piece; see `TextStream`.

    Raises:
        InputError: there is no such text, or it is binary or not in `encoding`.
        DownloadError: it could not be fetched.
    """
    yield from TextStream(documents(source)[1], encoding, separator, chunk)


def normalized(pieces: Iterable[str], normalization: str) -> Iterator[str]:
    """Yield a text normalised as `chargen.text.vocabulary.normalize` does it as a whole.

    >>> "".join(normalized(["The ", "  Time", " Mach", "ine"], "letters"))
    'the time machine'
    """
    if normalization == "none":
        yield from pieces
        return
    after_space = False
    for piece in _lowered(filter(None, pieces)):
        piece = normalize(piece, normalization)
        if normalization == "letters" and piece:
            piece, after_space = piece.removeprefix(" ") if after_space else piece, piece.endswith(" ")
        yield piece


def _decoded(chunks: Iterable[bytes], name: str, codec: str) -> Iterator[str]:
    decoder, read = codecs.getincrementaldecoder(codec)(), 0
    try:
        for data in chunks:
            read += len(data)
            yield decoder.decode(data)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        held = error.object  # ends where reading has stopped
        raise InputError(
            f"{name} is not {codec}: byte 0x{held[error.start]:02x} at offset {read - len(held) + error.start:,};"
            f" name the right encoding, for example --encoding {likely_encoding(held)}"
        ) from None
    except UnicodeError as error:  # of utf-16 and utf-32, which cannot tell the order of the bytes
        raise InputError(
            f"{name} is not {codec}: {error}; name the order of its bytes, {codec}-le or {codec}-be"
        ) from None


class Tidied:
    """Drops a byte order mark and turns CRLF into LF, also where a piece ends between the two, and counts them."""

    def __init__(self):
        self.marked, self.crlf = False, 0

    def pieces(self, pieces: Iterable[str]) -> Iterator[str]:
        """Yield a text as it is to be."""
        held, pieces = "", filter(None, pieces)
        for number, piece in enumerate(pieces):
            if number == 0 and piece[0] == "\ufeff":
                self.marked, piece = True, piece[1:]
            held += piece
            if "\r" not in held:  # several times faster than to look for two characters
                yield held
                held = ""
                continue
            whole = len(held) - held.endswith("\r")
            tidy = held[:whole].replace("\r\n", "\n")
            self.crlf += whole - len(tidy)
            yield tidy
            held = held[whole:]
        yield held


def _lowered(pieces: Iterable[str]) -> Iterator[str]:
    """Yield a text in lower case. A capital sigma at the end of a word becomes another one than within.

    So a piece is cut before its last character that settles where a word goes on (Unicode, Final_Sigma).
    """
    held = ""
    for piece in pieces:
        held += piece
        cut = next((place for place in reversed(range(len(held))) if _settles(held[place])), 0)
        lowered = held[: cut + 1].lower()
        yield lowered.removesuffix(held[cut].lower())
        held = held[cut:]
    yield held.lower()


def _settles(character: str) -> bool:
    """Whether no sigma's lower case depends on what lies beyond `character`, nor its own on its neighbours."""
    return character != "Σ" and ("A" + character + "Σ").lower()[-1] == (" " + character + "Σ").lower()[-1]
