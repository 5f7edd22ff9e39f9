"""Conformal prediction intervals: their half widths are quantiles of the absolute errors of a backtest.

Split conformal prediction (Lei et al. 2018, "Distribution-free predictive inference for regression"), for each lead
time, the number of rows ahead, by itself (Stankeviciute et al. 2021, "Conformal time-series forecasting").
"""

import numpy as np

FEWEST_ERRORS = 20  # for a quantile
LEVELS = np.arange(1, 100)  # per cent


def error_quantiles(errors: np.ndarray) -> np.ndarray:
    """Return the quantiles at LEVELS of the errors at each lead time, (leads, 99).

    Of n errors, the quantile is the one of rank level * (n + 1). A longer lead never gets a smaller quantile.

    Args:
        errors: absolute, (origins, leads), NaN where the rows ended.
    """
    ranked = np.sort(errors, axis=0)  # (origins, leads), NaN last
    counts = np.isfinite(errors).sum(0)  # (leads,)
    ranks = np.ceil(np.outer(counts + 1, LEVELS / 100) - 1e-9).astype(int)  # (leads, 99)
    ranks = np.minimum(ranks, counts[:, None])
    return np.maximum.accumulate(ranked[ranks - 1, np.arange(errors.shape[1])[:, None]], axis=0)


def half_widths(quantiles: np.ndarray, leads: int, level: int) -> np.ndarray:
    """Return the half widths of intervals, (leads,): beyond the measured leads they grow like those of a random walk.

    Args:
        quantiles: as `error_quantiles` returns them.
        level: in per cent, from 1 to 99.
    """
    lead = np.arange(1, leads + 1)
    measured = np.minimum(lead, len(quantiles))
    return quantiles[measured - 1, level - 1] * np.sqrt(lead / measured)


def highest_level(measured: int, leads: int) -> int:
    """Return the highest level, in per cent, that the errors at this lead support: n errors support n / (n + 1).

    Args:
        measured: the leads with measured errors.
    """
    count = FEWEST_ERRORS + max(measured - leads, 0)
    return min(100 * count // (count + 1), 99)
