"""Exponential smoothing of many series at once, averaged over its parameters; and the Theta method.

Nothing is optimised: the recursion runs for all parameters of a grid side by side, and the forecasts are averaged with
the weights of their likelihoods, which is quicker and forecasts better than the single best parameters.
"""

from typing import NamedTuple

import numpy as np

from chargen.series.forecast.decomposition import additive_profile, is_seasonal, without_season

LEVELS = np.array([0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])  # smoothing parameters of the level
TRENDS = np.array([0.02, 0.1, 0.3])  # of the trend, as shares of the level's
DAMPINGS = np.array([0.85, 0.93, 0.97])
SEASONS = np.array([0.0, 0.1, 0.3, 0.6])  # of the season, as shares of what the level leaves
THETA_LEVELS = np.linspace(0.02, 0.99, 40)
START_ROWS = 10  # the first level and trend are those of a line through them
START_CYCLES = 4  # that the first season is learned from
SKEWED = 100  # how many times below the median a value may lie where logarithms are smoothed
TEMPER = 0.1  # the power of the likelihoods that weigh values and logarithms
CHUNK = 2**15  # states that are computed at once


class Grid(NamedTuple):
    """The parameters of P recursions, arrays (P,)."""

    level: np.ndarray
    trend: np.ndarray
    damping: np.ndarray  # 0 for no trend
    season: np.ndarray
    extra: np.ndarray  # parameters beyond the level's

    @classmethod
    def of(cls, seasons: np.ndarray) -> "Grid":
        """Return all combinations, with and without a damped trend."""
        flat = [np.array(each) for each in np.meshgrid(LEVELS, [0.0], [0.0], seasons, indexing="ij")]
        damped = np.meshgrid(LEVELS, TRENDS, DAMPINGS, seasons, indexing="ij")
        level, trend, damping, season = (
            np.concatenate([one.ravel(), other.ravel()]) for one, other in zip(flat, damped, strict=True)
        )
        return cls(level, trend, damping, season, (damping > 0) + (season > 0.0))


