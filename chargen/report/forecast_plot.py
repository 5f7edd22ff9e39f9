"""The picture of forecasts, made or tested: values, forecasts and prediction intervals, from plain numbers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chargen.errors import InputError
from chargen.report.plots import new_figure, save_figure

MOST_PANELS = 12
FEWEST_TICKS, MOST_TICKS = 3, 6


@dataclass(frozen=True, eq=False)
class Piece:
    """A forecast made from the first rows of a series.

    Attributes:
        known: the number of those rows, at least 1.
        points: array (h,).
        bounds: of the intervals, arrays (h,), by level in per cent.
    """

    known: int
    points: np.ndarray
    bounds: Mapping[int, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Panel:
    """One series: its values, and the forecasts that are, or would have been, made from them.

    Attributes:
        name: "" where there is only one.
        values: array (rows,).
        times: of the values and of what is forecast after them.
        pieces: the forecasts, the earliest first, with intervals of the same levels.
        title: what the picture says above the series.
    """

    name: str
    values: np.ndarray
    times: Sequence[str]
    pieces: Sequence[Piece]
    title: str = ""


def save_forecast(panels: Sequence[Panel], path: str | Path, column: str, time: str) -> None:
    """Draw each series with its forecasts and prediction intervals, and write a PNG.

    Args:
        column, time: the labels of the y and x axes.

    Raises:
        InputError: too many series for one picture.
        SaveError: the picture cannot be written.
    """
    if len(panels) > MOST_PANELS:
        raise InputError(f"{len(panels)} series do not fit one picture", f"choose at most {MOST_PANELS} {{series}}")
    figure, all_axes = new_figure(len(panels))
    for axes, panel in zip(all_axes, panels, strict=True):
        _draw(axes, panel)
        axes.set_ylabel(column)
    axes.set_xlabel(time)
    save_figure(figure, path)


def round_ticks(times: Sequence[str]) -> dict[int, str]:
    """Return the labels of an axis of times by place: where years, months, days or hours begin, if there are dates.

    >>> round_ticks([f"{year}-{month:02}" for year in (2001, 2002, 2003) for month in range(1, 13)])
    {0: '2001', 12: '2002', 24: '2003'}
    """
    lengths = (4, 7, 10, 13, 16) if all(re.match(r"\d{4}-\d\d", time) for time in (times[0], times[-1])) else ()
    for length in lengths:  # of the part of a time that has the years, the months, the days, the hours, the minutes
        begins = [place for place, time in enumerate(times) if place == 0 or time[:length] != times[place - 1][:length]]
        if not re.fullmatch(r"(-01)*([ T]00)?(:00)*", times[0][length:]):
            del begins[0]  # the first one began before the picture does
        if len(begins) >= FEWEST_TICKS:
            return {place: times[place][:length] for place in begins[:: -(-len(begins) // MOST_TICKS)]}
    step = max(-(-(len(times) - 1) // (MOST_TICKS - 1)), 1)
    return {place: times[place] for place in range(0, len(times), step)}


def _draw(axes, panel: Panel) -> None:
    all_known = panel.pieces[-1].known == len(panel.values)
    axes.plot(panel.values, color="black", lw=1.2, label="history" if all_known else "values")
    for number, piece in enumerate(panel.pieces):
        _draw_piece(axes, piece, panel.values[piece.known - 1], labelled=number == 0)
    ticks = round_ticks(panel.times)
    axes.set_xticks(list(ticks), list(ticks.values()), rotation=20, ha="right")
    axes.grid(alpha=0.3)
    axes.set_title(panel.title, loc="left", fontsize="medium")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False)  # above the plot


def _draw_piece(axes, piece: Piece, last: float, labelled: bool) -> None:
    """Draw a forecast and its intervals, joined to the last value before it."""
    places = np.arange(piece.known - 1, piece.known + len(piece.points))
    label = "forecast" if labelled else None
    axes.plot(places, np.r_[last, piece.points], color="tab:blue", lw=1.6, label=label)
    for number, (level, bounds) in enumerate(sorted(piece.bounds.items(), reverse=True)):
        shade = 0.25 / (len(piece.bounds) - number)  # the narrower one lies over the wider ones
        low, high = (np.r_[last, bound] for bound in bounds)
        label = f"{level} % interval" if labelled else None
        axes.fill_between(places, low, high, color="tab:blue", alpha=shade, lw=0, label=label)
    axes.axvline(places[0], color="gray", ls=":", lw=1)
