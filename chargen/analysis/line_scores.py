"""How well models predict each line of a text that comes in pieces."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from chargen.analysis.scoring import Piece


class LineScore(NamedTuple):
    """A line without its end, and the mean bits per character of each model on it; NaN where nothing is predicted."""

    text: str
    bits: list[float]


class LineScores:
    """Puts the characters of pieces together to lines."""

    def __init__(self, models: int):
        self._text, self._losses = "", np.empty((models, 0))  # (models, characters)

    def add(self, piece: Piece) -> Iterator[LineScore]:
        """Yield the lines that end in a piece."""
        self._text += piece.text
        losses = np.array([predictions.losses for predictions in piece.predictions])  # (models, characters)
        self._losses = np.concatenate([self._losses, losses], axis=1)
        *lines, self._text = self._text.split("\n")
        begin = 0
        for line in lines:
            yield LineScore(line, _bits(self._losses[:, begin : begin + len(line)]))
            begin += len(line) + 1
        self._losses = self._losses[:, begin:]

    def rest(self) -> Iterator[LineScore]:
        """Yield the last line, if it has no end."""
        if self._text:
            yield LineScore(self._text, _bits(self._losses))


def _bits(losses: np.ndarray) -> list[float]:
    known = [own[~np.isnan(own)] for own in losses]
    return [float(own.mean() / np.log(2)) if len(own) else float("nan") for own in known]
