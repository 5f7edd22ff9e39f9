"""The backtest of a forecaster: its errors on rows that it has not seen, compared with naive forecasts."""

from dataclasses import dataclass

import numpy as np

from chargen.series.forecast.conformal_intervals import FEWEST_ERRORS
from chargen.series.forecast.metrics import mae, naive_scale, seasonal_naive, smape

NETWORK, NAIVE, SEASONAL = "network", "naive", "seasonal naive"


def default_folds(rows: int, horizon: int) -> int:
    """Return the number of folds that hold out a fifth of the rows, within 3 to 20.

    >>> default_folds(5_000, 24), default_folds(144, 12)
    (20, 3)
    """
    return min(max(rows // (5 * horizon), 3), 20)


def t_quantile_90(degrees: int) -> float:
    """Return the 0.9 quantile of Student's t distribution, from 3 degrees of freedom on by a series expansion.

    The expansion is Cornish and Fisher's (Abramowitz and Stegun, 26.7.5).

    >>> [round(t_quantile_90(degrees), 2) for degrees in (1, 2, 5, 19)]
    [3.08, 1.89, 1.47, 1.33]
    """
    z = 1.2816  # the 0.9 quantile of the normal distribution
    if degrees < 3:
        return {1: 3.078, 2: 1.886}[degrees]
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def rows_held_out(horizon: int, folds: int) -> int:
    """Return how many rows a backtest holds out: `folds` horizons, and enough errors at each of the horizon's leads."""
    return max(folds * horizon, horizon + FEWEST_ERRORS - 1)


def fold_starts(horizon: int, folds: int) -> np.ndarray:
    """Return the first held-out row of each fold, (folds,): evenly spaced, and the last fold ends with the last row."""
    return np.linspace(0, rows_held_out(horizon, folds) - horizon, folds).round().astype(int)


@dataclass(frozen=True)
class Backtest:
    """The errors of the network and of the baselines, over all folds and series.

    Attributes:
        folds: the number of folds.
        horizon: rows in each fold.
        figures: `mae`, `smape` and `mase` of the network and of each baseline; the MASE is None where it is undefined.
        margins: for each baseline, its mean absolute error minus the network's, in units of each series' scale: the
            mean over the folds and its standard error.
    """

    folds: int
    horizon: int
    figures: dict[str, dict[str, float | None]]
    margins: dict[str, tuple[float, float]]

    @property
    def unbeaten(self) -> list[str]:
        """The baselines that the network does not beat significantly, in a one-sided t-test at the 10 % level."""
        quantile = t_quantile_90(max(self.folds - 1, 1))
        return [name for name, (gain, error) in self.margins.items() if not gain > quantile * error]

    @property
    def verdict(self) -> str:
        """Whether the network beats the baselines, as one sentence."""
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
        return f"the network does not clearly beat {said}, {over}: the difference may be chance"


def compare(
    series: list[np.ndarray], forecasts: list[np.ndarray], scales: list[float], horizon: int, season: int
) -> Backtest:
    """Return the errors of a network's forecasts and of the baselines.

    Args:
        series: arrays (points,), with the rows held out.
        forecasts: for each series, the network's, (folds, horizon).
        scales: what the errors of each series are divided by for the margins.
        season: in rows, 0 for none.
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
    """Return the mean over the folds and its standard error; of one fold, its gain instead of the error."""
    error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else abs(gains[0])
    return float(gains.mean()), float(error)
