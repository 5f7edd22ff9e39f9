"""A forecast and a backtest as panels of a picture, and a forecast as CSV, with the names and times of its file."""

import csv
import io
import math
from collections.abc import Sequence

import numpy as np

from chargen.errors import InputError
from chargen.report.forecast_plot import MOST_PANELS, Panel, Piece
from chargen.series.forecast.forecaster import Forecaster
from chargen.series.forecast.origin import bound_names, column_names
from chargen.series.reading.clock import Clock
from chargen.series.reading.columns import IDS
from chargen.series.reading.table import Table

HISTORY = 4  # horizons before the forecast in a picture, at least where there are so many
LEVEL = 90  # per cent, of the intervals in the picture of a backtest


def forecast_panels(
    forecaster: Forecaster,
    horizon: int,
    levels: Sequence[int],
    names: Sequence[str] = (),
    rows: int | None = None,
) -> list[Panel]:
    """Return the forecast of each series with the history before it.

    Args:
        levels: of the intervals, in per cent.
        names: of the series; () for all.
        rows: of history; None for four horizons, or a third of what there is.

    Raises:
        InputError: there is no series of a name, or the level or the horizon is not possible.
    """
    for name in names:
        if name not in forecaster.names:
            known = ", ".join(forecaster.names[:10]) + ", ..." * (len(forecaster.names) > 10)
            raise InputError(f"{name}: unknown; the forecaster knows {known or 'one without a name'}", setting="series")
    clock = Clock(**forecaster.about.get("clock", {}))
    panels = []
    for name, (points, bounds) in forecaster.forecasts(horizon, levels).items():
        history = forecaster.history(name)
        history = history[-(rows or max(HISTORY * horizon, len(history) // 3)) :]
        times = clock.times(forecaster.about.get("last", {}).get(name, "0"), range(1 - len(history), horizon + 1))
        panels.append(Panel(name, history, times, [Piece(len(history), points, bounds)], name))
    return [panel for panel in panels if panel.name in names or not names]


def backtest_panels(forecaster: Forecaster, table: Table) -> list[Panel]:
    """Return what the backtest forecast for the rows held out, beside what came, for the series forecast worst.

    Args:
        forecaster: fitted to the `table`, and not read from a file.
    """
    panels = []
    assert forecaster.tested is not None
    backtested = forecaster.backtested(LEVEL)
    figures = dict(zip(forecaster.names, forecaster.tested.by_series, strict=True))
    tested = [one for one in table.series if backtested[one.name]]
    worst = sorted(tested, key=lambda one: -(figures[one.name]["mase"] or 0))[:MOST_PANELS]
    for one in (one for one in tested if one in worst):
        rows, first = len(one.values), min(backtested[one.name])
        begin = max(first - max(HISTORY * forecaster.settings.horizon, (rows - first) // 2), 0)
        ends = [*backtested[one.name], rows][1:]  # each forecast is drawn up to where the next one begins
        pieces = [
            Piece(known - begin, points[: end - known], {level: (low[: end - known], high[: end - known])})
            for (known, (points, bounds)), end in zip(backtested[one.name].items(), ends, strict=True)
            for level, (low, high) in bounds.items()
        ]
        times = table.clock.times(one.last, range(begin + 1 - rows, 1))
        title = f"{one.name or 'backtest'}: mean error {figures[one.name]['mae']:.4g}"
        panels.append(Panel(one.name, one.values[begin:], times, pieces, title))
    return panels


def to_csv(forecaster: Forecaster, panels: Sequence[Panel]) -> str:
    """Return forecasts as CSV with the columns of Nixtla's tools: time, value, and bounds such as `-lo-90`, `-hi-90`.

    Args:
        panels: of the `forecaster`, see `forecast_panels`.
    """
    column, time = column_names(forecaster.about)
    ids = forecaster.about.get("ids", [IDS[0]] if forecaster.names != [""] else [])
    cells = forecaster.about.get("cells", {})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*ids, time, column, *bound_names(column, list(panels[0].pieces[0].bounds))])
    for panel in panels:
        own = cells.get(panel.name, [panel.name] * len(ids))
        (piece,) = panel.pieces
        low, high = zip(*piece.bounds.values(), strict=True)
        columns = np.array([piece.points, *reversed(low), *high])  # (columns, h)
        spread = np.ptp(np.concatenate([panel.values, columns.ravel()]))
        for when, values in zip(panel.times[piece.known :], columns.T, strict=True):
            writer.writerow([*own, when, *(_digits(value, spread) for value in values)])
    return text.getvalue()


def _digits(value: float, spread: float) -> str:
    """Return a number in full, whole ones first, to 8 digits of the spread of its series.

    >>> _digits(1777582412345.678, 2e11), _digits(1e9 + 1 / 3, 2.0), _digits(12.0, 5.0)
    ('1777582412346', '1000000000.3333334', '12')
    """
    decimals = max(7 - math.floor(math.log10(spread)), 0) if spread > 0 else 7
    rounded = round(value, decimals) + 0.0  # without a sign where it is 0
    return np.format_float_positional(rounded, trim="-") if 1e-6 < abs(rounded) < 1e16 else f"{rounded:.8g}"
