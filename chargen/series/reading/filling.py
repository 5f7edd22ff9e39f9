"""Values for missing rows and missing numbers, where the user asks for them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

FILLS = ("linear", "last")


class Filled(NamedTuple):
    """A series without holes.

    Attributes:
        values: array (points,).
        first, last: the rows with its first and its last value, counted from 0 in the rows as they were.
        filled: the number of values that were filled in.
        rows: the row of each value, or the last one before it that has a value, (points,).
    """

    values: np.ndarray
    first: int
    last: int
    filled: int
    rows: np.ndarray


def fill(values: np.ndarray, holes: Mapping[int, int], method: str) -> Filled | None:
    """Fill the holes between the first and the last value of a series; None if it has no values.

    >>> fill(np.array([np.nan, 1.0, np.nan, 4.0, np.nan]), {3: 1}, "linear")
    Filled(values=array([1., 2., 3., 4.]), first=1, last=3, filled=2, rows=array([1, 1, 1, 3]))

    Args:
        values: array (rows,), NaN where one is missing.
        holes: the number of rows that are missing before a row, by its index.
        method: "linear" draws a line to the next value, "last" repeats the one before.
    """
    known = np.flatnonzero(np.isfinite(values))  # (known,)
    if not len(known):
        return None
    missing = np.zeros(len(values), int)  # (rows,)
    missing[list(holes)] = list(holes.values())
    places = (np.arange(len(values)) + missing.cumsum())[known]  # (known,)
    wanted = np.arange(places[0], places[-1] + 1)  # (points,)
    rows = known[np.searchsorted(places, wanted, side="right") - 1]  # (points,)
    filled = np.interp(wanted, places, values[known]) if method == "linear" else values[rows]
    return Filled(filled, int(known[0]), int(known[-1]), len(wanted) - len(known), rows)
