"""Errors of forecasts, the seasonal-naive forecast, and the detection of seasons."""

import numpy as np

FEWEST_CYCLES = 3  # of a season that is accepted
MIN_CORRELATION = 0.3  # the autocorrelation that a season has at least, however long the series


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
        training: array (points,), more than `season` of them.
        season: in rows; 1 for the naive forecast.
    """
    return mae(training[season:], training[:-season])


def seasonal_naive(history: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """Return the last season, repeated: array (horizon,).

    >>> seasonal_naive([9, 1, 2, 3], 5, 3).tolist()
    [1, 2, 3, 1, 2]
    """
    return np.asarray(history)[-season:][np.arange(horizon) % season]


def find_seasons(values: np.ndarray) -> tuple[int, ...]:
    """Return up to two seasons of a series, in rows, the shorter first.

    A season is the shortest lag at which the autocorrelation has a peak of nearly the greatest height. The second is
    detected after the first is removed; the longer is a multiple of the shorter, as a week is of a day.

    Args:
        values: array (points,).

    >>> find_seasons(np.tile([1.0, 5.0, 2.0, 2.0], 20) + np.arange(80))
    (4,)
    """
    found: list[int] = []
    rest = np.asarray(values, float)
    while len(found) < 2 and (season := _season(rest)):
        found.append(season)
        cycles = len(rest) // season
        whole = rest[-cycles * season :].reshape(cycles, season)  # (cycles, season)
        profile = (whole - whole.mean(1, keepdims=True)).mean(0)
        rest = rest[-cycles * season :] - np.tile(profile, cycles)
    shorter, longer = min(found, default=0), max(found, default=0)
    multiple = round(longer / shorter) * shorter if shorter else 0
    near = abs(longer - multiple) <= 0.05 * longer  # noise must not make a week of 167 hours
    return tuple(sorted({shorter, multiple})) if shorter and near else tuple(found[:1])


def _season(values: np.ndarray) -> int | None:
    longest = len(values) // FEWEST_CYCLES
    peaks, step = {}, 1
    while 2 * step <= longest and np.ptp(values) > 1e-9 * np.abs(values).max():
        correlations = _autocorrelations(values[step:] - values[:-step])
        threshold = max(MIN_CORRELATION, min(3 * np.sqrt(step / len(values)), 0.6))  # 3 standard errors: of many lags
        for lag in range(2 * step, min(4 * step, longest + 1)):
            before, here, after = correlations[lag - 1 : lag + 2]
            if here > before and here >= after and here > threshold:
                peaks[lag] = here
        step *= 2
    return min((lag for lag, peak in peaks.items() if peak >= 0.9 * max(peaks.values())), default=None)


def _autocorrelations(differences: np.ndarray) -> np.ndarray:
    """Return the autocorrelations of differences at all lags.

    The differences are over a quarter to a half of the lag: so a random walk is uncorrelated at the lag, and a season
    remains.
    """
    differences = (differences - differences.mean()) / differences.std().clip(min=1e-300)
    count = len(differences)
    products = np.fft.irfft(np.abs(np.fft.rfft(differences, 2 * count)) ** 2)[:count]
    return products / np.arange(count, 0, -1)
