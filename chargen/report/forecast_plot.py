"""The picture of a forecast: history, forecast and prediction interval, from plain numbers."""

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
class Panel:
    """One series.

    Attributes:
        name: "" where there is only one.
        history: the last values before the forecast, array (rows,).
        times: of the history and the forecast, (rows + h,).
        points: array (h,).
        bounds: of the intervals, arrays (h,), by level in per cent.
    """

    name: str
    history: np.ndarray
    times: Sequence[str]
    points: np.ndarray
    bounds: Mapping[int, tuple[np.ndarray, np.ndarray]]


def save_forecast(panels: Sequence[Panel], path: str | Path, column: str, time: str) -> None:
    """Draw each series with its forecast and prediction intervals, and write a PNG.

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
    places = np.unique(np.linspace(0, len(times) - 1, MOST_TICKS).round().astype(int))
    return {int(place): times[place] for place in places}


def _draw(axes, panel: Panel) -> None:
    ahead = np.arange(1, len(panel.points) + 1)
    axes.plot(np.arange(1 - len(panel.history), 1), panel.history, color="black", lw=1.2, label="history")
    joined = np.r_[panel.history[-1], panel.points]  # without a gap after the last value
    axes.plot(np.r_[0, ahead], joined, color="tab:blue", lw=1.6, label="forecast")
    for place, (level, bounds) in enumerate(sorted(panel.bounds.items(), reverse=True)):
        shade = 0.25 / (len(panel.bounds) - place)  # the narrower one lies over the wider ones
        low, high = (np.r_[panel.history[-1], bound] for bound in bounds)
        axes.fill_between(np.r_[0, ahead], low, high, color="tab:blue", alpha=shade, lw=0, label=f"{level} % interval")
    first = 1 - len(panel.history)
    ticks = round_ticks(panel.times)
    axes.set_xticks(np.array(list(ticks)) + first, list(ticks.values()), rotation=20, ha="right")
    axes.axvline(0, color="gray", ls=":", lw=1)
    axes.grid(alpha=0.3)
    axes.set_title(panel.name, loc="left")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2 + len(panel.bounds), frameon=False)  # above the plot
