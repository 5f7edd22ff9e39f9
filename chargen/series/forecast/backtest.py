"""The backtest: where its forecasts begin, the errors of every method there, and what they say."""

from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np

from chargen.series.forecast.methods import FEWEST_ROWS, NAIVE, SEASONAL, Method, aligned, forecast_with
from chargen.series.forecast.metrics import naive_scale, smape

FORECAST = "forecast"  # the combination of the methods
ORIGINS = (4, 40)  # of a series, at least and at most
ALL_ORIGINS = 8000  # of all series, from which on each has the fewest
CHUNK = 500  # forecasts that are made before the caller hears of it


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


def held_out_rows(rows: int, horizon: int, folds: int | None) -> int:
    """Return how many rows at the end of a series its backtest holds out; 0 where there are too few to learn from.

    Args:
        folds: horizons to hold out; None takes `default_folds` of them, but not more than half of the rows.
    """
    wanted = folds * horizon if folds else min(default_folds(rows, horizon) * horizon, max(horizon, rows // 2))
    return max(min(wanted, rows - FEWEST_ROWS), 0)


def origins(lengths: list[int], held: list[int], horizon: int) -> np.ndarray:
    """Return the rows known at each origin, (series, origins): evenly spaced, 0 where a series has fewer origins.

    The last forecast ends with the last row. Where less than a horizon is held out, there is one, that ends early.
    """
    most = max(min(ALL_ORIGINS // max(len(lengths), 1), ORIGINS[1]), ORIGINS[0])
    cuts = np.zeros((len(lengths), most), int)
    for row, rows, out in zip(cuts, lengths, held, strict=True):
        if out:
            last = max(out - horizon, 0)
            own = np.unique(np.linspace(rows - out, rows - out + last, most).round().astype(int))
            row[: len(own)] = own
    return cuts


def actual_values(series: list[np.ndarray], cuts: np.ndarray, horizon: int) -> np.ndarray:
    """Return the values after each origin, (N, origins, horizon); NaN where there are none."""
    actual = np.full((*cuts.shape, horizon), np.nan)
    for number, place in np.argwhere(cuts > 0):
        rows = series[number][cuts[number, place] :][:horizon]
        actual[number, place, : len(rows)] = rows
    return actual


def backtest_forecasts(
    series: list[np.ndarray], cuts: np.ndarray, methods: dict[str, Method], season: int, horizon: int, kept: int
) -> Generator[float, None, np.ndarray]:
    """Forecast from every origin with every method; yield the share that is done.

    Args:
        kept: rows before an origin that the methods read.

    Returns:
        The forecasts, (N, origins, methods, horizon); NaN where a method has none.
    """
    points = np.full((*cuts.shape, len(methods), horizon), np.nan)
    places = np.argwhere(cuts > 0)
    places = places[np.argsort(cuts[tuple(places.T)], kind="stable")]  # of similar lengths side by side
    for first in range(0, len(places), CHUNK):
        numbers, at = places[first : first + CHUNK].T
        known = [series[n][max(cuts[n, k] - kept, 0) : cuts[n, k]] for n, k in zip(numbers, at, strict=True)]
        histories = aligned(known)
        for place, method in enumerate(methods.values()):
            points[numbers, at, place] = forecast_with(method, histories, season, horizon)
            yield (first + CHUNK * (place + 1) / len(methods)) / max(len(places), CHUNK)
    return points


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What is, or would have been, forecast for the rows that a backtest holds out.

    Attributes:
        cuts: rows before each origin, (series, origins); 0 where there is none.
        points: the forecasts, (series, origins, horizon).
    """

    cuts: np.ndarray
    points: np.ndarray

    def side_by_side(self, number: int) -> list[int]:
        """Return the places of a series' origins, the earliest first, whose forecasts hardly overlap."""
        places = np.flatnonzero(self.cuts[number])
        cuts, horizon = self.cuts[number, places], self.points.shape[2]
        if not len(places):
            return []
        wanted = np.arange(cuts.max(), cuts.min() - horizon / 2, -horizon)
        nearest = np.abs(cuts[:, None] - wanted).argmin(0)
        return places[np.unique(nearest)].tolist()


@dataclass(frozen=True)
class Backtest:
    """The errors of the forecast and of each method, over all origins and series.

    Attributes:
        folds: the number of horizons held out, at the median of the series.
        horizon: rows in each fold.
        figures: `mae`, `smape` and `mase` of the forecast and of each method; the MASE is None where it is undefined.
        margins: for each naive forecast, its mean absolute error minus the forecast's, in units of each series' scale:
            the mean over the origins and its standard error.
        subject: the method that is judged: "forecast", the combination, or the one that was asked for.
        shares: how much each method counts in the forecast, the mean over the series that are no exceptions.
        by_series: the same figures as `figures`, of the `subject` for each series; None where it has none.
    """

    folds: int
    horizon: int
    figures: dict[str, dict[str, float | None]]
    margins: dict[str, tuple[float, float]]
    subject: str = FORECAST
    shares: dict[str, float] = field(default_factory=dict)
    by_series: list[dict[str, float | None]] = field(default_factory=list)

    @property
    def unbeaten(self) -> list[str]:
        """The naive forecasts that are not beaten significantly, in a one-sided t-test at the 10 % level."""
        quantile = t_quantile_90(max(self.folds - 1, 1))
        return [name for name, (gain, error) in self.margins.items() if not gain > quantile * error]

    @property
    def verdict(self) -> str:
        """Whether the naive forecasts are beaten, as one sentence."""
        if self.subject == FORECAST and (alone := [name for name, share in self.shares.items() if share == 1]):
            return f"the forecast is the {alone[0]} forecast"
        if not self.margins:
            return "there are too few rows for a backtest"
        maes = {name: figures["mae"] for name, figures in self.figures.items()}
        names = self.unbeaten or list(self.margins)
        said = " and ".join(f"{name} ({maes[name]:.4g})" for name in names)
        subject = f"the {self.subject}" + " forecast" * (self.subject not in (FORECAST, "network"))
        over = f"with a mean absolute error of {maes[self.subject]:.4g} over {self.folds} fold{'s' * (self.folds > 1)}"
        if not self.unbeaten:
            return f"{subject} beats {said}, {over}"
        best = min(names, key=lambda name: self.margins[name][0])
        if self.margins[best][0] <= 0:
            return f"{subject} does not beat {said}, {over}" + f"; prefer the {best} forecast" * (
                self.subject != FORECAST
            )
        if self.folds == 1:
            return f"{subject} does not clearly beat {said}, {over}, which is too few to tell; use more folds"
        return f"{subject} does not clearly beat {said}, {over}: the difference may be chance"

    @property
    def composition(self) -> str:
        """Which methods the forecast is made of, as text: "62 % smoothing, 38 % network"."""
        shares = sorted(self.shares.items(), key=lambda item: -item[1])
        return ", ".join(f"{100 * share:.0f} % {name}" for name, share in shares if share >= 0.005)


def summarize(
    actual: np.ndarray,
    points: dict[str, np.ndarray],
    trainings: list[np.ndarray],
    season: int,
    folds: int,
    subject: str,
    shares: dict[str, float],
) -> Backtest:
    """Return the errors of forecasts from every origin.

    Args:
        actual: the values after each origin, (N, origins, horizon).
        points: the forecasts of each method and of the `subject`, (N, origins, horizon) each.
        trainings: the rows before the backtest.
        season: in rows, 0 for none.
    """
    horizon = actual.shape[2]
    in_sample = np.array([naive_scale(training, max(season, 1)) for training in trainings])  # (N,)
    changes = np.array([naive_scale(training, 1) for training in trainings])
    errors, measured = {}, {}
    for name, own in points.items():
        missed = np.abs(own - actual)  # (N, origins, horizon)
        errors[name] = _mean(missed, 2)  # (N, origins)
        by_series = _mean(missed, (1, 2))
        relative = by_series / np.where(in_sample > 0, in_sample, np.nan)
        measured[name] = {"mae": by_series, "smape": _smapes(actual, own), "mase": relative}
    figures = {
        name: {measure: _or_none(_mean(values, 0)) for measure, values in own.items()} for name, own in measured.items()
    }
    margins = {}
    for name in (NAIVE, SEASONAL):
        if name in points and name != subject and figures[name]["mae"] is not None:
            gains = (errors[name] - errors[subject]) / np.where(changes > 0, changes, np.nan)[:, None]
            margins[name] = _margin(_mean(gains, 0), folds)
    figures = {name: figure for name, figure in figures.items() if figure["mae"] is not None}
    own_figures = [
        {measure: _or_none(values[number]) for measure, values in measured[subject].items()}
        for number in range(len(actual))
    ]
    return Backtest(folds, horizon, figures, margins, subject, shares, own_figures)


def _margin(gains: np.ndarray, folds: int) -> tuple[float, float]:
    """Return the mean over the origins and its standard error, as of `folds` independent ones; of one, its gain."""
    gains = gains[np.isfinite(gains)]
    if not len(gains):
        return 0.0, 0.0
    count = min(len(gains), folds)
    error = gains.std(ddof=1) / np.sqrt(count) if count > 1 else abs(gains.mean())
    return float(gains.mean()), float(error)


def _smapes(actual: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the sMAPE of each series, (N,)."""
    known = np.isfinite(actual) & np.isfinite(points)
    pairs = zip(actual, points, known, strict=True)
    return np.array([smape(a[k], p[k]) if k.any() else np.nan for a, p, k in pairs])


def _or_none(value: float | np.ndarray) -> float | None:
    return float(value) if np.isfinite(value) else None


def _mean(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Return the means of what is not NaN; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis) / np.maximum(count, 1), np.nan)
