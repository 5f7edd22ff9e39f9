"""Errors of forecasts."""

import numpy as np


def mae(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Return the mean absolute error, in the unit of the values."""
    return float(np.mean(np.abs(np.subtract(actual, forecast))))


def smape(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Return the symmetric mean absolute percentage error, from 0 to 200, as in the M3 competition.

    It is the mean of 200 |a - f| / (|a| + |f|), where 0 / 0 counts as 0 (Makridakis and Hibon 2000, "The
    M3-Competition").

    >>> smape([100, 0, 5], [300, 0, -1])
    100.0
    """
    error, size = np.abs(np.subtract(actual, forecast)), np.abs(actual) + np.abs(forecast)
    return float(np.mean(200 * np.divide(error, size, out=np.zeros_like(error, dtype=float), where=size > 0)))


def naive_scale(training: np.ndarray, season: int = 1) -> float:
    """Return what MASE divides by: the mean absolute error of the seasonal-naive forecast in training.

    Hyndman and Koehler (2006), "Another look at measures of forecast accuracy".

    Args:
        training: array (points,).
        season: in rows; 1 for the naive forecast.

    Returns:
        The error; NaN where there are no more than `season` points.
    """
    return mae(training[season:], training[:-season]) if len(training) > season else float("nan")
