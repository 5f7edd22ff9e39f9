"""Text as a stream of pieces: decoded, tidied and normalised as if it had been read as a whole, in bounded memory."""

import codecs
import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from chargen.corpus import likely_encoding, locate, text_codec
from chargen.errors import InputError
from chargen.vocabulary import normalize

CHUNK = 1 << 18  # bytes read in one go


def read_text(source: str | Path, encoding: str = "utf-8", chunk: int = CHUNK) -> Iterator[str]:
    """Yield the text of a file piece by piece, decoded and tidied as `chargen.corpus.decode` does.

    Args:
        source: "-" for standard input, or whatever else `chargen.corpus.locate` knows.
        chunk: how many bytes are read in one go.

    Raises:
        InputError: there is no such text, or it is binary or not in `encoding`.
        DownloadError: it could not be fetched.
    """
    name, path = ("stdin", None) if source == "-" else locate(source)
    codec, before = text_codec(encoding), 0
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if path is None else path.open("rb") as file:
            for piece in _tidied(filter(None, _decoded(file, name, codec, chunk))):
                if "\0" in piece:
                    raise InputError(
                        f"{name} looks binary, not text: NUL at character {before + piece.index(chr(0)):,};"
                        " give a plain text file, or name its encoding, for example --encoding utf-16"
                    )
                yield piece
                before += len(piece)
    except OSError as error:
        raise InputError(f"cannot read {path or name}: {error.strerror}") from None


def normalized(pieces: Iterable[str], normalization: str) -> Iterator[str]:
    """Yield a text normalised as `chargen.vocabulary.normalize` does it as a whole.

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


def _decoded(file: BinaryIO, name: str, codec: str, chunk: int) -> Iterator[str]:
    decoder, read = codecs.getincrementaldecoder(codec)(), 0
    try:
        while data := file.read(chunk):
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


def _tidied(pieces: Iterable[str]) -> Iterator[str]:
    """Drop a byte order mark and turn CRLF into LF, also where a piece ends between the two."""
    held = ""
    for number, piece in enumerate(pieces):
        held += piece if number else piece.removeprefix("\ufeff")
        whole = len(held) - held.endswith("\r")
        yield held[:whole].replace("\r\n", "\n")
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
