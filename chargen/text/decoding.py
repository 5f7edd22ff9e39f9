"""The one reader of bytes: decodes a document piece by piece, and refuses or counts what cannot be decoded."""

import codecs
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from chargen.errors import InputError
from chargen.text.detection import BYTE_ORDER_MARKS, SAMPLE, encoding_advice, kind_of, likely_encoding
from chargen.text.normalization import MOST_MARKS, has_endless_marks, separable

HEAD = 512  # bytes by which a file is known that is no plain text
LINE_ENDS = {"CRLF": "\r\n", "CR": "\r", "NEL": "\x85", "U+2028": "\u2028", "U+2029": "\u2029"}  # in this order
WITH_HALVES = ("utf-7", "unicode_escape", "raw_unicode_escape")  # codecs that decode lone surrogates
OTHER_ENCODING = "give its {encoding}"
COUNTING = "chargen.text.decoding"  # the name under which Python's codecs know the handler of errors


class Decoder:
    """Decodes the bytes of one document, drops a byte order mark, and turns every kind of line end into LF.

    A strict decoder refuses bytes that are not in the encoding, and NUL. A lenient one puts U+FFFD in place of what it
    cannot decode and counts it; only one lenient decoder can be at work at a time.

    Attributes:
        codec: the canonical name of the encoding.
        bytes: the number of bytes read so far.
        marked: whether a byte order mark was dropped.
        line_ends: the numbers of line ends that were turned into LF, by what `LINE_ENDS` calls them.
        apart: the number of marks that follow their letters and that the Unicode form NFC puts into one character.
        composed: the number of marks that a lenient decoder found in one character with their letters.
        lacks_mark: whether a mark is missing that the encoding needs; the order of the bytes is then little-endian.
        faults: the number of bytes that could not be decoded.
        first_fault: the offset of the first of them.
        advice: what to do about them; "" if there are none.
    """

    def __init__(self, name: str, encoding: str = "utf-8", lenient: bool = False):
        """Prepare to decode a document that messages call `name`.

        Raises:
            InputError: Python knows no such text encoding.
        """
        self.codec = text_codec(encoding)
        self.bytes = self.apart = self.composed = self.faults = self.first_fault = 0
        self.line_ends = Counter[str]()
        self.marked = self.lacks_mark = False
        self.advice = ""
        self._head = b""
        self._name, self._lenient = name, lenient

    @property
    def notes(self) -> list[str]:
        """What was repaired, one sentence each."""
        notes = ["dropped a byte order mark"] if self.marked else []
        if self.line_ends:
            kinds = " and ".join(f"{self.line_ends[kind]:,} {kind}" for kind in LINE_ENDS if self.line_ends[kind])
            notes.append(f"turned {kinds} line ends into LF")
        if self.apart:
            mixed = f"; {self.composed:,} were so already: the text mixes two Unicode forms" if self.composed else ""
            notes.append(f"put {self.apart:,} marks together with their letters (Unicode NFC){mixed}")
        return notes

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """Yield the text of a document whose bytes come in chunks of any length.

        Raises:
            InputError: the file is of a kind that is no plain text, such as a PDF; or the decoder is strict, and the
                bytes are binary or not in the encoding.
        """
        before = 0
        for piece, _ in separable(self._without_endless_marks(self._tidied(filter(None, self._decoded(iter(chunks)))))):
            endless = len(piece) > HEAD and not piece.strip("\0")  # such as /dev/zero
            if "\0" in piece and (endless or not self._lenient):
                likely = likely_encoding(self._head, self.codec)
                raise InputError(
                    f"{self._name} looks binary, not text: NUL at character {before + piece.index(chr(0)):,}",
                    "give a plain text file" + (f", or its {{encoding}}, which may be {likely}" if likely else ""),
                )
            before += len(piece)
            if not unicodedata.is_normalized("NFC", piece):
                self.apart += max(len(piece) - len(unicodedata.normalize("NFC", piece)), 0)
            if self._lenient and not unicodedata.is_normalized("NFD", piece):
                self.composed += len(unicodedata.normalize("NFD", piece)) - len(piece)
            if piece:
                yield piece

    def _without_endless_marks(self, pieces: Iterable[str]) -> Iterator[str]:
        for piece in pieces:
            if has_endless_marks(piece):
                raise InputError(f"{self._name} is no text: {MOST_MARKS} marks in a row follow one letter")
            yield piece

    def _decoded(self, chunks: Iterator[bytes]) -> Iterator[str]:
        while len(self._head) < HEAD and (data := next(chunks, b"")):
            self._head += data
        if kind := kind_of(self._head):
            raise InputError(f"{self._name} is {kind[0]}, not plain text", kind[1])
        codec, chunks = self._byte_order(), itertools.chain(filter(None, [self._head]), chunks)
        if self._lenient:
            codecs.register_error(COUNTING, self._count)
        decoder = codecs.getincrementaldecoder(codec)(COUNTING if self._lenient else "strict")
        try:
            for data in chunks:
                self.bytes += len(data)
                yield self._characters(decoder.decode(data))
            yield self._characters(decoder.decode(b"", final=True))
        except UnicodeDecodeError as error:
            offset = self.bytes - len(error.object) + error.start  # error.object ends where reading has stopped
            around = self._around(error)
            while len(around) < SAMPLE and (data := next(chunks, b"")):
                around += data
            raise InputError(
                f"{self._name} is not {self.codec}: byte 0x{error.object[error.start]:02x} at offset {offset:,}",
                encoding_advice(around, self.codec),
            ) from None
        except UnicodeError as error:  # of rare codecs
            raise InputError(f"{self._name} is not {self.codec}: {error}", OTHER_ENCODING) from None

    def _characters(self, text: str) -> str:
        """Return a text without the halves of characters that some codecs let through."""
        if self.codec not in WITH_HALVES or not (halves := len(re.findall("[\ud800-\udfff]", text))):
            return text
        if not self._lenient:
            raise InputError(f"{self._name} is not {self.codec}: it has half a character (a surrogate)", OTHER_ENCODING)
        self.first_fault, self.advice = self.first_fault or self.bytes - len(text), OTHER_ENCODING
        self.faults += halves
        return re.sub("[\ud800-\udfff]", "\ufffd", text)

    def _byte_order(self) -> str:
        """Return the codec to use, after a look at the byte order mark where one is needed."""
        marks = BYTE_ORDER_MARKS.get(self.codec)
        if marks is None or not self._head or self._head.startswith(marks):
            return self.codec
        if not self._lenient:
            raise InputError(
                f"{self._name} is not {self.codec}: it does not begin with a byte order mark",
                f"give the order of its bytes as {{encoding}}, {self.codec}-le or {self.codec}-be",
            )
        self.lacks_mark = True
        return f"{self.codec}-le"

    def _count(self, error: UnicodeError) -> tuple[str, int]:
        """Count what cannot be decoded and go on after it: a handler of errors for Python's codecs."""
        assert isinstance(error, UnicodeDecodeError)
        if not self.faults:
            self.first_fault = self.bytes - len(error.object) + error.start
            self.advice = encoding_advice(self._around(error), self.codec)
        self.faults += error.end - error.start
        return "\ufffd", error.end

    def _around(self, error: UnicodeDecodeError) -> bytes:
        """Return the bytes before and after a fault."""
        data = error.object[max(error.start - SAMPLE // 2, 0) :]
        return self._head.removesuffix(data) + data if len(data) <= 4 else data  # a cut character stands alone

    def _tidied(self, pieces: Iterable[str]) -> Iterator[str]:
        """Drop a byte order mark and turn line ends into LF, also where a piece ends between CR and LF."""
        held = ""
        for number, piece in enumerate(pieces):
            if number == 0 and piece[0] == "\ufeff":
                self.marked, piece = True, piece[1:]
            held += piece
            whole = len(held) - held.endswith("\r")
            yield self._with_line_feeds(held[:whole])
            held = held[whole:]
        yield self._with_line_feeds(held)

    def _with_line_feeds(self, text: str) -> str:
        """Return a text with LF in place of other line ends, and count them."""
        if text.isascii() and "\r" not in text:
            return text
        for kind, end in LINE_ENDS.items():
            in_wrong_encoding = end == "\x85" and self.codec.startswith("iso8859")  # Windows' ellipsis
            if not in_wrong_encoding and (found := text.count(end)):
                self.line_ends[kind] += found
                text = text.replace(end, "\n")
        return text


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
        (b"\0" * 4).decode(encoding, COUNTING)  # a ValueError for one that is made for names of hosts, such as "idna"
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):  # also a ValueError for a name that no codec can have
        raise InputError(
            f"{encoding!r}: unknown", "common ones are utf-8, latin-1, cp1252, utf-16", setting="encoding"
        ) from None
