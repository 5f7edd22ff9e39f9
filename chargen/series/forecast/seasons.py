"""The detection of seasons."""

import numpy as np

from chargen.series.forecast.decomposition import FEWEST_CYCLES

MIN_CORRELATION = 0.3  # the autocorrelation that a season has at least, however long the series
NEARLY = 0.9  # of the greatest strength: enough for a shorter season
LIKELY = 0.8  # of the greatest strength: enough for a season of the calendar


def find_seasons(values: np.ndarray, likely: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return up to two seasons of a series, in rows, the shorter first.

    The second is detected after the first is removed; the longer is a multiple of the shorter, as a week is of a day.

    Args:
        values: array (points,).
        likely: seasons of the calendar, preferred to others that are not clearly stronger.

    >>> find_seasons(np.tile([1.0, 5.0, 2.0, 2.0], 20) + np.arange(80))
    (4,)
    """
    rest = np.asarray(values, float)
    rest = rest - (rest.mean() if len(rest) else 0)  # before all else, so that small changes of large values count
    rounding = max(1e-9 * np.ptp(rest), 8 * np.spacing(np.abs(values).max())) if len(rest) else 0.0
    found: list[int] = []
    while len(found) < 2 and np.ptp(rest) > rounding and (season := _season(rest, likely)):
        found.append(season)
        cycles = rest[len(rest) % season :].reshape(-1, season)  # (cycles, season)
        rest = (cycles - (cycles - cycles.mean(1, keepdims=True)).mean(0)).ravel()
    shorter, longer = min(found, default=0), max(found, default=0)
    multiple = round(longer / shorter) * shorter if shorter else 0
    near = abs(longer - multiple) <= 0.05 * longer  # noise must not make a week of 167 hours
    known = multiple in likely or not set(found) & set(likely)
    # Twice or three times the shorter is what a shift leaves behind, such as a change of summer time.
    return (shorter, multiple) if known and near and multiple > 3 * shorter else tuple(found[:1])


def _season(values: np.ndarray, likely: tuple[int, ...]) -> int | None:
    """Return the shortest season that is nearly as strong as the strongest, or None."""
    longest = len(values) // FEWEST_CYCLES
    peaks = _peaks(values, longest, likely)
    if not peaks:
        return None
    first = min(lag for lag, peak in peaks.items() if peak >= NEARLY * max(peaks.values()))
    most = min(longest, max([round(2.5 * first), *(lag for lag in likely if lag in peaks)]))
    strengths = _strengths(values, most)
    for lag in sorted(likely):
        if lag <= most and strengths[lag] >= LIKELY * strengths.max() > 0:
            return lag
    enough = max(NEARLY * strengths.max(), 1e-9)
    tops = (lag for lag in range(2, most + 1) if strengths[lag] == strengths[lag - 1 : lag + 2].max())
    return next((lag for lag in tops if strengths[lag] >= enough), None)


def _peaks(values: np.ndarray, longest: int, likely: tuple[int, ...]) -> dict[int, float]:
    """Return the lags up to `longest` at which the autocorrelation has a significant peak, with its height.

    It is that of differences over a quarter to a half of the lag: so a random walk is uncorrelated at the lag, and a
    season remains. A likely lag need not be a peak.
    """
    peaks, step = {}, 1
    while 2 * step <= longest:
        correlations, _ = _autocorrelations(values[step:] - values[:-step])
        threshold = max(MIN_CORRELATION, min(3 * np.sqrt(step / len(values)), 0.6))  # 3 standard errors: of many lags
        for lag in range(2 * step, min(4 * step, longest + 1)):
            before, here, after = correlations[lag - 1 : lag + 2]
            if (here > before and here >= after and here > threshold) or (lag in likely and here > threshold * 2 / 3):
                peaks[lag] = here
        step *= 2
    return peaks


def _strengths(values: np.ndarray, most: int) -> np.ndarray:
    """Return the strength of each season up to `most` rows: the mean autocorrelation at the multiples of its length.

    One lag cannot tell 23 rows from 24 under noise; all multiples can. What is slower than `most` rows is removed.

    Returns:
        array (most + 2,).
    """
    width = most | 1
    sums = np.cumsum(np.r_[0, np.pad(values, width // 2, mode="reflect")])
    correlations, pairs = _autocorrelations(values - (sums[width:] - sums[:-width]) / width)
    strengths = np.full(most + 2, -1.0)
    for lag in range(2, most + 1):
        strengths[lag] = np.average(correlations[lag::lag], weights=pairs[lag::lag])
    return strengths


def _autocorrelations(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the autocorrelations of values at all lags, and the number of pairs at each lag."""
    values = (values - values.mean()) / values.std().clip(min=1e-300)
    pairs = np.arange(len(values), 0, -1)
    products = np.fft.irfft(np.abs(np.fft.rfft(values, 2 * len(values))) ** 2)[: len(values)]
    return products / pairs, pairs
