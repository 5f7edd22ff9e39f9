"""Series as a person gives them: what they are, and whether a forecaster can learn from them; no torch."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np

from chargen.errors import InputError
from chargen.series.forecast.backtest import rows_held_out
from chargen.series.forecast.framing import Framing

FEWEST_WINDOWS = 8  # to learn from
LARGEST = 1e100  # squares of larger values would not be numbers


class SeriesError(InputError):
    """A forecaster cannot learn from the series of this name."""

    def __init__(self, name: str, message: str, advice: str = ""):
        super().__init__(f"series {name!r}: {message}" if name else message, advice)
        self.name = name


def names_of(y) -> tuple[list[str], str]:
    """Return the names of the series, and in which structure they came: "one", "list" or "dict"."""
    if isinstance(y, Mapping):
        return list(map(str, y)), "dict"
    several = isinstance(y, Sequence) and len(y) and all(np.ndim(each) == 1 for each in y)
    return ([str(number) for number in range(len(y))], "list") if several else ([""], "one")


def series_of(y, names: list[str]) -> list[np.ndarray]:
    """Return the series that `names_of` has named, arrays (points,) of numbers that are not all the same.

    Raises:
        SeriesError: one of them is something else.
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
        raise SeriesError(name, f"value {place + 1} is {array[place]:g}, {what}", "correct it, or leave out its row")
    if len(array) and is_constant(array):
        raise SeriesError(name, f"all {len(array):,} values are {array[0]:g}", "leave this series out")
    return array


def is_constant(values: np.ndarray) -> bool:
    """Return whether nothing varies, beyond what rounding does."""
    return np.ptp(values) <= 1e-12 * np.abs(values).max()


def validation_rows(length: int, framing: Framing) -> int:
    """Return how many rows at the end of the training part tell when to stop."""
    return max(framing.horizon, min(max(2 * framing.horizon, round(0.15 * length)), length // 4))


def _enough(rows: int, folds: int, framing: Framing) -> bool:
    training = rows - rows_held_out(framing.horizon, folds)
    windows = training - validation_rows(training, framing) - framing.horizon - framing.reach + 1
    return windows >= FEWEST_WINDOWS


def require_rows(name: str, rows: int, folds: int, framing: Framing) -> None:
    """Raise SeriesError unless so many rows suffice for a backtest, for knowing when to stop, and for some windows.

    Args:
        name: of the series.
        rows: it has.
    """

    def enough(rows):
        return _enough(rows, folds, framing)

    if enough(rows):
        return
    needed = bisect_left(range(100 * (rows_held_out(framing.horizon, folds) + framing.reach)), True, key=enough)
    seasons = f", {framing.cycles} seasons of {framing.season}" if framing.season else ""
    raise SeriesError(
        name,
        f"{rows:,} rows are too few: a window of {framing.window}{seasons}, a horizon of {framing.horizon}"
        f" and {folds} folds need at least {needed:,}",
        "give more rows, or a smaller {horizon}, {window} or {folds}",
    )
