"""Where in a text one model predicts better than another."""

import math
from typing import NamedTuple

import numpy as np

from chargen.analysis.scoring import Piece


class Passage(NamedTuple):
    """A short passage: the place of its first character in the text, and the bits that one model saves on it."""

    start: int
    text: str
    bits: float


class Comparison:
    """The passages of a text on which each of two models predicts better than the other.

    Attributes:
        first: the passages on which the first model saves the most bits, best first.
        other: those of the second model.
    """

    def __init__(self, count: int = 5):
        """Prepare to keep `count` passages of each model."""
        self.first: list[Passage] = []
        self.other: list[Passage] = []
        self._count, self._read = count, 0

    def add(self, piece: Piece) -> None:
        """Add the next piece of the text; passages that cross from one piece into the next are not found."""
        first, other = (np.nan_to_num(prediction.losses) / math.log(2) for prediction in piece.predictions)
        self.first = self._best(self.first, other - first, piece.text)
        self.other = self._best(self.other, first - other, piece.text)
        self._read += len(piece.text)

    def _best(self, known: list[Passage], gains: np.ndarray, text: str) -> list[Passage]:
        found = best_passages(gains, text, self._count)
        moved = [passage._replace(start=passage.start + self._read) for passage in found]
        return sorted(known + moved, key=lambda passage: -passage.bits)[: self._count]


def best_passages(gains: np.ndarray, text: str, count: int, length: int = 40) -> list[Passage]:
    """Return the passages with the largest gains, largest first; no two of them overlap.

    Args:
        gains: the bits that a model saves on each character of `text`, (characters,).

    >>> best_passages(np.array([0, 3, 3, 0, 1, 0]), "abcdef", count=2, length=2)
    [Passage(start=1, text='bc', bits=6.0), Passage(start=3, text='de', bits=1.0)]
    """
    length = min(length, len(text))
    sums = np.convolve(gains.astype(np.float64), np.ones(length), "valid")  # (characters - length + 1,)
    passages = []
    for _ in range(count):
        start = int(sums.argmax())
        if sums[start] <= 0:
            break
        passages.append(Passage(start, text[start : start + length], float(sums[start])))
        sums[max(start - length + 1, 0) : start + length] = -np.inf
    return passages
