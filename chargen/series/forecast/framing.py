"""The windows that a forecasting network reads, without their seasons and relative to their level.

The seasonal part is not learned: it is the mean of the last few seasons before each forecast. It is subtracted from the
window and from the target, and the network learns the rest. An untrained network therefore forecasts the seasonal mean,
or the last value where there is no season.
"""

from dataclasses import dataclass, replace

import numpy as np

from chargen.series.forecast.metrics import naive_scale
from chargen.series.forecast.seasons import find_seasons

MOST_CYCLES = 4  # seasons in the seasonal mean
LONGEST_WINDOW = 64  # rows, unless the user asks for more
TRIED = 512  # windows of each series, to choose the level by
FEATURES = 2  # the inputs of the network for each row
CHUNK = 2**24  # values of history that are processed at once


@dataclass(frozen=True)
class Framing:
    """How windows are made of a series.

    Attributes:
        window: rows that the network reads.
        horizon: rows that it predicts at once.
        seasons: lengths in rows, the longest last; () for none.
        cycles: the number of the longest seasons in the seasonal mean.
        level: the number of rows at the end of a window whose mean is its level.
        log: whether logarithms are forecast, because the seasons grow with the level.
    """

    window: int
    horizon: int
    seasons: tuple[int, ...] = ()
    cycles: int = 1
    level: int = 1
    log: bool = False

    def __post_init__(self):
        rows = self.window, self.horizon, self.cycles, self.level, *self.seasons
        if (
            min(rows) < 1
            or self.level > max((self.window, *self.seasons))
            or list(self.seasons) != sorted(self.seasons)
        ):
            raise ValueError(f"{self} is no way to make windows")

    @property
    def season(self) -> int:
        """The longest season, or 0."""
        return max(self.seasons, default=0)

    @property
    def lookback(self) -> int:
        """The rows of history that one forecast needs."""
        return max(self.window, self.level, self.cycles * self.season)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return the logarithms of values, or the values."""
        return np.log(values) if self.log else np.asarray(values, float)

    def inverse_transform(self, values: np.ndarray) -> np.ndarray:
        """Undo `transform`."""
        return np.exp(values) if self.log else values


def common_seasons(series: list[np.ndarray], likely: tuple[int, ...]) -> tuple[int, ...]:
    """Return the seasons that are found in most of the first series, see `find_seasons`."""
    found = [find_seasons(values, likely) for values in series[:20]]
    return max(found, key=lambda each: (found.count(each), each))


def choose_framing(
    training: list[np.ndarray],
    horizon: int,
    window: int | None = None,
    seasons: tuple[int, ...] = (),
    log: bool | None = None,
) -> Framing:
    """Return the framing that suits series, chosen on their training rows; arguments that are not None are kept.

    Args:
        training: arrays (points,).
        seasons: as `common_seasons` finds them.
    """
    length = int(np.median([len(values) for values in training]))
    longest = max(seasons, default=0)
    cycles = min(max(length // (2 * longest), 1), MOST_CYCLES) if longest else 1
    if window is None:
        default = 2 * min(seasons) if seasons else 2 * horizon
        window = max(min(default, LONGEST_WINDOW, length // 4), 4)
    if log is None:
        log = bool(longest) and all(_grows_with_level(values, longest) for values in training)
    framing = Framing(window, horizon, tuple(sorted(seasons)), cycles, log=log)
    levels = [replace(framing, level=level) for level in sorted({1, *(seasons or [window])})]
    return min(levels, key=lambda each: _base_error(training, each))


def scale_of(training: np.ndarray, framing: Framing) -> float:
    """Return what a series is divided by for the network: the mean absolute error of the seasonal-naive forecast.

    Args:
        training: array (points,), as `Framing.transform` returns it, not constant.
    """
    scale = naive_scale(training, framing.season or framing.horizon)
    return scale if scale > 1e-9 * np.ptp(training) else naive_scale(training)  # only the season varies


def frame(histories: np.ndarray, framing: Framing) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs of the network after each history, and the base forecasts that its outputs are added to.

    Args:
        histories: array (N, rows), at least `framing.lookback` rows.

    Returns:
        The windows (N, window, 2): the values without their season and level, and the level minus the mean of the
        lookback rows; and the base forecasts (N, horizon): level and season.
    """
    season, rows = framing.season, max(framing.window, framing.level)
    recent = histories[:, -rows:]  # (N, rows)
    ahead = np.zeros((len(histories), framing.horizon))
    if season:
        seasonal = _seasonal_mean(histories[:, -framing.cycles * season :], framing)  # (N, season)
        recent = recent - seasonal[:, np.arange(-rows, 0) % season]
        ahead = seasonal[:, np.arange(framing.horizon) % season]  # (N, horizon)
    level = recent[:, -framing.level :].mean(1, keepdims=True)  # (N, 1)
    windows = recent[:, -framing.window :] - level  # (N, window)
    offset = level - histories[:, -framing.lookback :].mean(1, keepdims=True)  # (N, 1)
    windows = np.stack([windows, np.broadcast_to(offset, windows.shape)], axis=2)  # (N, window, FEATURES)
    return windows, ahead + np.repeat(level, framing.horizon, axis=1)


