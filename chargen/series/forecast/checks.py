"""Whether a forecaster can learn from the series that it is given."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np

from chargen.errors import InputError
from chargen.series.forecast.backtest import rows_held_out
from chargen.series.forecast.framing import Framing, choose_framing
from chargen.series.forecast.settings import ForecastSettings

FEWEST_WINDOWS = 8  # for training
LARGEST = 1e100  # the squares of larger values could overflow


class SeriesError(InputError):
    """A forecaster cannot learn from the series of this name."""

    def __init__(self, name: str, message: str, advice: str = ""):
        super().__init__(f"series {name!r}: {message}" if name else message, advice)
        self.name = name


def names_of(y) -> tuple[list[str], str]:
    """Return the names of the series, and the structure of `y`: "one", "list" or "dict"."""
    if isinstance(y, Mapping):
        return list(map(str, y)), "dict"
    several = isinstance(y, Sequence) and len(y) and all(np.ndim(each) == 1 for each in y)
    return ([str(number) for number in range(len(y))], "list") if several else ([""], "one")


def series_of(y, names: list[str]) -> list[np.ndarray]:
    """Return the series in the order of `names_of`, as arrays (points,).

    Raises:
        SeriesError: one of them is constant, or not an array of finite numbers.
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
    """Return whether all values are equal but for rounding."""
    return np.ptp(values) <= 8 * np.spacing(np.abs(values).max())


def validation_rows(length: int, framing: Framing) -> int:
    """Return how many rows at the end of the training rows are for early stopping."""
    return max(framing.horizon, min(max(2 * framing.horizon, round(0.15 * length)), length // 4))


def require_rows(name: str, rows: int, folds: int, framing: Framing) -> None:
    """Raise SeriesError unless a series of this name and number of rows is long enough.

    It is where the backtest, early stopping, and the smallest number of windows for training have their rows.
    """

    def enough(rows: int) -> bool:
        training = rows - rows_held_out(framing.horizon, folds)
        windows = training - validation_rows(training, framing) - framing.horizon - framing.lookback + 1
        return windows >= FEWEST_WINDOWS

    if enough(rows):
        return
    needed = bisect_left(range(100 * (rows_held_out(framing.horizon, folds) + framing.lookback)), True, key=enough)
    seasons = f", {framing.cycles} seasons of {framing.season}" if framing.season else ""
    raise SeriesError(
        name,
        f"{rows:,} rows are too few: a window of {framing.window}{seasons}, a horizon of {framing.horizon}"
        f" and {folds} folds need at least {needed:,}",
        "give more rows, or a smaller {horizon}, {window} or {folds}",
    )


def checked_framing(names: list[str], series: list[np.ndarray], settings: ForecastSettings) -> Framing:
    """Return the framing of series, chosen by the rows before those that the backtest holds out.

    Raises:
        SeriesError: a series is too short, constant before the rows held out, or has no logarithm where one is wanted.
    """
    folds, log = settings.folds_for(min(map(len, series))), settings.log
    least = Framing(settings.window or 4, settings.horizon, settings.seasons or ())
    for name, values in zip(names, series, strict=True):
        if values.size and values.min() <= 0:  # the rows held out included
            if log:
                raise SeriesError(name, f"the value {values.min():g} has no logarithm", "leave out {log}")
            log = False
        require_rows(name, len(values), folds, least)
    trainings = [values[: -rows_held_out(settings.horizon, folds)] for values in series]
    for name, training in zip(names, trainings, strict=True):
        if is_constant(training):
            raise SeriesError(name, "constant before the rows that the backtest holds out", "use fewer {folds}")
    framing = choose_framing(
        trainings, settings.horizon, settings.window, settings.seasons, log, settings.likely_seasons
    )
    for name, values in zip(names, series, strict=True):
        require_rows(name, len(values), folds, framing)
    return framing
