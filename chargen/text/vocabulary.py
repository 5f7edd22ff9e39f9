"""`Vocabulary`: characters to ids and back, and the policy for unknown characters."""

import unicodedata
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chargen.errors import InputError, UnknownCharacterError
from chargen.text import alike
from chargen.text.normalization import code_points, normalize

UNKNOWN_POLICIES = ("error", "skip", "replace")


@dataclass(frozen=True)
class Vocabulary:
    """The distinct characters (Unicode code points) that a model knows, in sorted order; a character's id is its rank.

    The normalization belongs to the vocabulary, so that a corpus and a prefix are prepared in the same way.

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
        """Return the vocabulary of `text` after normalization."""
        distinct = np.unique(code_points(normalize(text, normalization)))
        return cls("".join(map(chr, distinct)), normalization)

    def __post_init__(self):
        if not isinstance(self.characters, str) or list(self.characters) != sorted(set(self.characters)):
            raise InputError("a vocabulary needs distinct characters in sorted order", "build one with from_text")
        normalize("", self.normalization)

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str, unknown: str = "error") -> np.ndarray:
        """Return the ids of `text`, normalized first: an int64 array of shape (length,).

        Args:
            unknown: what to do with a character that the vocabulary lacks: "error" raises, "skip" leaves it out,
                "replace" takes the nearest that the vocabulary has (see `chargen.text.alike.nearest`).

        Raises:
            UnknownCharacterError: `text` holds unknown characters and `unknown` is "error"; the message names them.
            InputError: `unknown` is none of the three.
        """
        if unknown not in UNKNOWN_POLICIES:
            raise InputError(f"{unknown!r}: must be one of {', '.join(UNKNOWN_POLICIES)}", setting="unknown")
        text = self.prepare(text)
        if unknown == "replace":
            text = text.translate({ord(stranger): near for stranger, near in self.substitutes(text).items()})
        points, ids = self._look_up(text)
        if (ids >= 0).all():
            return ids
        if unknown == "error":
            raise self._unknown_characters(points[ids < 0])
        return ids[ids >= 0]

    def prepare(self, text: str) -> str:
        """Return `text` normalized, in the Unicode form of which the vocabulary knows more characters."""
        text = normalize(text, self.normalization)
        if (self._look_up(text)[1] >= 0).all():
            return text
        forms = text, unicodedata.normalize("NFD", text)  # a model may know a letter and its mark, but not both as one
        return min(forms, key=lambda form: (self._look_up(form)[1] < 0).sum())

    def substitutes(self, text: str) -> dict[str, str]:
        """Return what "replace" puts in the place of each unknown character of a prepared text, in their order."""
        known = set(self.characters)
        return {stranger: alike.nearest(stranger, known) for stranger in dict.fromkeys(text) if stranger not in known}

    def decode(self, ids) -> str:
        """Return the text of a sequence of ids (any integer array-like of shape (length,))."""
        return "".join(map(self.characters.__getitem__, np.asarray(ids, dtype=np.int64).tolist()))

    def _look_up(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the code points of `text` and their ids, -1 for unknown."""
        points = code_points(text)
        return points, self._ids_by_code_point[np.minimum(points, len(self._ids_by_code_point) - 1)]

    @cached_property
    def _ids_by_code_point(self) -> np.ndarray:
        """A table from code point to id, with -1 for unknown; its last entry, always -1, is for larger code points."""
        points = code_points(self.characters)
        table = np.full(int(points.max(initial=0)) + 2, -1, dtype=np.int64)
        table[points] = np.arange(len(points))
        return table

    def _unknown_characters(self, points: np.ndarray) -> UnknownCharacterError:
        distinct = [chr(point) for point in np.unique(points)]
        shown = " ".join(f"{character!r}" for character in distinct[:10])
        more = f" and {len(distinct) - 10} more" if len(distinct) > 10 else ""
        normalized = self.normalization != "none"
        hint = f" (normalization {self.normalization} was applied to its training text)" if normalized else ""
        return UnknownCharacterError(
            f"the text has characters that the model has never seen: {shown}{more}{hint}",
            "set {unknown} to skip to leave them out, or to replace to take the nearest known ones",
        )
