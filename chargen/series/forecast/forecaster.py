"""`Forecaster`: forecasts of one or several series by a network and simpler methods, with prediction intervals."""

import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chargen.errors import InputError
from chargen.series.forecast.backtest import Backtest
from chargen.series.forecast.checks import names_of, series_of
from chargen.series.forecast.fitted import Fitted
from chargen.series.forecast.fitting import BacktestResult, Step, fit_series, run_backtest
from chargen.series.forecast.forecaster_file import read_forecaster, write_forecaster
from chargen.series.forecast.frames import FrameKind, continued, is_frame, read_frame
from chargen.series.forecast.framing import Framing
from chargen.series.forecast.newer import join, reading_of
from chargen.series.forecast.origin import metadata_of
from chargen.series.forecast.plan import make_plan, require_within
from chargen.series.forecast.settings import ForecastSettings
from chargen.series.reading.table import Table


class Forecast(NamedTuple):
    """The next values of a series, (h,), and by level in per cent the bounds of their intervals, (h,) each."""

    points: np.ndarray
    bounds: dict[int, tuple[np.ndarray, np.ndarray]]


class Forecaster:
    """Forecasts one series, or several: by one network, and by the methods in `chargen.series.forecast.methods`.

    A backtest on the last rows decides how much each of them counts in the forecast of each series.

    >>> values = 10 + np.sin(np.arange(120) * np.pi / 6)
    >>> forecaster = Forecaster(horizon=6, epochs=2, folds=2).fit(values)
    >>> forecaster.predict(12).shape
    (12,)

    Attributes:
        settings: as given.
        framing: how the network's windows are made, from the first step of fitting on.
        trains: whether a network is trained, from the first step of fitting on.
        about: metadata, JSON values that are kept in the file.
    """

    def __init__(self, horizon: int = 24, cell: str = "gru", **options: Any):
        """Prepare to fit; see `ForecastSettings` for the options."""
        self.settings = ForecastSettings(horizon, cell, **options)
        self.framing: Framing | None = None
        self.trains = False
        self.about: dict[str, Any] = {}
        self._fitted: Fitted | None = None
        self._kind: FrameKind | None = None

    def fit(self, y, **reading: Any) -> "Forecaster":
        """Backtest, then learn from all rows.

        Args:
            y: an array of shape (points,), or what NumPy can make into one; or a dict or a list of such series; or a
                data frame of pandas or polars with a column of values, and perhaps others of times and ids, which may
                also be its index; or a column of pandas with an index of times.
            reading: of a data frame, where it does not follow from its columns, see `TableSettings`: `column="sold"`.

        Raises:
            InputError: a series holds values that are not finite numbers, or is too short for what was asked for.
            TrainingError: the loss is no longer a finite number.
        """
        for _ in self.fitting(y, **reading):
            pass
        return self

    def fitting(self, y, **reading: Any) -> Iterator[Step]:
        """Do what `fit` does, and yield a record of training several times a second."""
        self._fitted, self._kind, self.about, settings = None, None, {}, self.settings
        if is_frame(y):
            table, self._kind = read_frame(y, **reading)
            for note in table.notes:
                warnings.warn(note, stacklevel=4)
            self.about = metadata_of(table, "", **reading)
            y, settings = _series_in(table, settings)
        names, shape = names_of(y)
        series = series_of(y, names)
        plan = make_plan(names, series, settings)
        self.framing, self.trains = plan.framing, bool(plan.learned)
        self._fitted = yield from fit_series(names, shape, series, settings, plan)

    def backtest(self, y, folds: int | None = None, **reading: Any) -> Backtest:
        """Return the errors of a forecaster with these settings on the last rows, which it has not seen.

        Args:
            y, reading: as for `fit`.
            folds: their number, instead of that of the settings.
        """
        settings = self.settings if folds is None else replace(self.settings, folds=folds)
        if is_frame(y):
            y, settings = _series_in(read_frame(y, **reading)[0], settings)
        names, _ = names_of(y)
        series = series_of(y, names)
        steps = run_backtest(series, settings, make_plan(names, series, settings))
        return _result_of(steps).tested

    def extend(self, y, overlap: int | Mapping[str, int] = 0) -> "Forecaster":
        """Go on from newer rows, without fitting again.

        Args:
            y: the rows that follow, as for `fit`; a dict or a data frame may leave series out.
            overlap: how many known rows at the end of a series its first rows in `y` replace, as they were revised; for
                all series, or by name. The times of a data frame tell it.

        Raises:
            InputError: a series is unknown, or its values are no numbers that `fit` would have taken.
        """
        fitted = self._require_fitted()
        if is_frame(y):
            for note in self.extend_by(read_frame(y, **reading_of(self.about))[0]):
                warnings.warn(note, stacklevel=2)
            return self
        names, _ = names_of(y)
        rows = dict(zip(names, series_of(y, names), strict=True))
        for name, values in rows.items():
            if name not in fitted.places:
                raise InputError(f"series {name!r} is unknown to the forecaster", "leave it out, or fit again")
            require_within(name, values, self.settings)
        replaced = dict.fromkeys(names, overlap) if isinstance(overlap, int) else dict(overlap)
        self._fitted = fitted.extended(rows, replaced)
        return self

    def extend_by(self, table: Table) -> list[str]:
        """Go on from the rows of a newer table, see `extend`; return what a person should know."""
        newer = join(self.about, table, self.history)
        self.extend(newer.rows, newer.overlap)
        self.about["last"] |= newer.last
        return newer.notes

    def predict(self, h: int | None = None, levels: Sequence[int] = ()):
        """Return the next `h` values of each series, in the structure that was given to `fit`.

        Args:
            levels: of intervals, in per cent, that a data frame is to hold too.
        """
        fitted = self._require_fitted()
        if self._kind:
            rows = {
                name: np.column_stack([points, *(low for low, _ in reversed(own)), *(high for _, high in own)])
                for name, (points, bounds) in self.forecasts(h, levels).items()
                for own in [list(bounds.values())]
            }
            return continued(self._kind, self.about, rows, sorted(set(levels)))
        if levels:
            raise InputError(f"{list(levels)}: only a data frame holds bounds too", "call interval", setting="levels")
        return fitted.in_shape(fitted.forecast(h))

    def interval(self, h: int | None = None, level: int = 90):
        """Return the lower and upper bounds of prediction intervals for the next `h` values, as `predict` does.

        They are conformal: quantiles of the backtest's errors at each lead. Beyond the `measured` leads they grow with
        the square root of the lead, like those of a random walk.

        Args:
            level: in per cent, the share of intervals that should contain the value.
        """
        fitted = self._require_fitted()
        sides = fitted.bounds(fitted.forecast(h), level)
        if kind := self._kind:
            return tuple(
                continued(kind, self.about, dict(zip(fitted.names, side[..., None], strict=True))) for side in sides
            )
        low, high = sides
        return fitted.in_shape(low), fitted.in_shape(high)

    def forecasts(self, h: int | None = None, levels: Sequence[int] = (90,)) -> dict[str, Forecast]:
        """Return the forecast of each series by name, with intervals of several levels; see `interval`."""
        fitted = self._require_fitted()
        points = fitted.forecast(h)  # (series, h)
        bounds = {level: fitted.bounds(points, level) for level in sorted(set(levels))}
        return {
            name: Forecast(points[row], {level: (low[row], high[row]) for level, (low, high) in bounds.items()})
            for row, name in enumerate(fitted.names)
        }

    def backtested(self, level: int = 90) -> dict[str, dict[int, Forecast]]:
        """Return what the backtest forecast, by the name of a series and by the number of rows known before.

        The forecasts stand side by side. A forecaster read from a file has none.

        Args:
            level: of the intervals, in per cent; they are as wide as those of a forecast from the last row.
        """
        fitted = self._require_fitted()
        found: dict[str, dict[int, Forecast]] = {name: {} for name in fitted.names}
        if held := fitted.held_out:
            bounds = [fitted.bounds(held.points[:, place], level) for place in range(held.points.shape[1])]
            for row, name in enumerate(fitted.names):
                for place in held.side_by_side(row):
                    low, high = (side[row] for side in bounds[place])
                    found[name][int(held.cuts[row, place])] = Forecast(held.points[row, place], {level: (low, high)})
        return found

    @property
    def names(self) -> list[str]:
        """The names of the series."""
        return list(self._require_fitted().names)

    @property
    def weights(self) -> dict[str, dict[str, float]]:
        """How much each method counts in the forecast, by the name of the series."""
        fitted = self._require_fitted()
        rows = zip(*(weights.tolist() for weights in fitted.weights.values()), strict=True)
        return {name: dict(zip(fitted.weights, row, strict=True)) for name, row in zip(fitted.names, rows, strict=True)}

    @property
    def tested(self) -> Backtest | None:
        """The backtest; None before `fit`."""
        return self._fitted.tested if self._fitted else None

    @property
    def epochs(self) -> int:
        """The epochs that early stopping chose, 0 without a network."""
        return self._require_fitted().epochs

    @property
    def measured(self) -> int:
        """The leads, in rows ahead, at which the backtest has measured errors."""
        return self._require_fitted().measured

    def history(self, name: str) -> np.ndarray:
        """Return the last values of a series, (rows,)."""
        fitted = self._require_fitted()
        values = fitted.history[fitted.places[name]]
        return values[np.isfinite(values)]

    @property
    def reasons(self) -> dict[str, str]:
        """Why a series is not forecast as the others are, by its name: "naive forecast: constant"."""
        return dict(self._require_fitted().reasons)

    def save(self, path: str | Path) -> None:
        """Write the forecaster to one file, atomically.

        Raises:
            SaveError: the file cannot be written.
        """
        write_forecaster(Path(path), self.settings, self._require_fitted(), self.about)

    @classmethod
    def load(cls, path: str | Path) -> "Forecaster":
        """Read a forecaster, verified.

        Raises:
            CheckpointError: the file is missing, is not a forecaster, was altered, or needs a newer chargen.
        """
        forecaster = cls()
        forecaster.settings, forecaster._fitted, forecaster.about = read_forecaster(Path(path))
        forecaster.framing = forecaster._fitted.framing
        return forecaster

    def _require_fitted(self) -> Fitted:
        if self._fitted is None:
            raise InputError("this forecaster is not fitted yet", "call fit first")
        return self._fitted


def _series_in(table: Table, settings: ForecastSettings) -> tuple[dict[str, np.ndarray], ForecastSettings]:
    """Return the series of a table by name, and settings that know the seasons of its calendar."""
    likely = settings.likely_seasons or table.clock.seasons
    return {one.name: one.values for one in table.series}, replace(settings, likely_seasons=likely)


def _result_of(steps: Generator[Step, None, BacktestResult]) -> BacktestResult:
    """Run a generator to its end; return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value
