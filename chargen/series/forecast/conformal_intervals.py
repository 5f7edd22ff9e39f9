"""Conformal prediction intervals: their half widths are quantiles of the absolute errors of a backtest.

Split conformal prediction (Lei et al. 2018, "Distribution-free predictive inference for regression"). The errors of all
series count together, each relative to the spread of its own series and to the mean at its lead, the number of rows
ahead; so few rows are enough.
"""

from statistics import NormalDist

import numpy as np

LEVELS = np.arange(1, 100)  # per cent
PRIOR = 3  # origins of the whole file that a series' own errors are averaged with
ENOUGH = 500  # errors at a lead for quantiles of its own
NORMAL = np.array([NormalDist().inv_cdf(0.5 + level / 200) for level in LEVELS])  # half widths for a deviation of 1


def spreads_and_quantiles(
    errors: np.ndarray, cuts: np.ndarray, scales_before: np.ndarray, scales: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the spread of each series, (N,), and the quantiles of errors at LEVELS in units of it, (leads, 99).

    Without any errors, they are those of a random walk whose changes are as large as `scales`. The fewer independent
    errors there are, the wider are the quantiles, as Student's are.

    Args:
        errors: (N, origins, leads), NaN where there is none.
        cuts: the row at which each origin lies, (N, origins).
        scales_before: a typical error of each series in the rows before each origin, (N, origins).
        scales: the same in all rows, (N,); 0 for a constant series.
    """
    leads = errors.shape[2]
    signed = errors / np.where(scales_before > 0, scales_before, np.nan)[..., None]
    relative, known = np.abs(signed), np.isfinite(signed)
    if not known.any():
        return scales, np.sqrt(np.arange(1, leads + 1))[:, None] * NORMAL / NORMAL[50 - 1]
    filled = np.where(known, relative, 0.0)
    profile = filled.sum((0, 1)) / np.maximum(known.sum((0, 1)), 1)  # (leads,)
    profile = np.maximum.accumulate(np.where(known.any((0, 1)), profile, 0.0))  # a longer lead is never surer
    profile = np.maximum(profile, 1e-12)
    counted = known.any(2).astype(float)  # (N, origins)
    ratios = (filled / profile).sum(2) / np.maximum(known.sum(2), 1)  # (N, origins), 1 on average
    overlap = (np.abs(cuts[:, :, None] - cuts[:, None]) < leads) & (counted[:, None] > 0)  # (N, origins, origins)
    share = counted / np.maximum(overlap.sum(2), 1)  # (N, origins): of those that overlap, all together count as one
    apart = ~overlap * share[:, None]
    elsewhere = (np.einsum("nkl,nl->nk", apart, ratios) + PRIOR) / (apart.sum(2) + PRIOR)
    standard = relative / profile / elsewhere[..., None]
    own = ((share * ratios).sum(1) + PRIOR) / (share.sum(1) + PRIOR)  # (N,)
    degrees = _side_by_side(cuts, counted > 0, leads) * _independent(signed / profile)
    return scales * own, profile[:, None] * _quantiles(standard) * _student(degrees)


def half_widths(quantiles: np.ndarray, leads: int, level: int) -> np.ndarray:
    """Return the half widths of intervals, (leads,): beyond the measured leads they grow like those of a random walk.

    Args:
        quantiles: as `spreads_and_quantiles` returns them.
        level: in per cent, from 1 to 99.
    """
    lead = np.arange(1, leads + 1)
    measured = np.minimum(lead, len(quantiles))
    return quantiles[measured - 1, level - 1] * np.sqrt(lead / measured)


def _side_by_side(cuts: np.ndarray, known: np.ndarray, leads: int) -> float:
    """Return how many forecasts of so many leads all series have room for, from the first origin that is known on."""
    first, last = (np.where(known, cuts, other).astype(float) for other in (np.inf, -np.inf))
    return float((1 + (last.max(1) - first.min(1)) / leads)[known.any(1)].sum())


def _independent(errors: np.ndarray) -> float:
    """Return how many leads of a forecast err independently, from 1 to all, by the correlation of neighbouring ones."""
    leads = errors.shape[2]
    pairs = np.stack([errors[..., :-1], errors[..., 1:]])  # (2, N, origins, leads - 1)
    before, after = pairs[:, np.isfinite(pairs).all(0)]
    squares = (before**2 + after**2).sum() / 2
    correlation = (before * after).sum() / squares if squares > 0 else 0.0
    return float(np.clip(leads * (1 - correlation) / (1 + correlation), 1, leads)) if correlation > 0 else leads


def _student(degrees: float) -> np.ndarray:
    """Return how much wider the quantiles of Student's t distribution are than normal ones at LEVELS, (99,).

    The expansion is Cornish and Fisher's (Abramowitz and Stegun, 26.7.5).
    """
    degrees, squares = max(degrees, 2.0), NORMAL**2
    return 1 + (squares + 1) / (4 * degrees) + (5 * squares**2 + 16 * squares + 3) / (96 * degrees**2)


def _quantiles(standard: np.ndarray) -> np.ndarray:
    """Return the quantiles of standardised errors, (leads, 99): of each lead, or where it has few, of all leads.

    Of n errors, the quantile is the one of rank level * (n + 1). Beyond the largest it grows as for normal errors.
    """
    leads = standard.shape[2]
    by_lead = [each[np.isfinite(each)] for each in np.moveaxis(standard, 2, 0)]
    if min(map(len, by_lead)) < ENOUGH:
        by_lead = [standard[np.isfinite(standard)]] * leads
    quantiles = np.empty((leads, len(LEVELS)))
    for lead, errors in enumerate(by_lead):
        ranked, count = np.sort(errors), len(errors)
        ranks = np.ceil((count + 1) * LEVELS / 100 - 1e-9).astype(int)
        highest = np.flatnonzero(ranks <= count)  # never empty but for fewer than one error
        last = highest[-1] if len(highest) else 0
        quantiles[lead] = ranked[np.minimum(ranks, count) - 1]
        quantiles[lead, last + 1 :] = quantiles[lead, last] * NORMAL[last + 1 :] / NORMAL[last]
    return quantiles