def training_pairs(values: np.ndarray, ends: np.ndarray, framing: Framing) -> tuple[np.ndarray, np.ndarray]:
    """Return windows and what to add to their base forecasts, float32 arrays (N, window, 2) and (N, horizon).

    Args:
        values: array (points,).
        ends: the index of each window's last value, int64 array (N,).
    """
    size = max(CHUNK // framing.lookback, 1)
    X = np.empty((len(ends), framing.window, FEATURES), np.float32)
    Y = np.empty((len(ends), framing.horizon), np.float32)
    for first in range(0, len(ends), size):
        rows = slice(first, first + size)
        X[rows], base = frame(windows_ending_at(values, ends[rows], framing.lookback), framing)
        with np.errstate(over="ignore"):  # training reports what float32 cannot hold
            Y[rows] = windows_ending_at(values, ends[rows] + framing.horizon, framing.horizon) - base
    return X, Y


def windows_ending_at(values: np.ndarray, ends: np.ndarray, length: int) -> np.ndarray:
    """Return the `length` values up to and including each end, (N, length)."""
    return np.lib.stride_tricks.sliding_window_view(values, length)[ends - length + 1]


def _base_error(training: list[np.ndarray], framing: Framing) -> float:
    """Return the mean absolute error of the base forecasts on some windows, in units of each series' scale."""
    errors = []
    for values in map(framing.transform, training):
        ends = np.arange(framing.lookback, len(values) - framing.horizon + 1) - 1
        if len(ends) and (scale := scale_of(values, framing)) > 0:
            values = values / scale
            _, rest = training_pairs(values, ends[:: -(-len(ends) // TRIED)], framing)
            errors.append(np.abs(rest).mean())
    return float(np.mean(errors)) if errors else 0.0


def _seasonal_mean(history: np.ndarray, framing: Framing) -> np.ndarray:
    """Return the mean season of each history, (N, cycles * season), as an array (N, season) of mean 0.

    A linear trend from the first season to the last is removed before.
    """
    count, season = framing.cycles, framing.season
    means = history.reshape(len(history), count, season).mean(2)  # (N, cycles)
    slope = (means[:, -1] - means[:, 0]) / max((count - 1) * season, 1)  # (N,)
    history = history - slope[:, None] * np.arange(history.shape[1])
    mean = history.reshape(len(history), count, season).mean(1)  # (N, season)
    return mean - mean.mean(1, keepdims=True)


def _grows_with_level(values: np.ndarray, season: int) -> bool:
    """Return whether the spread within seasons is more nearly proportional to the level than constant.

    Guerrero (1993), "Time-series analysis supported by power transformations", for the powers 1 and 0 (the logarithm).
    """
    if values.min() <= 0:
        return False
    cycles = values[len(values) % season :].reshape(-1, season)  # (cycles, season)
    spread, level = cycles.std(1), cycles.mean(1)

    def varies(spread):
        return spread.std() / max(spread.mean(), 1e-300)

    return len(cycles) > 2 and varies(spread / level) < 0.8 * varies(spread)
