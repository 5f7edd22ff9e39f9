"""`Fitted`: all that a forecaster has learned, and the forecasts that follow from it."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from chargen.errors import InputError
from chargen.report.words import counted
from chargen.series.forecast.backtest import Backtest, HeldOut
from chargen.series.forecast.combination import combine
from chargen.series.forecast.conformal_intervals import LEVELS, half_widths
from chargen.series.forecast.framing import Framing
from chargen.series.forecast.methods import METHODS, NETWORK, Method, aligned, forecast_with
from chargen.series.forecast.network import network_method
from chargen.series.forecast.plan import kept_rows, require_sizes
from chargen.training.recurrent import Recurrent

LARGEST_FORECAST = 1e300
CHUNK = 2**20  # values that are forecast at once


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a forecaster has learned.

    Attributes:
        names: of the series.
        shape: the structure in which they were given, see `chargen.series.forecast.checks.names_of`.
        framing: how the network's windows are made.
        season: of the other methods, in rows; 0 for none.
        tested: the backtest.
        epochs: that early stopping chose.
        network: trained on all rows; None where it does not count.
        history: the last values of each series, (series, rows); a shorter series begins with NaN.
        weights: how much each method counts, (series,) by its name.
        spreads: what the quantiles of errors are multiplied by, (series,).
        error_quantiles: of the backtest, for intervals, (leads, 99).
        limits: no forecast is below the first or above the second, (series, 2).
        reasons: why a series is not forecast as the others are, by its name.
        held_out: the forecasts of the backtest; None once read from a file, which does not keep them.
    """

    names: list[str]
    shape: str
    framing: Framing
    season: int
    tested: Backtest
    epochs: int
    network: Recurrent | None
    history: np.ndarray
    weights: dict[str, np.ndarray]
    spreads: np.ndarray
    error_quantiles: np.ndarray
    limits: np.ndarray
    reasons: dict[str, str]
    held_out: HeldOut | None = None

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each series in the arrays, by its name."""
        return {name: place for place, name in enumerate(self.names)}

    @property
    def measured(self) -> int:
        """The leads at which the backtest has measured errors."""
        return len(self.error_quantiles)

    @cached_property
    def methods(self) -> dict[str, Method]:
        """The methods that count, by name."""
        own = {NETWORK: network_method(self.network, self.framing)} if self.network is not None else {}
        return {name: method for name, method in (own | METHODS).items() if name in self.weights}

    def forecast(self, h: int | None) -> np.ndarray:
        """Return the next `h` values of all series, (series, h); None takes the horizon."""
        h = self.framing.horizon if h is None else h
        if h < 1:
            raise InputError(f"{h}: must be at least 1", setting="horizon")
        count = len(self.names)
        require_sizes(count, h)
        size = max(CHUNK // h, 1)
        parts = [self._combined(slice(first, first + size), h) for first in range(0, count, size)]
        return self._within(_finite(np.concatenate(parts)))

    def _combined(self, part: slice, h: int) -> np.ndarray:
        """Return the next `h` values of some of the series, (series, h)."""
        history = self.history[part]
        points = np.full((len(history), len(self.methods), h), np.nan)
        weights = np.stack([self.weights[name][part] for name in self.methods], axis=1)  # (series, methods)
        for place, method in enumerate(self.methods.values()):
            rows = np.flatnonzero(weights[:, place])
            if len(rows):
                points[rows, place] = forecast_with(method, history[rows], self.season, h)
        return combine(points, weights)

    def bounds(self, points: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper bounds of forecasts, as `forecast` returns them, (series, h) each."""
        if level not in LEVELS:
            raise InputError(f"{level}: must be a whole number of per cent from 1 to 99", setting="level")
        halves = self.spreads[:, None] * half_widths(self.error_quantiles, points.shape[1], level)  # (series, h)
        return self._within(points - halves), self._within(points + halves)

    def extended(self, rows: dict[str, np.ndarray], overlap: dict[str, int]) -> "Fitted":
        """Return the same after newer rows of some series, (rows,) each by name.

        Args:
            overlap: by name, how many known rows at the end the first of them replace.
        """
        series = [known[np.isfinite(known)] for known in self.history]
        limits = self.limits.copy()
        for name, values in rows.items():
            place = self.places[name]
            known = series[place][: max(len(series[place]) - overlap[name], 0)]
            series[place] = np.concatenate([known, values])
            if limits[place, 0] == 0 and values.min() < 0:
                limits[place, 0] = -np.inf  # it was 0 because no value was negative
        kept = kept_rows(self.framing, self.season)
        return replace(self, history=aligned([values[-kept:] for values in series]), limits=limits)

    def in_shape(self, rows: np.ndarray):
        """Return an array (series, ...) in the structure in which the series were given."""
        if self.shape == "one":
            return rows[0]
        return dict(zip(self.names, rows, strict=True)) if self.shape == "dict" else list(rows)

    def _within(self, values: np.ndarray) -> np.ndarray:
        """Return values, (series, h), within the limits."""
        return np.clip(values, self.limits[:, :1], self.limits[:, 1:])


def _finite(values: np.ndarray) -> np.ndarray:
    """Return forecasts, (series, h), if none is so large that it cannot be counted with."""
    if (np.abs(values) <= LARGEST_FORECAST).all():
        return values
    raise InputError(
        f"{counted(values.shape[1], 'row')} ahead the forecast is too large for a number",
        "ask for fewer rows, or fit with {log} switched off",
    )
