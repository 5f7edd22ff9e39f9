"""Data frames of pandas and polars: read as a CSV file with the same columns would be, and continued in kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from chargen.series.forecast.origin import bound_names, column_names
from chargen.series.reading.clock import Clock
from chargen.series.reading.columns import TIMES
from chargen.series.reading.rows import Rows
from chargen.series.reading.table import Table, TableSettings, table_of
from chargen.series.reading.time_formats import looks_like_time


@dataclass(frozen=True, eq=False)
class FrameKind:
    """What it takes to make a data frame like another.

    Attributes:
        make: its class, which takes columns by name.
        times: the first row of the column of times; None if the rows are counted.
        ids: by the name of each column that names the series: its first row, and its values by their texts.
        index: the columns that were its index, with the names that they had there.
        single: whether it was a single column with an index, no frame.
    """

    make: type
    times: Any
    ids: dict[str, tuple[Any, dict[str, Any]]]
    index: dict[str, Any]
    single: bool


def is_frame(y) -> bool:
    """Return whether `y` is a data frame, or one column of pandas with an index that is no mere count of rows."""
    return not isinstance(y, Mapping) and (hasattr(y, "columns") or (hasattr(y, "to_frame") and bool(_index(y))))


def read_frame(frame, **reading: Any) -> tuple[Table, FrameKind]:
    """Return the series of a data frame, and its kind.

    Args:
        frame: see `is_frame`; times and ids may be columns or its index.
        reading: see `TableSettings`.

    Raises:
        InputError: there is no series in it; the message gives the row, counted from 1.
    """
    single = not hasattr(frame, "columns")
    if single:
        frame = frame.to_frame("y" if frame.name is None else frame.name)
    columns = {str(name): frame[name] for name in frame.columns}
    index = {name: column for name, column in _index(frame).items() if name not in columns}
    columns = index | columns
    values = {name: column.to_list() for name, column in columns.items()}
    times = [name for name, own in values.items() if own and looks_like_time(_text(own[0]))]
    known = {}
    if (indexed := [name for name in times if name in index]) and not reading.get("count_rows"):
        known["time"] = indexed[0]
    if len(zones := {_zone(columns[name]) for name in times}) == 1:
        known["zone"] = zones.pop()
    cells = [list(row) for row in zip(*(map(_text, own) for own in values.values()), strict=True)]
    rows = Rows("the data frame", list(columns), False, list(range(1, len(cells) + 1)), cells, "row")
    table = table_of(rows, TableSettings(**{"decimal": "."} | known | reading))
    ids = {name: (columns[name][:1], {_text(value): value for value in values[name]}) for name in table.ids}
    named = {name: column.name for name, column in index.items() if name in (table.time, *table.ids)}
    return table, FrameKind(type(frame), table.time and columns[table.time][:1], ids, named, single)


def continued(kind: FrameKind, about: Mapping[str, Any], values: Mapping[str, np.ndarray], levels: Sequence[int] = ()):
    """Return a data frame of that kind, or a single column: ids, times, and the values that follow.

    Args:
        about: see `metadata_of`.
        values: by the name of the series, (h, columns): forecasts and the bounds of the `levels`.
    """
    column, time = column_names(about)
    clock, parts = Clock(**about["clock"]), list(values.items())
    made: dict[str, Any] = {}
    for place, (name, (like, by_text)) in enumerate(kind.ids.items()):
        cells = [by_text[about["cells"][series][place]] for series, rows in parts for _ in rows]
        made[name] = _column(like, cells)
    times = [text for series, rows in parts for text in clock.times(about["last"][series], range(1, len(rows) + 1))]
    made[time] = np.array(times, dtype=int) if kind.times is None else _column(kind.times, _read(kind.times, times))
    numbers = np.concatenate([rows for _, rows in parts])
    made |= dict(zip([column, *bound_names(column, levels)], numbers.T, strict=True))
    frame = kind.make(made)
    if kind.index:
        frame = frame.set_index([*kind.index]).rename_axis(index=[*kind.index.values()])
    return frame[column] if kind.single and not levels else frame


def _index(frame) -> dict[str, Any]:
    """Return the columns of an index of pandas by name, none where it counts rows; polars has no index."""
    index = getattr(frame, "index", None)
    if index is None or (index.names == [None] and index.dtype.kind in "iu"):
        return {}
    levels = [index.get_level_values(place).to_series() for place in range(index.nlevels)]
    unnamed = [
        TIMES[0] if len(level) and looks_like_time(_text(level.iloc[0])) else f"level_{place}"
        for place, level in enumerate(levels)
    ]
    return {str(name if level.name is None else level.name): level for name, level in zip(unnamed, levels, strict=True)}


def _zone(column) -> str:
    """Return the name of the time zone of a column's type, "" where it has none with a name."""
    zone = str(getattr(column.dtype, "tz", None) or getattr(column.dtype, "time_zone", None) or "")
    return zone if zone == "UTC" or "/" in zone else ""


def _text(value: Any) -> str:
    return str(getattr(value, "start_time", value))  # of a period of pandas


def _read(column, texts: list[str]) -> list[Any]:
    """Return the times in texts as values of the type in a column; periods are made of the times when they start."""
    kind: Any = datetime if hasattr(column.dtype, "freq") else type(column.to_list()[0])
    return [getattr(kind, "fromisoformat", kind)(text) for text in texts]


def _column(like, values: list[Any]):
    """Return values as a column of the type of another."""
    return type(like)(values, dtype=like.dtype)
