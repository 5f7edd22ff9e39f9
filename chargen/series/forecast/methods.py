"""The methods that a forecast is made with, in one table, with one signature."""

from collections.abc import Callable

import numpy as np

from chargen.series.forecast.autoregression import autoregression
from chargen.series.forecast.smoothing import smoothing, theta

NETWORK, NAIVE, SEASONAL, MEAN = "network", "naive", "seasonal naive", "mean"
Method = Callable[[np.ndarray, int, int], np.ndarray]  # histories (N, rows), season, horizon -> (N, horizon)
FEWEST_ROWS = 6  # for anything but repeating the last value
RARE = 1.32  # rows from one demand to the next on average, from which on counts are intermittent


def naive(histories: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Return the last value of each series, repeated, (N, horizon)."""
    return np.repeat(histories[:, -1:], horizon, axis=1)


def seasonal_naive(histories: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Return the last season of each series, repeated, (N, horizon); NaN where there is not a whole one."""
    if not 1 < season <= histories.shape[1]:
        return np.full((len(histories), horizon), np.nan)
    return histories[:, -season:][:, np.arange(horizon) % season]


def mean(histories: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Return the mean of each series, repeated, (N, horizon)."""
    return np.repeat(np.nanmean(histories, axis=1, keepdims=True), horizon, axis=1)


METHODS: dict[str, Method] = {
    "smoothing": smoothing,
    "theta": theta,
    "autoregression": autoregression,
    SEASONAL: seasonal_naive,
    NAIVE: naive,
    MEAN: mean,
}


def forecast_with(method: Method, histories: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Return the forecasts of a method, (N, horizon), computed at a scale of 1; NaN where it has none.

    Args:
        histories: array (N, rows); a shorter series begins with NaN.
    """
    scale = np.nanmax(np.abs(histories), axis=1, keepdims=True)  # (N, 1)
    scale = np.where(scale > 0, scale, 1.0)
    with np.errstate(all="ignore"):
        points = method(histories / scale, season, horizon) * scale
    return np.where(np.isfinite(points).all(1, keepdims=True), points, np.nan)


def aligned(series: list[np.ndarray]) -> np.ndarray:
    """Return series as one array (N, rows), with NaN before those that are shorter."""
    histories = np.full((len(series), max(map(len, series))), np.nan)
    for row, values in zip(histories, series, strict=True):
        row[len(row) - len(values) :] = values
    return histories


def is_intermittent(values: np.ndarray) -> bool:
    """Return whether values are counts of which many are 0.

    Syntetos, Boylan and Croston (2005), "On the categorization of demand patterns".
    """
    demands = np.count_nonzero(values)
    return bool(demands and values.min() == 0 and len(values) / demands > RARE and (values == np.round(values)).all())
