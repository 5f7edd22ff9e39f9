"""Which columns of a table hold the values, the times, and the names of the series."""

import itertools
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from chargen.errors import InputError
from chargen.series.reading.numbers import MISSING, looks_like_number
from chargen.series.reading.rows import Rows, listed
from chargen.series.reading.time_formats import looks_like_time, read_all, readings

IDS, TIMES, VALUES = ("unique_id", "series_id", "item_id"), ("ds", "date", "timestamp", "time", "datetime"), ("y",)
UNITS = ("year", "quarter", "month", "week", "day", "hour", "minute")
COUNTED = {
    *UNITS,
    *TIMES,
    "period",
    "time_period",
    "year_month",
    "yearmonth",
    "t",
    "step",
}  # names of numbers that are times
SAMPLE = 20  # rows that show what a column holds
MOST_IDS = 12  # columns that are tried as ids


@dataclass(frozen=True)
class Columns:
    """The places of columns.

    Attributes:
        value: of the values.
        time: of the times, or None.
        ids: of the columns that together name a series.
        unused: of all others.
    """

    value: int
    time: int | None
    ids: tuple[int, ...]
    unused: tuple[int, ...]


def choose_columns(
    rows: Rows,
    column: str | None = None,
    time: str | None = None,
    ids: tuple[str, ...] = (),
    count_rows: bool = False,
    time_format: str | None = None,
) -> Columns:
    """Return what the columns hold: as named, or else by convention, or else by what is in them.

    Args:
        column, time, ids: names; None and () where they are not given.
        count_rows: whether to take the rows in order, without times.
        time_format: of the times, if it is known.

    Raises:
        InputError: there is no such column, more than one that would do, or the times are in two.
    """
    value_at = None if column is None else rows.place(column)
    time_at = None if time is None else rows.place(time)
    ids_at = tuple(rows.place(name) for name in ids)
    for at, count in Counter([value_at, time_at, *ids_at]).items():
        if at is not None and count > 1:
            message = f"{rows.path}: {rows.names[at]!r} is named for two purposes"
            raise InputError(message, "give each a column of its own")
    taken = {value_at, time_at, *ids_at}
    if not ids and (known := [rows.names.index(name) for name in IDS if name in rows.names]):
        ids_at = tuple(at for at in known[:1] if at not in taken)
    kinds = _Kinds(rows, {value_at, time_at, *ids_at})
    if time_at is None and not count_rows:
        time_at = kinds.time(time_format)
    if time_at is not None and not ids_at:
        ids_at = _ids(rows, kinds, value_at, time_at)
    if value_at is None:
        value_at = kinds.value({time_at, *ids_at})
    used = {value_at, time_at, *ids_at}
    unused = tuple(at for at in range(len(rows.names)) if at not in used and not (at == 0 and rows.unnamed))
    return Columns(value_at, time_at, ids_at, unused)


