"""`read_table`: series from a CSV file, one or several in the long format. Errors name the line."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chargen.errors import InputError
from chargen.report.words import counted
from chargen.series.reading.clock import Clock
from chargen.series.reading.columns import IDS, Columns, choose_columns
from chargen.series.reading.filling import FILLS, Filled, fill
from chargen.series.reading.numbers import NumberError, Numbers, read_numbers
from chargen.series.reading.rows import Rows, listed, read_rows
from chargen.series.reading.source import read_text, shown
from chargen.series.reading.steps import Steps
from chargen.series.reading.time_formats import is_form
from chargen.series.reading.timing import Times, newest_first

WILD = 30  # times the distance of the quartiles, from the median: true values hardly lie so far
Groups = dict[tuple[str, ...], list[int]]  # the rows of each series, by the cells of its id columns


@dataclass(frozen=True)
class TableSettings:
    """How a CSV file is read; what is None is found out.

    Attributes:
        column: of the values.
        time: the column of the times.
        ids: the columns that together name a series.
        count_rows: whether to take the rows in order, without times.
        no_header: whether the first line is a row, and does not name the columns.
        time_format: of the times, as `datetime.strptime` has it, with %q for the quarter.
        zone: the time zone of the times, such as Europe/Berlin; "" for that of the file.
        decimal: the decimal mark, "." or ",".
        fill: how missing values and rows are filled: "linear" or "last"; None refuses them.
        encoding: of the file.
        clock: of the times, where it is known.
    """

    column: str | None = None
    time: str | None = None
    ids: tuple[str, ...] = ()
    count_rows: bool = False
    no_header: bool = False
    time_format: str | None = None
    zone: str = ""
    decimal: str | None = None
    fill: str | None = None
    encoding: str = "utf-8"
    clock: Clock | None = None

    def __post_init__(self):
        if self.fill not in (None, *FILLS):
            raise InputError(f"{self.fill!r}: unknown", f"choose one of {', '.join(FILLS)}", setting="fill")
        if self.decimal not in (None, ".", ","):
            raise InputError(f"{self.decimal!r}: must be . or ,", setting="decimal")
        if self.time_format is not None and not ("%" in self.time_format and is_form(self.time_format)):
            raise InputError(
                f"{self.time_format!r}: not a format of times", "write it as %d/%m/%Y", setting="time_format"
            )
        if self.count_rows and self.time is not None:
            raise InputError("cannot be combined with a column of times", "leave out {time}", setting="count_rows")


@dataclass(frozen=True, eq=False)
class Series:
    """One series.

    Attributes:
        name: what its ids say, joined by "/"; "" in a file without them.
        values: float64 array (points,).
        first, last: the times of the first and the last value, as written in the file; the numbers of their rows where
            there are no times.
        lines: the line of each value, or of the last row before it that has one, (points,).
        ids: the cells of the id columns.
    """

    name: str
    values: np.ndarray
    first: str
    last: str
    lines: np.ndarray
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """The series of a file.

    Attributes:
        column: the name of the values' column.
        time: the name of the times' column, or None.
        clock: the step from row to row, the same in all series.
        ids: the names of the columns that together name a series.
        notes: what a reader should know: columns not used, values filled, holidays.
        decimal: the decimal mark of the values; None if all are whole.
    """

    series: list[Series]
    column: str
    time: str | None
    clock: Clock
    ids: tuple[str, ...]
    notes: list[str]
    decimal: str | None = None


def blamed(table: Table, source: str | Path, error: InputError) -> InputError:
    """Return an error about the series of a table as one about the file, with the line of the value to blame."""
    series, place = (getattr(error, name, None) for name in ("name", "place"))
    lines = [one.lines for one in table.series if one.name == series and place is not None]
    where = f"{shown(source)} line {lines[0][place]}" if lines else shown(source)
    return InputError(f"{where}: {error.message}", error.advice)


def read_table(source: str | Path, settings: TableSettings | None = None, **options: Any) -> Table:
    """Read series from a CSV file.

    Args:
        source: a path, "-" for standard input, or a URL; a file compressed by gzip too.
        settings: how; or its attributes as `options`.

    Raises:
        InputError: the file cannot be read, or does not hold a series; the message gives the line.
    """
    settings = replace(settings or TableSettings(), **options)
    named = bool(settings.column or settings.time or settings.ids)
    rows = read_rows(shown(source), read_text(source, settings.encoding), not settings.no_header, named)
    return table_of(rows, settings)


def table_of(rows: Rows, settings: TableSettings) -> Table:
    """Return the series that rows hold; it raises what `read_table` does."""
    columns = choose_columns(
        rows, settings.column, settings.time, settings.ids, settings.count_rows, settings.time_format
    )
    values, decimal = _values(rows, columns.value, settings)
    groups = _groups(rows, columns.ids)
    notes = _notes(rows, columns, settings)
    steps = Steps(Clock(), [{}] * len(groups))
    if columns.time is not None:
        groups, steps, more = _in_time(rows, columns.time, groups, settings)
        notes += more
    series, more = _series(rows, columns, values, groups, steps, settings.fill)
    name = rows.names[columns.value]
    if not series:
        raise InputError(f"{rows.path}: all values of {name} are missing", "choose another {column}")
    time = None if columns.time is None else rows.names[columns.time]
    ids = tuple(rows.names[at] for at in columns.ids)
    return Table(series, name, time, steps.clock, ids, notes + more, decimal)


def _in_time(rows: Rows, at: int, groups: Groups, settings: TableSettings) -> tuple[Groups, Steps, list[str]]:
    """Return the rows of each series from the oldest one on, the steps between them, and notes."""
    notes, texts = [], rows.column(at)
    if newest_first([[texts[row] for row in places] for places in groups.values()], settings.time_format):
        groups = {ids: places[::-1] for ids, places in groups.items()}
        notes.append("the newest rows come first: they are read from the last to the first")
    named = {"/".join(ids): places for ids, places in groups.items()}
    times = Times(rows, at, named, settings.zone, gaps=settings.fill is not None)
    steps = times.following(settings.clock) if settings.clock else times.steps(settings.time_format)
    return groups, steps, notes + times.notes(steps)


def _series(
    rows: Rows,
    columns: Columns,
    values: np.ndarray,
    groups: Groups,
    steps: Steps,
    method: str | None,
) -> tuple[list[Series], list[str]]:
    """Return the series without holes, and notes on what was filled in or left out."""
    series, notes = [], []
    filled = kept = 0
    for (ids, places), holes in zip(groups.items(), steps.holes, strict=True):
        own = values[places]  # (rows of the series,)
        whole = fill(own, holes, method) if method else Filled(own, 0, len(own) - 1, 0, np.arange(len(own)))
        if whole is None:
            notes.append(f"series {'/'.join(ids)!r} has no values and is left out")
            continue
        first, last = (
            str(row + 1) if columns.time is None else rows.cells[places[row]][columns.time].strip()
            for row in (whole.first, whole.last)
        )
        lines = np.array([rows.lines[place] for place in places])[whole.rows]
        series.append(Series("/".join(ids), whole.values, first, last, lines, ids))
        filled += whole.filled
        kept += whole.last + 1 - whole.first
    notes += _wild(series, rows.unit)
    if left_out := len(rows.cells) - kept:
        notes.append(f"left out {counted(left_out, 'row')} before the first or after the last value")
    if filled:
        notes.append(f"filled in {filled:,} of {counted(sum(len(one.values) for one in series), 'value')}: {method}")
    return series, notes


def _wild(series: list[Series], unit: str) -> list[str]:
    """Return a note on values that lie so far from the others of their series that they may be no true ones."""
    found = []
    for one in series:
        low, middle, high = np.quantile(one.values, (0.25, 0.5, 0.75))
        far = np.flatnonzero(np.abs(one.values - middle) > (WILD * (high - low) or np.inf))
        found += [f"{one.values[place]:.15g} in {unit} {one.lines[place]}" for place in far]
    if not found:
        return []
    more = f", and {counted(len(found) - 1, 'more value')}" if len(found) > 1 else ""
    return [f"far from the other values: {found[0]}{more}; correct it if it is an error, or marks a missing value"]


def _values(rows: Rows, at: int, settings: TableSettings) -> Numbers:
    """Return the numbers of a column, (rows,), NaN where one is missing and will be filled."""
    name, texts = rows.names[at], rows.column(at)
    try:
        numbers = read_numbers(texts, settings.decimal)
    except NumberError as error:
        raise rows.error(error.place, f"{name} {error.message}", error.advice) from None
    if settings.fill is None and len(missing := np.flatnonzero(np.isnan(numbers.values))):
        row = int(missing[0])
        raise rows.error(row, f"{name} is missing ({texts[row]!r})", "fill it, see {fill}")
    return numbers


def _groups(rows: Rows, ids: tuple[int, ...]) -> Groups:
    """Return the rows of each series by the cells of its id columns."""
    groups: Groups = {}
    for row, cells in enumerate(rows.cells):
        groups.setdefault(tuple(cells[at].strip() for at in ids), []).append(row)
    names: dict[str, tuple[str, ...]] = {}
    for own, places in groups.items():
        other = names.setdefault("/".join(own), own)
        if other != own:
            message = f"the ids {' and '.join(own)} give the same name as {' and '.join(other)}"
            raise rows.error(places[0], message, "leave slashes out of ids")
    return groups


def _notes(rows: Rows, columns: Columns, settings: TableSettings) -> list[str]:
    names = [rows.names[at] for at in columns.unused]
    ids = " and ".join(rows.names[at] for at in columns.ids)
    notes = [f"series by {ids}"] if ids and ids != IDS[0] and not settings.ids else []
    if names and columns.time is None and not settings.count_rows:
        notes.append("no column of times: the rows are counted")
    return notes + ([f"columns not used: {listed(names)}"] if names else [])
