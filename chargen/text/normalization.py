"""The normalization of text: one Unicode form for all, and on request tidy prose, lower case, or letters and spaces."""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from chargen.errors import InputError
from chargen.text import prose

NORMALIZATIONS = ("none", "prose", "lower", "letters")
MOST_MARKS = 500  # in a row; what is written on purpose to look odd has some fifty
JOINERS = "\u200c\u200d"  # which say inside a word whether letters join


def normalize(text: str, normalization: str) -> str:
    """Return `text` normalized: as it is, as tidy prose, in lower case, or as lower-case letters and single spaces.

    The result is always in the Unicode form NFC, so that texts which look alike are alike.

    Args:
        normalization: "none", "prose" (see `chargen.text.prose.as_prose`), "lower", or "letters": every run of
            non-letters becomes one space, the preparation of The Time Machine in "Dive into Deep Learning", section
            9.2, except that lines are joined by a space. The marks and joiners that follow a letter belong to it.

    Raises:
        InputError: `normalization` is none of these, or the text has endless marks.

    >>> normalize("The Time Machine, by\\nH. G. Wells [1898]", "letters")
    'the time machine by h g wells '
    """
    if normalization not in NORMALIZATIONS:
        raise InputError(f"{normalization!r}: must be one of {', '.join(NORMALIZATIONS)}", setting="normalization")
    if has_endless_marks(text):
        raise InputError(f"{MOST_MARKS} marks in a row follow one letter", "give a text, or remove them")
    text = unicodedata.normalize("NFC", text)
    if normalization in ("none", "prose"):
        return text if normalization == "none" else prose.as_prose(text)
    text = text.lower()
    if normalization == "lower":
        return text
    if text.isascii():
        symbols = np.frombuffer(text.encode().translate(_ASCII_LETTERS), np.uint8)
        return _single_spaces(symbols).tobytes().decode("ascii")
    points = code_points(text)
    letters, marks = (table[points] for table in _letters_and_marks(0x10000 if points.max() < 0x10000 else 0x110000))
    bases = np.maximum.accumulate(np.where(marks, 0, np.arange(len(points))))  # what each mark follows
    kept = letters | (marks & letters[bases])
    return _single_spaces(np.where(kept, points, ord(" "))).tobytes().decode("utf-32-le", "surrogatepass")


def normalized(pieces: Iterable[str], normalization: str) -> Iterator[str]:
    """Yield a text, given in pieces, normalized as `chargen.text.vocabulary.normalize` does it at once.

    >>> "".join(normalized(["The ", "  Time", " Mach", "ine"], "letters"))
    'the time machine'
    """
    after_space = False
    for piece in _normalized_alone(pieces, normalization):
        if normalization == "letters" and piece:
            piece, after_space = piece.removeprefix(" ") if after_space else piece, piece.endswith(" ")
        yield piece


def _normalized_alone(pieces: Iterable[str], normalization: str) -> Iterator[str]:
    """Yield a text whose pieces are normalized each for itself."""
    for piece, follower in separable(pieces, normalization == "prose"):
        last = normalize(follower, normalization)
        yield normalize(piece + follower, normalization).removesuffix(last)


def separable(pieces: Iterable[str], as_prose: bool = False) -> Iterator[tuple[str, str]]:
    """Yield a text in pieces that can be normalized apart, also as prose, each with the character that follows it.

    The lower case of a capital sigma may depend on that character.
    """
    held = ""
    for piece in filter(None, pieces):
        if held and _stands_alone(piece[0]) and (not as_prose or prose.apart(held[-1], piece[0])):
            yield held, piece[0]
            held = ""
        held += piece
    yield held, ""


def _stands_alone(character: str) -> bool:
    """Whether a text can be cut before `character`.

    It must not be part of the letter before it, as marks and the later parts of Korean syllables are, and no sigma's
    lower case may depend on what lies beyond it, nor its own on its neighbours (Unicode, Final_Sigma).
    """
    if _is_mark(character) or "\u1160" <= character <= "\u11ff" or character in "Σ\U00016d67":
        return False
    return ("A" + character + "Σ").lower()[-1] == (" " + character + "Σ").lower()[-1]


def has_endless_marks(text: str) -> bool:
    """Return whether a text has more marks in a row than any that was written, up to twice MOST_MARKS.

    Unicode puts them in order, which takes time in the square of their number, and a text cannot be cut among them.
    """
    if text.isascii():
        return False
    starts = range(0, len(text) - MOST_MARKS + 1, MOST_MARKS)
    return any(all(map(_is_mark, text[start : start + MOST_MARKS])) for start in starts)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


def code_points(text: str) -> np.ndarray:
    """Return the code points of `text`: a uint32 array of shape (length,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


_ASCII_LETTERS = bytes(point if chr(point).isalpha() else ord(" ") for point in range(128)) + bytes(128)


@cache
def _letters_and_marks(limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the code points below `limit` are letters, and which belong to the letter before them."""
    letters = np.array([chr(point).isalpha() for point in range(limit)])
    marks = np.array([unicodedata.category(chr(point))[0] == "M" for point in range(limit)])
    marks[list(map(ord, JOINERS))] = True
    return letters, marks


def _single_spaces(symbols: np.ndarray) -> np.ndarray:
    """Return `symbols`, code points, without the spaces that follow another one."""
    space = symbols == ord(" ")
    kept = np.ones(len(symbols), dtype=bool)
    np.logical_not(space[1:] & space[:-1], out=kept[1:])
    return symbols[kept]