def smoothing(histories: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Return forecasts by exponential smoothing with a damped trend and a season, (N, horizon).

    They are the mean of the forecasts of the values and, where all values are positive, of their logarithms: of a
    seasonal series the one that explains it better counts more, as a season may grow with the level (Gardner and
    McKenzie 1985, "Forecasting trends in time series"; Hyndman et al. 2008, "Forecasting with exponential smoothing").
    """
    points, likelihoods = _smoothed(histories, season, horizon)
    least = np.nanmin(histories, axis=1)
    positive = (least > 0) & (SKEWED * least > np.nanmedian(histories, axis=1))
    if positive.any():
        logarithms = np.log(histories[positive])
        others, other_likelihoods = _smoothed(logarithms, season, horizon)
        gains = other_likelihoods - np.nansum(logarithms, axis=1) - likelihoods[positive]  # as densities of the values
        gains *= is_seasonal(histories[positive], season)
        share = 1 / (1 + np.exp(-np.clip(TEMPER * gains, -30, 30)))[:, None]  # (N, 1)
        points[positive] = (1 - share) * points[positive] + share * np.exp(np.minimum(others, 700))
    return points


def theta(histories: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Return forecasts by the Theta method, (N, horizon).

    The mean of the straight line through a series, and of simple exponential smoothing of the series with twice the
    distance from that line (Assimakopoulos and Nikolopoulos 2000, "The theta model").
    """
    values, factors, summands = without_season(histories, season)
    last, slope = _line(values, np.isfinite(values))  # (N, 1) each
    line = last + slope * np.arange(1 - values.shape[1], horizon + 1)  # (N, rows + horizon)
    history, ahead = line[:, :-horizon], line[:, -horizon:]
    zeros = np.zeros_like(THETA_LEVELS)
    grid = Grid(THETA_LEVELS, zeros, zeros, zeros, zeros)
    doubled = 2 * values - history
    states = _run(doubled, np.zeros((len(values), 1)), grid)
    best = states.errors.argmin(1)[:, None]
    points = (np.take_along_axis(states.level, best, 1) + ahead) / 2
    places = np.arange(horizon) % factors.shape[1]
    return points * factors[:, places] + summands[:, places]


def _smoothed(values: np.ndarray, season: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Return forecasts by additive exponential smoothing, (N, horizon), and how likely it makes the values, (N,).

    The likelihoods are logarithms, but for a constant that depends on the number of rows alone.
    """
    present = np.isfinite(values)
    early = np.cumsum(present, axis=1) <= START_CYCLES * season
    profile = additive_profile(values, season, early)  # (N, season)
    seasonal = profile.any(1)
    points, likelihoods = np.empty((len(values), horizon)), np.empty(len(values))
    for rows, grid in ((seasonal, Grid.of(SEASONS)), (~seasonal, Grid.of(SEASONS[:1]))):
        chunk = max(CHUNK // len(grid.level), 1)
        places = np.flatnonzero(rows)
        for first in range(0, len(places), chunk):
            own = places[first : first + chunk]
            start = profile[own] if rows is seasonal else np.zeros((len(own), 1))
            states, counts = _run(values[own], start, grid), present[own].sum(1)
            weights, likelihoods[own] = _weights(states.errors, counts, grid.extra)
            points[own] = _average(states, weights, grid, horizon)
    return points, likelihoods


class _States(NamedTuple):
    """Where the recursions stand after the last row, and the sums of their squared errors, (N, P)."""

    level: np.ndarray
    trend: np.ndarray
    season: np.ndarray  # (N, season, P)
    errors: np.ndarray


def _run(values: np.ndarray, profile: np.ndarray, grid: Grid) -> _States:
    """Return the states after the error-correction form of additive exponential smoothing.

    Args:
        values: array (N, rows).
        profile: the first season, (N, season).
    """
    rows, cycle = values.shape[1], profile.shape[1]
    first = np.isfinite(values).argmax(1)  # (N,)
    without = values - profile[:, np.arange(-rows, 0) % cycle]
    early = np.isfinite(values) & (np.arange(rows) < first[:, None] + START_ROWS)
    last, slope = _line(without, early)  # (N, 1) each
    level = np.repeat(last + slope * (first[:, None] - rows), len(grid.level), axis=1)  # before the first row
    trend = slope * (grid.damping > 0)  # (N, P)
    season = np.repeat(profile[:, :, None], len(grid.level), axis=2)
    errors = np.zeros_like(level)
    level_gain, trend_gain = grid.level, grid.level * grid.trend
    season_gain = (1 - grid.level) * grid.season
    for row in range(first.min(), rows):
        place = (row - rows) % cycle
        ahead = level + grid.damping * trend
        error = np.where((first <= row)[:, None], values[:, row : row + 1] - ahead - season[:, place], 0.0)
        begun = (first <= row)[:, None]
        level = np.where(begun, ahead + level_gain * error, level)
        trend = np.where(begun, grid.damping * trend + trend_gain * error, trend)
        season[:, place] += season_gain * error
        errors += error * error
    return _States(level, trend, season, errors)


def _average(states: _States, weights: np.ndarray, grid: Grid, horizon: int) -> np.ndarray:
    """Return the mean of the forecasts of all parameters by their weights, (N, P), as an array (N, horizon)."""
    growth = np.cumsum(grid.damping[:, None] ** np.arange(1, horizon + 1), axis=1)  # (P, horizon)
    season = np.einsum("np,nsp->ns", weights, states.season)
    level = (weights * states.level).sum(1, keepdims=True)
    return level + (weights * states.trend) @ growth + season[:, np.arange(horizon) % season.shape[1]]


def _weights(errors: np.ndarray, counts: np.ndarray, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of parameters, (N, P): their Gaussian likelihoods, less a penalty for each parameter.

    Returns:
        The weights; and the logarithm of the mean likelihood, (N,).
    """
    likelihoods = -counts[:, None] / 2 * np.log(np.maximum(errors, 1e-300)) - penalties
    highest = likelihoods.max(1, keepdims=True)
    weights = np.exp(likelihoods - highest)
    return weights / weights.sum(1, keepdims=True), highest[:, 0] + np.log(weights.mean(1))


def _line(values: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least-squares line through some rows: its value at the last column, and its slope, (N, 1) each."""
    x = np.arange(1.0 - values.shape[1], 1.0)
    count = rows.sum(1, keepdims=True)
    mean_x = (rows * x).sum(1, keepdims=True) / count
    mean = np.where(rows, values, 0).sum(1, keepdims=True) / count
    centred = rows * (x - mean_x)
    slope = (centred * np.where(rows, values - mean, 0)).sum(1, keepdims=True) / np.maximum(
        (centred**2).sum(1, keepdims=True), 1e-300
    )
    return mean - slope * mean_x, slope
