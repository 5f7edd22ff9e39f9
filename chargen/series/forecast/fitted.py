"""`Fitted`: all that a forecaster has learned, and the forecasts that follow from it."""

from dataclasses import dataclass

import numpy as np

from chargen.errors import InputError
from chargen.series.forecast.backtest import Backtest
from chargen.series.forecast.conformal_intervals import LEVELS, half_widths, highest_level
from chargen.series.forecast.framing import Framing
from chargen.series.forecast.network import roll_out
from chargen.training.recurrent import Recurrent


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a forecaster has learned.

    Attributes:
        names: of the series.
        shape: the structure in which they were given, see `chargen.series.forecast.checks.names_of`.
        framing: how windows are made.
        tested: the backtest.
        epochs: that early stopping chose.
        network: trained on all rows.
        scales: what each series is divided by, (series,).
        history: the last values of each series, (series, rows).
        error_quantiles: of the backtest, for intervals, (series, leads, 99).
    """

    names: list[str]
    shape: str
    framing: Framing
    tested: Backtest
    epochs: int
    network: Recurrent
    scales: np.ndarray
    history: np.ndarray
    error_quantiles: np.ndarray

    @property
    def measured(self) -> int:
        """The leads at which the backtest has measured errors."""
        return self.error_quantiles.shape[1]

    def forecast(self, h: int | None) -> np.ndarray:
        """Return the next `h` values of all series, (series, h); None takes the horizon."""
        h = self.framing.horizon if h is None else h
        if h < 1:
            raise InputError(f"{h}: must be at least 1", setting="horizon")
        scaled = self.framing.transform(self.history) / self.scales[:, None]  # (series, rows)
        points = roll_out(self.network, scaled, self.framing, h)
        with np.errstate(over="ignore"):
            return _finite(self.framing.inverse_transform(points * self.scales[:, None]))

    def forecast_intervals(self, h: int | None, level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the next `h` values of all series, and their lower and upper bounds, (series, h) each."""
        if level not in LEVELS:
            raise InputError(f"{level}: must be a whole number of per cent from 1 to 99", setting="level")
        points = self.forecast(h)  # (series, h)
        h = points.shape[1]
        if level > (highest := highest_level(self.measured, h)):
            raise InputError(
                f"{level}: the backtest has too few errors for more than {highest} % at {h} rows ahead",
                "ask for less, or fit with more {folds}",
                setting="level",
            )
        scaled = np.array([half_widths(each, h, level) for each in self.error_quantiles])  # (series, h)
        halves, middle = scaled * self.scales[:, None], self.framing.transform(points)
        with np.errstate(over="ignore"):
            low, high = (_finite(self.framing.inverse_transform(middle + sign * halves)) for sign in (-1, 1))
        return points, low, high

    def in_shape(self, rows: np.ndarray):
        """Return an array (series, ...) in the structure in which the series were given."""
        if self.shape == "one":
            return rows[0]
        return dict(zip(self.names, rows, strict=True)) if self.shape == "dict" else list(rows)


def _finite(values: np.ndarray) -> np.ndarray:
    """Return forecasts, (series, h), if all of them are finite."""
    if np.isfinite(values).all():
        return values
    lead = int(np.flatnonzero(~np.isfinite(values).all(0))[0]) + 1
    raise InputError(
        f"{lead:,} rows ahead the forecast is too large for a number",
        "ask for fewer rows, or fit with {log} switched off",
    )
