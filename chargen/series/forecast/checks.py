"""Whether a forecaster can learn from the series that it is given."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from chargen.errors import InputError

LARGEST = 1e100  # the squares of larger values could overflow
SHAPES = ("one", "list", "dict")  # in which series are given


class SeriesError(InputError):
    """A forecaster cannot learn from the series of this name; `place` is the index of the value to blame, or None."""

    def __init__(self, name: str, message: str, advice: str = "", place: int | None = None):
        super().__init__(f"series {name!r}: {message}" if name else message, advice)
        self.name, self.place = name, place


def names_of(y) -> tuple[list[str], str]:
    """Return the names of the series, and the structure of `y`, one of `SHAPES`.

    Raises:
        InputError: two series have the same name.
    """
    if isinstance(y, Mapping):
        names = list(map(str, y))
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise InputError(f"two series are named {twice[0]!r}", "give each another name")
        return names, "dict"
    several = isinstance(y, Sequence) and len(y) and all(np.ndim(each) == 1 for each in y)
    return ([str(number) for number in range(len(y))], "list") if several else ([""], "one")


def series_of(y, names: list[str]) -> list[np.ndarray]:
    """Return the series in the order of `names_of`, as arrays (points,).

    Raises:
        SeriesError: one of them is empty, or not an array of finite numbers.
    """
    parts = list(y.values()) if isinstance(y, Mapping) else y if names != [""] else [y]
    if not parts:
        raise InputError("no series given", "give at least one")
    return [_numbers(part, name) for part, name in zip(parts, names, strict=True)]


def _numbers(values, name: str) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise SeriesError(name, f"not all values are numbers ({error})", "remove what is not a number") from None
    if array.ndim != 1:
        advice = "give an array of shape (points,), or a dict or a list of such arrays"
        raise SeriesError(name, f"an array of shape {array.shape} is not a series", advice)
    if not (np.abs(array) <= LARGEST).all():
        place = int(np.flatnonzero(~(np.abs(array) <= LARGEST))[0])
        what = "too large" if np.isfinite(array[place]) else "not a finite number"
        message = f"value {place + 1} is {array[place]:g}, {what}"
        raise SeriesError(name, message, "correct it, or leave out its row", place)
    if not len(array):
        raise SeriesError(name, "no values", "leave this series out")
    return array


def is_constant(values: np.ndarray) -> bool:
    """Return whether all values are equal but for rounding."""
    return np.ptp(values) <= 8 * np.spacing(np.abs(values).max())
