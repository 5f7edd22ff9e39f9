"""What a forecaster reached on rows that it had not seen, beside the naive forecasts, and how wide its errors are."""

from dataclasses import dataclass

import numpy as np

from chargen.series.forecast.metrics import mae, naive_scale, seasonal_naive, smape

NETWORK, NAIVE, SEASONAL = "network", "naive", "seasonal naive"
FEWEST_ERRORS = 20  # that the width of an interval is measured on
LEVELS = np.arange(1, 100)  # per cent


def usual_folds(rows: int, horizon: int) -> int:
    """Return how many folds suit a series: a fifth of its rows, but 3 to 20 folds.

    >>> usual_folds(5_000, 24), usual_folds(144, 12)
    (20, 3)
    """
    return min(max(rows // (5 * horizon), 3), 20)


def luck(folds: int) -> float:
    """Return the standard errors that one backtest in ten is ahead by, of forecasts that are equally good.

    It is the quantile of Student's t at 0.9: from 3 degrees of freedom on by the first terms of its expansion.

    >>> [round(luck(folds), 2) for folds in (2, 3, 6, 20)]
    [3.08, 1.89, 1.47, 1.33]
    """
    z, degrees = 1.2816, max(folds - 1, 1)
    if degrees < 3:
        return {1: 3.078, 2: 1.886}[degrees]
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def rows_held_out(horizon: int, folds: int) -> int:
    """Return how many rows a backtest holds out: `folds` horizons, or what every lead's error is measured on."""
    return max(folds * horizon, horizon + FEWEST_ERRORS - 1)


def fold_starts(horizon: int, folds: int) -> np.ndarray:
    """Return where the folds begin in the rows held out, (folds,), evenly spaced, the last one ending with them."""
    return np.linspace(0, rows_held_out(horizon, folds) - horizon, folds).round().astype(int)


@dataclass(frozen=True)
class Backtest:
    """Figures over all folds and series.

    Attributes:
        folds: their number.
        horizon: rows in each.
        figures: `mae`, `smape` and `mase` of the network and of each baseline; None for a MASE without a scale.
        margins: for each baseline, by how much the network's error is smaller, mean over the folds and its standard
            error, in units of each series' scale.
    """

    folds: int
    horizon: int
    figures: dict[str, dict[str, float | None]]
    margins: dict[str, tuple[float, float]]

    @property
    def unbeaten(self) -> list[str]:
        """The baselines that the network does not clearly beat: by enough to be no luck."""
        return [name for name, (gain, error) in self.margins.items() if not gain > luck(self.folds) * error]

    @property
    def verdict(self) -> str:
        """One sentence."""
        maes = {name: figures["mae"] for name, figures in self.figures.items()}
        names = self.unbeaten or list(self.margins)
        said = " and ".join(f"{name} ({maes[name]:.4g})" for name in names)
        over = f"with a mean absolute error of {maes[NETWORK]:.4g} over {self.folds} fold{'s' * (self.folds > 1)}"
        if not self.unbeaten:
            return f"the network beats {said}, {over}"
        best = min(names, key=lambda name: self.margins[name][0])
        if self.margins[best][0] <= 0:
            return f"the network does not beat {said}, {over}; prefer the {best} forecast"
        if self.folds == 1:
            return f"the network does not clearly beat {said}, {over}, which is too few to tell; use more folds"
        return f"the network does not clearly beat {said}, {over}: on so few or so uneven ones it may be luck"


def compare(
    series: list[np.ndarray], forecasts: list[np.ndarray], scales: list[float], horizon: int, season: int
) -> Backtest:
    """Return the figures of a network's forecasts and of the baselines.

    Args:
        series: arrays (points,), whole.
        forecasts: for each series, those of its folds, (folds, horizon).
        scales: of each series' errors, for the margins.
        season: rows, 0 where there is none.
    """
    folds = len(forecasts[0])
    methods = {NETWORK: None, NAIVE: 1} | ({SEASONAL: season} if season > 1 else {})
    figures, errors = {}, {}
    for method, cycle in methods.items():
        scores, errors[method] = [], np.zeros(folds)
        for values, own, scale in zip(series, forecasts, scales, strict=True):
            starts = len(values) - rows_held_out(horizon, folds) + fold_starts(horizon, folds)
            if cycle:
                own = np.array([seasonal_naive(values[:start], horizon, cycle) for start in starts])
            actual = np.array([values[start : start + horizon] for start in starts])  # (folds, horizon)
            in_sample = naive_scale(values[: starts[0]], season or 1)
            scores.append((mae(actual, own), smape(actual, own), mae(actual, own) / in_sample if in_sample else np.nan))
            errors[method] += np.abs(actual - own).mean(1) / scale / len(series)
        means = dict(zip(("mae", "smape", "mase"), np.mean(scores, 0).tolist(), strict=True))  # over the series
        figures[method] = {name: value if np.isfinite(value) else None for name, value in means.items()}
    margins = {name: _margin(errors[name] - errors[NETWORK]) for name in methods if name != NETWORK}
    return Backtest(folds, horizon, figures, margins)


def _margin(gains: np.ndarray) -> tuple[float, float]:
    """Return the mean over the folds and its standard error; of a single fold, which cannot tell, all that it gains."""
    error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else abs(gains[0])
    return float(gains.mean()), float(error)


def measure_widths(errors: np.ndarray) -> np.ndarray:
    """Return the half widths of intervals at LEVELS by lead, (leads, 99): quantiles of the errors made that far ahead.

    Of n errors the level-th part of n + 1 is taken, as one more error would rank among them; what is farther ahead is
    no better known than what comes before it.

    Args:
        errors: absolute, (origins, leads), NaN where the rows ended.
    """
    ranked = np.sort(errors, axis=0)  # (origins, leads), NaN last
    counts = np.isfinite(errors).sum(0)  # (leads,)
    ranks = np.ceil(np.outer(counts + 1, LEVELS / 100) - 1e-9).astype(int)  # (leads, 99)
    ranks = np.minimum(ranks, counts[:, None])
    return np.maximum.accumulate(ranked[ranks - 1, np.arange(errors.shape[1])[:, None]], axis=0)


def half_widths(widths: np.ndarray, leads: int, level: int) -> np.ndarray:
    """Return the half widths of intervals, (leads,): beyond the leads that were measured they grow as a random walk's.

    Args:
        widths: as `measure_widths` gives them.
        level: in per cent, from 1 to 99.
    """
    lead = np.arange(1, leads + 1)
    measured = np.minimum(lead, len(widths))
    return widths[measured - 1, level - 1] * np.sqrt(lead / measured)


def highest_level(measured: int, leads: int) -> int:
    """Return the highest level, in per cent, that errors so far ahead can tell: n of them tell up to n / (n + 1).

    Args:
        measured: leads that were measured.
    """
    count = FEWEST_ERRORS + max(measured - leads, 0)
    return min(100 * count // (count + 1), 99)
