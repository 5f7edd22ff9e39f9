"""Data frames, as pandas and polars have them: read as a CSV file with the same columns would be, and continued."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chargen.series.forecast.origin import bound_names, column_names
from chargen.series.reading.clock import Clock
from chargen.series.reading.columns import TIMES
from chargen.series.reading.rows import Rows
from chargen.series.reading.table import Table, TableSettings, table_of


class FrameKind(NamedTuple):
    """What it takes to make a data frame like another: its class, its columns by name, and whether times index it."""

    make: type
    columns: dict[str, np.ndarray]
    indexed: bool


def is_frame(y) -> bool:
    """Return whether `y` has columns with names, as a data frame has."""
    return hasattr(y, "columns") and hasattr(y, "__getitem__") and not isinstance(y, Mapping)


def read_frame(frame, **reading: Any) -> tuple[Table, FrameKind]:
    """Return the series of a data frame, and its kind.

    Args:
        frame: with a column of values, and perhaps others of times and ids; times may also be its index.
        reading: see `TableSettings`.

    Raises:
        InputError: there is no series in it; the message gives the row, counted from 1.
    """
    columns = {str(name): np.asarray(frame[name]) for name in frame.columns}
    index = np.asarray(getattr(frame, "index", ()))
    indexed = index.dtype.kind == "M" and reading.get("time") not in columns
    if indexed:
        reading["time"] = str(frame.index.name or TIMES[0])
        columns = {reading["time"]: index} | columns
    texts = [_texts(column) for column in columns.values()]
    cells = [list(row) for row in zip(*texts, strict=True)]
    rows = Rows("the data frame", list(columns), False, list(range(1, len(cells) + 1)), cells, "row")
    settings = TableSettings(**{"decimal": "."} | reading)
    return table_of(rows, settings), FrameKind(type(frame), {name: each[:1] for name, each in columns.items()}, indexed)


def continued(kind: FrameKind, about: Mapping[str, Any], values: Mapping[str, np.ndarray], levels: Sequence[int] = ()):
    """Return a data frame of that kind: ids, times, and the values that follow.

    Args:
        about: see `metadata_of`.
        values: by the name of the series, (h, columns): forecasts and the bounds of the `levels`.
    """
    column, time = column_names(about)
    clock, parts = Clock(**about["clock"]), list(values.items())
    made: dict[str, Any] = {}
    for place, name in enumerate(about["ids"]):
        cells = [about["cells"][series][place] for series, rows in parts for _ in rows]
        made[name] = _like(kind.columns[name], cells)
    times = [text for series, rows in parts for text in clock.times(about["last"][series], range(1, len(rows) + 1))]
    made[time] = _like(kind.columns[time], times) if about["time"] else np.array(times, dtype=int)
    numbers = np.concatenate([rows for _, rows in parts])
    made |= dict(zip([column, *bound_names(column, levels)], numbers.T, strict=True))
    frame = kind.make(made)
    return frame.set_index(time) if kind.indexed else frame


def _texts(column: np.ndarray) -> list[str]:
    """Return the cells of a column as a CSV file has them."""
    if column.dtype.kind != "M":
        return [str(cell) for cell in column.tolist()]
    units = [unit for unit in ("D", "s", "us") if (column.astype(f"M8[{unit}]") == column).all()]
    return np.datetime_as_string(column.astype(f"M8[{units[0] if units else 'us'}]")).tolist()


def _like(column: np.ndarray, texts: list[str]) -> Any:
    """Return texts as values of the type that a column has."""
    if column.dtype.kind == "O":
        one = type(column[0])
        make = getattr(one, "fromisoformat", one)
        return [make(text) for text in texts]
    return np.array(texts).astype(column.dtype)
