"""Autoregressions of many series at once, of all orders, of the values and of their changes, averaged."""

from collections.abc import Iterator, Sequence

import numpy as np

from chargen.series.forecast.decomposition import additive_profile

HIGHEST_ORDER = 13
TEMPER = 0.5  # the power of the likelihoods that weigh the orders: the tail of less likely ones forecasts better


def autoregression(histories: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Return forecasts by autoregressions of the orders 0 to 13, weighed by AICc, (N, horizon).

    Each order is fitted twice: to the values about their mean, and to their changes about the mean change. Burg's
    method keeps every one of them stationary, so that no forecast explodes (Burg 1975, "Maximum entropy spectral
    analysis"; Burnham and Anderson 2002, "Model selection and multimodel inference").
    """
    profile = additive_profile(histories, season)
    rows = histories.shape[1]
    values = histories - profile[:, np.arange(-rows, 0) % profile.shape[1]]
    counts = np.isfinite(values).sum(1)  # (N,)
    criteria, points = [], []
    for changes in (False, True):
        read = np.diff(values, axis=1) if changes else values
        mean = np.nanmean(read, axis=1, keepdims=True) if read.shape[1] else np.zeros((len(read), 1))
        own = np.maximum(counts - changes, 1)
        fits = list(_fits(read - mean, min(HIGHEST_ORDER, rows - 3)))
        for order, (_, variance) in enumerate(fits):
            criteria.append(_criterion(own, order, variance) * counts / own)  # of as many rows either way
        ahead = mean + _continued(np.nan_to_num(read - mean), [each for each, _ in fits], horizon)
        points.append(values[:, -1:] + np.cumsum(ahead, axis=2) if changes else ahead)
    scores = TEMPER * np.stack(criteria)  # (models, N)
    weights = np.exp(scores - scores.max(0))
    forecast = np.einsum("mn,mnh->nh", weights / weights.sum(0), np.concatenate(points))
    return forecast + profile[:, np.arange(horizon) % profile.shape[1]]


def _fits(values: np.ndarray, highest: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the coefficients (N, order) and the variance of the errors (N,) of each order, by Burg's recursion."""
    first = np.isfinite(values).argmax(1)  # (N,)
    forward = backward = np.nan_to_num(values)  # the errors of predicting each row from those before and after
    variance = (forward**2).sum(1) / np.maximum(np.isfinite(values).sum(1), 1)
    coefficients = np.zeros((len(values), 0))
    yield coefficients, variance
    for order in range(1, highest + 1):
        whole = np.arange(1, values.shape[1]) >= first[:, None] + order
        ahead, behind = forward[:, 1:] * whole, backward[:, :-1] * whole
        power = np.maximum((ahead**2 + behind**2).sum(1, keepdims=True), 1e-300)
        reflection = 2 * (ahead * behind).sum(1, keepdims=True) / power  # (N, 1), within -1 and 1
        coefficients = np.concatenate([coefficients - reflection * coefficients[:, ::-1], reflection], axis=1)
        variance = variance * (1 - reflection[:, 0] ** 2)
        forward, backward = (
            np.pad(each, ((0, 0), (1, 0))) for each in (ahead - reflection * behind, behind - reflection * ahead)
        )
        yield coefficients, variance


def _criterion(counts: np.ndarray, order: int, variance: np.ndarray) -> np.ndarray:
    """Return minus half the AICc, (N,); a series with fewer than two rows for each coefficient has none."""
    parameters = order + 2
    penalty = parameters + parameters * (parameters + 1) / np.maximum(counts - parameters - 1, 0.5)
    likelihood = -counts / 2 * np.log(np.maximum(variance, 1e-300))
    return np.where((counts >= 2 * order + 2) | (order == 0), likelihood - penalty, -np.inf)


def _continued(centred: np.ndarray, fits: Sequence[np.ndarray], horizon: int) -> np.ndarray:
    """Return what follows the last rows with the coefficients (N, order) of each fit, (fits, N, horizon)."""
    known = fits[-1].shape[1]  # rows that the highest order reads
    coefficients = np.zeros((len(fits), len(centred), known))  # of the earliest row first
    for own, each in zip(coefficients, fits, strict=True):
        own[:, known - each.shape[1] :] = each[:, ::-1]
    values = np.zeros((len(fits), len(centred), known + horizon))
    values[..., :known] = centred[:, len(centred[0]) - known :]
    for lead in range(horizon):
        values[..., known + lead] = (values[..., lead : lead + known] * coefficients).sum(2)
    return values[..., known:]
