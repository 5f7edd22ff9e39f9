"""How much each method counts in the forecast of each series, by its errors in the backtest."""

import numpy as np

POWER = 8  # a method with twice the error counts 256 times less
PRIOR = 5  # forecasts of the whole file that a series' own errors are averaged with


def weigh(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of the methods for each series, from their errors at the origins of a backtest.

    An error counts relative to the mean of all methods at that origin. The fewer origins a series has, the more the
    errors in the other series count.

    Args:
        errors: mean absolute errors, (N, origins, methods); NaN where there is no forecast.

    Returns:
        The weights, (N, methods); and those that follow from all origins but one, (N, origins, methods), for an honest
        error of the combination there.
    """
    present = np.isfinite(errors)
    filled = np.where(present, errors, 0.0)
    mean = filled.sum(2, keepdims=True) / np.maximum(present.sum(2, keepdims=True), 1)
    relative = np.divide(filled, mean, out=present.astype(float), where=mean > 0)  # all exact: all the same
    total, count = relative.sum((0, 1)), present.sum((0, 1))  # (methods,)
    own, number = relative.sum(1), present.sum(1)  # (N, methods)
    without_one = _weights(
        own[:, None] - relative, number[:, None] - present, total - relative, count - present
    )  # (N, origins, methods)
    return _weights(own, number, total, count), without_one


def _weights(own: np.ndarray, number: np.ndarray, total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return weights, (..., methods), from the sums of relative errors of one series and of all, and their numbers."""
    unknown = np.where((count > 0).any(-1, keepdims=True), np.inf, 1.0)  # without any test, all count the same
    tested = np.where(count > 0, total / np.maximum(count, 1), unknown)
    scores = (own + PRIOR * tested) / (number + PRIOR)
    weights = np.maximum(scores, 1e-9) ** -POWER
    return weights / weights.sum(-1, keepdims=True)


def mean_errors(points: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Return the mean absolute errors over the leads, (N, origins, methods); NaN where there is no forecast.

    Args:
        points: array (N, origins, methods, horizon).
        actual: array (N, origins, horizon); NaN where there is no value.
    """
    missed = np.abs(points - actual[:, :, None])
    known = np.isfinite(missed)
    return np.where(known, missed, 0.0).sum(3) / np.where(known.any(3), known.sum(3), np.nan)


def combine(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted means of forecasts, (..., horizon); NaN where no method with a weight has one.

    Args:
        points: array (..., methods, horizon); NaN where a method has no forecast.
        weights: array (..., methods).
    """
    present = np.isfinite(points).all(-1)
    weights = np.where(present, weights, 0.0)
    sums = weights.sum(-1, keepdims=True)
    weights = np.divide(weights, sums, out=np.full_like(weights, np.nan), where=sums > 0)
    return np.einsum("...m,...mh->...h", weights, np.where(present[..., None], points, 0.0))
