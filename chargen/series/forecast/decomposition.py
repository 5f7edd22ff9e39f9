"""The season of many series at once: whether there is one, and its shape by classical decomposition.

Here as in the other statistical methods, `histories` is an array (N, rows) of series that end with the same column; a
shorter one begins with NaN.
"""

import warnings

import numpy as np

FEWEST_CYCLES = 3  # of a season that is accepted
SMALLEST_FACTOR = 0.01  # of a multiplicative season; by less than that a forecast cannot be divided
ROUNDING = 1e-12  # of the largest value: by less a value is not apart from the average
FAVOUR = 1.1  # times more may a multiplicative season leave than an additive one, and still be taken


def is_seasonal(histories: np.ndarray, season: int) -> np.ndarray:
    """Return for which series the mean of the other cycles foretells a cycle, (N,).

    It must leave less than 1 - 1 / sqrt(rows) of the squares of a cycle. A significant autocorrelation at the season
    says less: a trend has one, and three cycles of a smooth season have none.
    """
    counts = np.isfinite(histories).sum(1)
    enough = counts >= FEWEST_CYCLES * season if season > 1 else np.zeros(len(histories), bool)
    if not enough.any():
        return enough
    return enough & (_unexplained(_cycles(histories, season)) < 1 - 1 / np.sqrt(np.maximum(counts, 1)))


def _cycles(values: np.ndarray, season: int, multiplicative: np.ndarray | None = None) -> np.ndarray:
    """Return how far series are from their centred moving averages, cycle by cycle, (N, cycles, season).

    Args:
        values: array (N, rows), NaN where there is none, as in what is returned.
        multiplicative: for which series it is a quotient less 1; of all others it is a difference.
    """
    count, rows = values.shape
    weights = np.full(season + 1 - season % 2, 1 / season)
    if season % 2 == 0:
        weights[[0, -1]] /= 2
    width = len(weights)  # odd
    rest = np.full(values.shape, np.nan)
    if rows >= width:
        middle = np.lib.stride_tricks.sliding_window_view(values, width, axis=1) @ weights
        apart = values[:, width // 2 : rows - width // 2] - middle
        apart[np.abs(apart) < ROUNDING * np.abs(np.nan_to_num(values)).max(1, keepdims=True)] = 0
        if multiplicative is not None:
            apart /= np.where(multiplicative[:, None], np.where(middle == 0, np.nan, middle), 1)
        rest[:, width // 2 : rows - width // 2] = apart
    padded = np.concatenate([np.full((count, -rows % season), np.nan), rest], axis=1)
    return padded.reshape(count, -1, season)


def _unexplained(cycles: np.ndarray) -> np.ndarray:
    """Return the share of the squares of each cycle that the mean of the others leaves, (N,); it may be more than 1."""
    known = np.isfinite(cycles)
    values, others = np.where(known, cycles, 0), known.sum(1, keepdims=True) - 1
    counted = known & (others > 0)
    left = values - (values.sum(1, keepdims=True) - values) / np.maximum(others, 1)
    squares, total = ((np.where(counted, each, 0) ** 2).sum((1, 2)) for each in (left, values))
    return np.where(total > 0, squares / np.where(total > 0, total, 1), 1)


def seasonal_profile(values: np.ndarray, season: int, multiplicative: np.ndarray | None = None) -> np.ndarray:
    """Return the mean season about a centred moving average, (N, season); its first row follows the last value.

    Args:
        values: array (N, rows), NaN where there is none.
        multiplicative: for which series it is a factor with a mean of 1; all others have a summand with a mean of 0.

    Returns:
        The profile; NaN where a series is too short for one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a place in the season without any value
        profile = np.nanmean(_cycles(values, season, multiplicative), axis=1)  # (N, season)
    profile -= profile.mean(1, keepdims=True)
    return profile if multiplicative is None else profile + multiplicative[:, None]


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

    The season of positive series is multiplicative, as in the M3 competition, unless an additive one explains them
    clearly better.

    Returns:
        The values (N, rows), and the factors and summands of the rows that follow, (N, season) each; (N, 1) where there
        are too few rows for a season.
    """
    size = season if 0 < season < histories.shape[1] else 1
    factors, summands = np.ones((len(histories), size)), np.zeros((len(histories), size))
    seasonal = is_seasonal(histories, season)
    if seasonal.any():
        multiplicative = np.nanmin(histories, axis=1) > 0
        additive = _unexplained(_cycles(histories, season))
        multiplicative &= _unexplained(_cycles(histories, season, multiplicative)) < FAVOUR * additive
        profile = seasonal_profile(histories, season, multiplicative)
        seasonal &= np.isfinite(profile).all(1) & ~(multiplicative & (profile < SMALLEST_FACTOR).any(1))
        factors = np.where((seasonal & multiplicative)[:, None], profile, factors)
        summands = np.where((seasonal & ~multiplicative)[:, None], profile, summands)
    places = np.arange(-histories.shape[1], 0) % size
    return (histories - summands[:, places]) / factors[:, places], factors, summands
