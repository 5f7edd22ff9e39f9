"""The season of many series at once: whether there is one, and its shape by classical decomposition.

Here as in the other statistical methods, `histories` is an array (N, rows) of series that end with the same column; a
shorter one begins with NaN.
"""

import warnings

import numpy as np

SIGNIFICANT = 1.645  # standard errors of an autocorrelation: the 90 % test of the M3 competition's Theta method
FEWEST_CYCLES = 3
SMALLEST_FACTOR = 0.01  # of a multiplicative season; by less than that a forecast cannot be divided


def is_seasonal(histories: np.ndarray, season: int) -> np.ndarray:
    """Return for which series the autocorrelation at the season is significant, (N,).

    Assimakopoulos and Nikolopoulos (2000), "The theta model"; the standard error is Bartlett's.
    """
    counts = np.isfinite(histories).sum(1)
    if season < 2 or histories.shape[1] <= season:
        return np.zeros(len(histories), bool)
    centred = np.nan_to_num(histories - np.nanmean(histories, 1, keepdims=True))
    spectrum = np.abs(np.fft.rfft(centred, 2 * centred.shape[1])) ** 2
    sums = np.fft.irfft(spectrum)[:, : season + 1]
    correlations = sums[:, 1:] / np.maximum(sums[:, :1], 1e-300)  # (N, season)
    limit = SIGNIFICANT * np.sqrt((1 + 2 * (correlations[:, :-1] ** 2).sum(1)) / counts)
    return (np.abs(correlations[:, -1]) > limit) & (counts >= FEWEST_CYCLES * season)


def seasonal_profile(values: np.ndarray, season: int, multiplicative: np.ndarray | None = None) -> np.ndarray:
    """Return the mean season about a centred moving average, (N, season); its first row follows the last value.

    Args:
        values: array (N, rows), NaN where there is none.
        multiplicative: for which series it is a factor with a mean of 1; all others have a summand with a mean of 0.

    Returns:
        The profile; NaN where a series is too short for one.
    """
    count, rows = values.shape
    factors = np.zeros((count, 1), bool) if multiplicative is None else multiplicative[:, None]
    weights = np.full(season + 1 - season % 2, 1 / season)
    if season % 2 == 0:
        weights[[0, -1]] /= 2
    width = len(weights)  # odd
    if rows < width:
        return np.full((count, season), np.nan)
    middle = np.full(values.shape, np.nan)
    middle[:, width // 2 : rows - width // 2] = (
        np.lib.stride_tricks.sliding_window_view(values, width, axis=1) @ weights
    )
    rest = np.where(factors, values / np.where(middle == 0, np.nan, middle), values - middle)
    padded = np.concatenate([np.full((count, -rows % season), np.nan), rest], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a place in the season without any value
        profile = np.nanmean(padded.reshape(count, -1, season), axis=1)  # (N, season)
    mean = profile.mean(1, keepdims=True)
    return np.where(factors, profile / np.where(factors, mean, 1), profile - mean)


def additive_profile(values: np.ndarray, season: int, rows: np.ndarray | None = None) -> np.ndarray:
    """Return the additive seasonal profile of the series that are seasonal, and zeros for the others, (N, season).

    With too few rows for a season it is (N, 1).

    Args:
        rows: array (N, rows) of bool, those to learn the profile from; None takes all.
    """
    if not 2 <= season < values.shape[1]:  # none can be seasonal
        return np.zeros((len(values), 1))
    profile = seasonal_profile(values if rows is None else np.where(rows, values, np.nan), season)
    known = is_seasonal(values, season) & np.isfinite(profile).all(1)
    return np.where(known[:, None], profile, 0.0)


def without_season(histories: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the series without their seasons, and what puts a season back: value * factor + summand.

    The season of positive series is multiplicative, that of others additive, as in the M3 competition.

    Returns:
        The values (N, rows), and the factors and summands of the rows that follow, (N, season) each; (N, 1) where there
        are too few rows for a season.
    """
    size = season if 0 < season < histories.shape[1] else 1
    factors, summands = np.ones((len(histories), size)), np.zeros((len(histories), size))
    seasonal = is_seasonal(histories, season)
    if seasonal.any():
        multiplicative = np.nanmin(histories, axis=1) > 0
        profile = seasonal_profile(histories, season, multiplicative)
        seasonal &= np.isfinite(profile).all(1) & ~(multiplicative & (profile < SMALLEST_FACTOR).any(1))
        factors = np.where((seasonal & multiplicative)[:, None], profile, factors)
        summands = np.where((seasonal & ~multiplicative)[:, None], profile, summands)
    places = np.arange(-histories.shape[1], 0) % size
    return (histories - summands[:, places]) / factors[:, places], factors, summands
