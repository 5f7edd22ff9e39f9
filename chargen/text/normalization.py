"""The normalization of text: none, lower case, or only letters and single spaces."""

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from chargen.errors import InputError

NORMALIZATIONS = ("none", "lower", "letters")


def normalize(text: str, normalization: str) -> str:
    """Return `text` normalized: unchanged, in lower case, or reduced to lower-case letters and single spaces.

    Args:
        normalization: "none", "lower", or "letters" (every run of non-letters becomes one space: the preparation of
            The Time Machine in "Dive into Deep Learning", section 9.2, except that lines are joined by a space).

    Raises:
        InputError: `normalization` is none of the three.

    >>> normalize("The Time Machine, by\\nH. G. Wells [1898]", "letters")
    'the time machine by h g wells '
    """
    if normalization not in NORMALIZATIONS:
        raise InputError(f"{normalization!r}: must be one of {', '.join(NORMALIZATIONS)}", setting="normalization")
    if normalization == "none":
        return text
    text = text.lower()
    if normalization == "lower":
        return text
    if text.isascii():
        symbols = np.frombuffer(text.encode().translate(_ASCII_LETTERS), np.uint8)
        return _single_spaces(symbols).tobytes().decode("ascii")
    points = code_points(text)
    letters = _is_letter(0x10000 if points.max() < 0x10000 else 0x110000)
    return _single_spaces(np.where(letters[points], points, ord(" "))).tobytes().decode("utf-32-le", "surrogatepass")


def normalized(pieces: Iterable[str], normalization: str) -> Iterator[str]:
    """Yield a text, given in pieces, normalized as `chargen.text.vocabulary.normalize` does it at once.

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


def _lowered(pieces: Iterable[str]) -> Iterator[str]:
    """Yield a text in lower case. The lower case of a capital sigma depends on whether it ends a word.

    So a piece is cut at its last character on whose two sides that does not matter (Unicode, Final_Sigma).
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


def code_points(text: str) -> np.ndarray:
    """Return the code points of `text`: a uint32 array of shape (length,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


_ASCII_LETTERS = bytes(point if chr(point).isalpha() else ord(" ") for point in range(128)) + bytes(128)


@cache
def _is_letter(limit: int) -> np.ndarray:
    """Return which of the code points below `limit` are letters."""
    return np.array([chr(point).isalpha() for point in range(limit)])


def _single_spaces(symbols: np.ndarray) -> np.ndarray:
    """Return `symbols`, code points, without the spaces that follow another one."""
    space = symbols == ord(" ")
    kept = np.ones(len(symbols), dtype=bool)
    np.logical_not(space[1:] & space[:-1], out=kept[1:])
    return symbols[kept]