class _Kinds:
    """What the columns hold that are not taken, by a sample of their cells."""

    def __init__(self, rows: Rows, taken: set[int | None]):
        self.rows = rows
        step = max(len(rows.cells) // SAMPLE, 1)
        self._sample = rows.cells[::step]
        if len(rows.names) > 1000:
            self._sample = self._sample[:3]
        self.free = [at for at in range(len(rows.names)) if at not in taken]
        self.numbers = [at for at in self.free if self._mostly(at, looks_like_number)]

    def _mostly(self, at: int, holds: Callable[[str], bool]) -> bool:
        cells = [cell for row in self._sample if (cell := row[at].strip()).lower() not in MISSING]
        return bool(cells) and 2 * sum(map(holds, cells)) > len(cells)  # a few may be wrong, which is told later

    def time(self, form: str | None) -> int | None:
        """Return the column of the times, or None: a column of times, or of numbers whose name says so.

        Raises:
            InputError: there is more than one, or none of the `form`.
        """
        numbers = set(self.numbers)
        if form is None:
            times = [at for at in self.free if at not in numbers and self._mostly(at, looks_like_time)]
        else:
            times = [at for at in self.free if self._mostly(at, lambda cell: read_all([cell], form) is not None)]
            if not times:
                message = f"{self.rows.path}: no column has times of the form {form}"
                raise InputError(message, "correct the {time_format}, or name the column with {time}")
        texts = times or [at for at in self.free if at not in numbers]  # which are then told to be no times
        known = [at for name in TIMES for at in texts if self.rows.names[at].lower() == name]
        if len(times) > 1 and not known:
            names = listed([self.rows.names[at] for at in times])
            raise InputError(f"{self.rows.path} has several columns of times: {names}", "choose one with {time}")
        counted = [at for at in self.numbers if self._is_counted(at)] if len(self.numbers) > 1 else []
        counted.sort(key=self._is_index)
        return next(iter([*known, *times, *counted]), None)

    def _is_counted(self, at: int) -> bool:
        return (self.rows.names[at].lower() in COUNTED or self._is_index(at)) and bool(
            readings(sorted(set(self.rows.column(at))))
        )

    def _is_index(self, at: int) -> bool:
        return at == 0 and self.rows.unnamed

    def _is_place(self, at: int) -> bool:
        """Return whether a column of numbers counts rows, or the parts of a time, and so is none of values."""
        return self._is_index(at) or self.rows.names[at].lower() in UNITS

    def is_clock(self, at: int) -> bool:
        """Return whether a column holds times of day, without dates."""
        return self._mostly(
            at, lambda cell: re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?( ?[AaPp]\.?[Mm]\.?)?", cell) is not None
        )

    def value(self, taken: set[int | None]) -> int:
        """Return the column of the values: `y`, or the only column of numbers.

        Raises:
            InputError: there is more than one, or none.
        """
        left = [at for at in self.free if at not in taken]
        numbers = [at for at in self.numbers if at not in taken and not self._is_place(at)] or left
        if known := [at for at in left if self.rows.names[at] in VALUES]:
            return known[0]
        if not left:
            raise InputError(f"{self.rows.path}: no column of values; its columns are {listed(self.rows.names)}")
        if len(numbers) > 1:
            names = listed([self.rows.names[at] for at in numbers])
            advice = "choose one with {column}" + ", or name that of the times with {time}" * (None in taken)
            raise InputError(f"{self.rows.path} has several columns of values: {names}", advice)
        return numbers[0]


def _ids(rows: Rows, kinds: _Kinds, value_at: int | None, time_at: int) -> tuple[int, ...]:
    """Return the fewest columns without which times would repeat, () where they do not or no columns help."""
    times = rows.column(time_at)
    if len(set(times)) == len(times):
        return ()
    numbers = set(kinds.numbers)
    others = (*VALUES, *UNITS)
    free = [at for at in kinds.free if at not in (value_at, time_at) and rows.names[at].lower() not in others]
    candidates = [at for at in free if _may_name(rows.column(at), at in numbers)] if len(free) <= 10 * MOST_IDS else []
    candidates = candidates[:MOST_IDS]
    for count in range(1, len(candidates) + 1):
        for chosen in itertools.combinations(candidates, count):
            keys = [*zip(times, *(rows.column(at) for at in chosen), strict=True)]
            if len(set(keys)) == len(keys):
                if any(map(kinds.is_clock, chosen)):
                    raise _in_parts(rows, time_at, chosen[0])
                return chosen
    units = UNITS if rows.names[time_at].lower() in UNITS else UNITS[-2:]
    parts = [at for at in kinds.free if rows.names[at].lower() in units or kinds.is_clock(at)]
    if parts := [at for at in parts if at not in (value_at, time_at)]:
        raise _in_parts(rows, time_at, parts[0])
    return ()


def _in_parts(rows: Rows, time_at: int, other: int) -> InputError:
    joined = f"{rows.cells[0][time_at].strip()} and {rows.cells[0][other].strip()}"
    message = f"{rows.path}: the times seem to be in two columns, {rows.names[time_at]} and {rows.names[other]}"
    return InputError(
        message, f"write {joined} in one, such as 2024-03-01 07:00 or 2024-03, or ignore them with {{count_rows}}"
    )


def _may_name(texts: list[str], numeric: bool) -> bool:
    """Return whether a column may name series: each has some rows, and a number that names is a whole one."""
    return 3 * len(set(texts)) <= len(texts) and not (numeric and any(set(text) - set("0123456789") for text in texts))
