"""Characters to ids and back, the normalisation of text, and the policy for unknown characters."""

import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from chargen.errors import InputError, UnknownCharacterError

NORMALIZATIONS = ("none", "lower", "letters")
UNKNOWN_POLICIES = ("error", "skip", "replace")


def normalize(text: str, normalization: str) -> str:
    """Return `text` normalised: unchanged, in lower case, or reduced to lower-case letters and single spaces.

    Args:
        normalization: "none", "lower", or "letters" (every run of non-letters becomes one space: the preparation of
            The Time Machine in "Dive into Deep Learning", section 9.2, except that lines are joined by a space).

    Raises:
        InputError: `normalization` is none of the three.

    >>> normalize("The Time Machine, by\\nH. G. Wells [1898]", "letters")
    'the time machine by h g wells '
    """
    if normalization not in NORMALIZATIONS:
        raise InputError(f"unknown normalization {normalization!r}; choose one of {', '.join(NORMALIZATIONS)}")
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


@dataclass(frozen=True)
class Vocabulary:
    """The distinct characters (Unicode code points) that a model knows, in sorted order; a character's id is its rank.

    The normalisation belongs to the vocabulary, so that whatever is encoded, a corpus or a prefix typed a year later,
    is prepared the same way.

    >>> vocabulary = Vocabulary.from_text("hello")
    >>> vocabulary.characters
    'ehlo'
    >>> vocabulary.encode("hole").tolist()
    [1, 3, 2, 0]
    >>> vocabulary.decode([1, 0, 2, 2, 3])
    'hello'
    """

    characters: str
    normalization: str = "none"

    @classmethod
    def from_text(cls, text: str, normalization: str = "none") -> "Vocabulary":
        """Return the vocabulary of `text` after normalisation."""
        distinct = np.unique(code_points(normalize(text, normalization)))
        return cls("".join(map(chr, distinct)), normalization)

    def __post_init__(self):
        if not isinstance(self.characters, str) or list(self.characters) != sorted(set(self.characters)):
            raise InputError("a vocabulary needs distinct characters in sorted order; build one with from_text")
        normalize("", self.normalization)

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str, unknown: str = "error") -> np.ndarray:
        """Return the ids of `text`, normalised first: an int64 array of shape (length,).

        Args:
            unknown: what to do with a character that the vocabulary lacks: "error" raises, "skip" leaves it out,
                "replace" takes the nearest character that the vocabulary has (see `nearest`).

        Raises:
            UnknownCharacterError: `text` holds unknown characters and `unknown` is "error"; the message names them.
            InputError: `unknown` is none of the three.
        """
        if unknown not in UNKNOWN_POLICIES:
            raise InputError(f"unknown policy {unknown!r}; choose one of {', '.join(UNKNOWN_POLICIES)}")
        points = code_points(normalize(text, self.normalization))
        ids = self._ids_by_code_point[np.minimum(points, len(self._ids_by_code_point) - 1)]
        missing = ids < 0
        if not missing.any():
            return ids
        if unknown == "error":
            raise UnknownCharacterError(self._describe(points[missing]))
        if unknown == "skip":
            return ids[~missing]
        strangers, places = np.unique(points[missing], return_inverse=True)
        nearest = [self.characters.index(self.nearest(chr(point))) for point in strangers]
        ids[missing] = np.array(nearest)[places]
        return ids

    def decode(self, ids) -> str:
        """Return the text of a sequence of ids (any integer array-like of shape (length,))."""
        return "".join(map(self.characters.__getitem__, np.asarray(ids, dtype=np.int64).tolist()))

    def nearest(self, character: str) -> str:
        """Return the known character nearest to an unknown one.

        That is its other case, its base letter without accents, a space, or, where the vocabulary has none of these,
        its first character.
        """
        base = unicodedata.normalize("NFKD", character)[0]
        candidates = (character.swapcase(), base, base.swapcase(), " ")
        return next((known for known in candidates if len(known) == 1 and known in self.characters), self.characters[0])

    @cached_property
    def _ids_by_code_point(self) -> np.ndarray:
        """A table from code point to id, with -1 for unknown; its last entry, always -1, stands for all beyond it."""
        points = code_points(self.characters)
        table = np.full(int(points.max(initial=0)) + 2, -1, dtype=np.int64)
        table[points] = np.arange(len(points))
        return table

    def _describe(self, points: np.ndarray) -> str:
        distinct = [chr(point) for point in np.unique(points)]
        shown = " ".join(f"{character!r}" for character in distinct[:10])
        more = f" and {len(distinct) - 10} more" if len(distinct) > 10 else ""
        hint = f" (it was trained on --normalize {self.normalization})" if self.normalization != "none" else ""
        return (
            f"the text has characters that the model has never seen: {shown}{more}{hint};"
            " leave them out with --unknown skip, or take the nearest known ones with --unknown replace"
        )


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
