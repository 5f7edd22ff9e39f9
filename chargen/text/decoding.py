"""The one reader of bytes: decodes a document piece by piece, and refuses or counts what cannot be decoded."""

import codecs
import contextlib
import itertools
from collections.abc import Iterable, Iterator

from chargen.errors import InputError

SAMPLE = 1 << 16  # bytes from the first fault on that are looked at to suggest an encoding
DETECTED = 4096  # bytes of them that are given to charset-normalizer
BYTE_ORDER_MARKS = {
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),  # after utf-32, whose mark may begin with the same bytes
}
COUNTING = "chargen.text.decoding"  # the name under which Python's codecs know the handler of errors


class Decoder:
    """Decodes the bytes of one document, drops a byte order mark, and turns CRLF into LF.

    A strict decoder refuses bytes that are not in the encoding, and NUL. A lenient one puts U+FFFD in place of what it
    cannot decode and counts it; only one lenient decoder can be at work at a time.

    Attributes:
        codec: the canonical name of the encoding.
        bytes: the number of bytes read so far.
        marked: whether a byte order mark was dropped.
        crlf: the number of CRLF line ends that were turned into LF.
        lacks_mark: whether a mark is missing that the encoding needs; the order of the bytes is then little-endian.
        faults: the number of bytes that could not be decoded.
        first_fault: the offset of the first of them.
        likely: an encoding worth trying instead; "" if all could be decoded.
    """

    def __init__(self, name: str, encoding: str = "utf-8", lenient: bool = False):
        """Prepare to decode a document that messages call `name`.

        Raises:
            InputError: Python knows no such text encoding.
        """
        self.codec = text_codec(encoding)
        self.bytes = self.crlf = self.faults = self.first_fault = 0
        self.marked = self.lacks_mark = False
        self.likely = ""
        self._name, self._lenient = name, lenient

    @property
    def notes(self) -> list[str]:
        """What was repaired, one sentence each."""
        notes = ["dropped a byte order mark"] if self.marked else []
        return notes + ([f"turned {self.crlf:,} CRLF line ends into LF"] if self.crlf else [])

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """Yield the text of a document whose bytes come in chunks of any length.

        Raises:
            InputError: the decoder is strict, and the bytes are binary or not in the encoding.
        """
        before = 0
        for piece in self._tidied(filter(None, self._decoded(iter(chunks)))):
            if not self._lenient and "\0" in piece:
                raise InputError(
                    f"{self._name} looks binary, not text: NUL at character {before + piece.index(chr(0)):,}",
                    "give a plain text file, or its {encoding}, for example utf-16",
                )
            before += len(piece)
            if piece:
                yield piece

    def _decoded(self, chunks: Iterator[bytes]) -> Iterator[str]:
        codec, chunks = self._byte_order(chunks)
        if self._lenient:
            codecs.register_error(COUNTING, self._count)
        decoder = codecs.getincrementaldecoder(codec)(COUNTING if self._lenient else "strict")
        try:
            for data in chunks:
                self.bytes += len(data)
                yield decoder.decode(data)
            yield decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            rest = error.object[error.start :]  # ends where reading has stopped
            offset = self.bytes - len(rest)
            while len(rest) < SAMPLE and (data := next(chunks, b"")):
                rest += data
            raise InputError(
                f"{self._name} is not {self.codec}: byte 0x{rest[0]:02x} at offset {offset:,}",
                f"give its {{encoding}}, for example {likely_encoding(rest)}",
            ) from None
        except UnicodeError as error:  # of rare codecs
            raise InputError(f"{self._name} is not {self.codec}: {error}", "give its {encoding}") from None

    def _byte_order(self, chunks: Iterator[bytes]) -> tuple[str, Iterator[bytes]]:
        """Return the codec to use and the chunks, after a look at the byte order mark where one is needed."""
        if self.codec not in BYTE_ORDER_MARKS:
            return self.codec, chunks
        head = b""
        while len(head) < 4 and (data := next(chunks, b"")):
            head += data
        chunks = itertools.chain([head], chunks)
        if not head or head.startswith(BYTE_ORDER_MARKS[self.codec]):
            return self.codec, chunks
        if not self._lenient:
            raise InputError(
                f"{self._name} is not {self.codec}: it does not begin with a byte order mark",
                f"give the order of its bytes as {{encoding}}, {self.codec}-le or {self.codec}-be",
            )
        self.lacks_mark = True
        return f"{self.codec}-le", chunks

    def _count(self, error: UnicodeError) -> tuple[str, int]:
        """Count what cannot be decoded and go on after it: a handler of errors for Python's codecs."""
        assert isinstance(error, UnicodeDecodeError)
        if not self.faults:
            rest = error.object[error.start :]  # ends where reading has stopped
            self.first_fault = self.bytes - len(rest)
            self.likely = likely_encoding(rest)
        self.faults += error.end - error.start
        return "\ufffd", error.end

    def _tidied(self, pieces: Iterable[str]) -> Iterator[str]:
        """Drop a byte order mark and turn CRLF into LF, also where a piece ends between the two."""
        held = ""
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


def decode(data: bytes, name: str, encoding: str = "utf-8") -> tuple[str, list[str]]:
    """Return the text in `data` and notes on what was repaired, see `Decoder`.

    Raises:
        InputError: `encoding` is unknown, or `data` is binary or not in `encoding`; the message gives the byte offset.
    """
    decoder = Decoder(name, encoding)
    text = "".join(decoder.pieces([data]))
    return text, [f"{name}: {note}" for note in decoder.notes]


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
        raise InputError(
            f"{encoding!r}: unknown", "common ones are utf-8, latin-1, cp1252, utf-16", setting="encoding"
        ) from None


def likely_encoding(data: bytes) -> str:
    """Return the name of an encoding worth trying for bytes that are not in the one that was named.

    Args:
        data: from the first byte on that could not be decoded.
    """
    data = data[:SAMPLE]
    for encoding, marks in BYTE_ORDER_MARKS.items():
        if data.startswith(marks):
            return encoding
    with contextlib.suppress(UnicodeDecodeError):
        if not codecs.getincrementaldecoder("utf-8")().decode(data).isascii():  # the last character may be cut
            return "utf-8"
    return _detected(data[:DETECTED]) or ("cp1252" if any(0x80 <= byte <= 0x9F for byte in data) else "latin-1")


def _detected(data: bytes) -> str | None:
    """Return the encoding that charset-normalizer detects, or None where too little speaks for any.

    It tells the encodings of other scripts apart, but often takes one encoding of Latin letters for another.
    """
    from charset_normalizer import from_bytes

    beyond_ascii = [byte for byte in data if byte >= 0x80]
    if len(beyond_ascii) * 4 < len(data) or len(set(beyond_ascii)) < 8:
        return None
    for cut in range(4):  # the last character may be cut
        if best := from_bytes(data[: len(data) - cut]).best():
            return codecs.lookup(best.encoding).name
    return None
