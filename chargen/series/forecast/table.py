"""Series from a CSV file: one column, or the long format with `unique_id`, `ds` and `y`. Errors name the line."""

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chargen.errors import InputError
from chargen.series.forecast.clock import Clock, StepError, infer_clock
from chargen.text.decoding import Decoder

ID, VALUE = "unique_id", "y"  # the columns' names in the long format
MISSING = {"", "na", "n/a", "nan", "none", "null", "-", "?"}


@dataclass(frozen=True, eq=False)
class Series:
    """One series.

    Attributes:
        name: its `unique_id`; "" in a file without them.
        values: array (points,).
        last: the time of the last value, as written in the file; the number of the row where there are no times.
        first_line: the line of its first value.
    """

    name: str
    values: np.ndarray
    last: str
    first_line: int


@dataclass(frozen=True, eq=False)
class Table:
    """The series of a file.

    Attributes:
        column: the name of the values' column.
        time: the name of the times' column, or None.
        clock: the step from row to row, the same in all series.
    """

    series: list[Series]
    column: str
    time: str | None
    clock: Clock


@dataclass(frozen=True)
class _Row:
    line: int
    name: str
    time: str
    value: float


def read_table(path: str | Path, column: str | None = None, time: str | None = None, encoding: str = "utf-8") -> Table:
    """Read series from a CSV file whose first line names the columns, separated by commas, semicolons or tabs.

    Args:
        column: of the values; None takes `y`, or the only column apart from the time and `unique_id`.
        time: the column of the times; None takes the rows in order.
        encoding: of the file.

    Raises:
        InputError: the file cannot be read, or does not hold a series; the message gives the line.
    """
    header, lines = _header_and_lines(Path(path), encoding)
    column = column or _only_column(path, header, time)
    value_at = _place(path, header, column)
    time_at = None if time is None else _place(path, header, time)
    id_at = header.index(ID) if ID in header and ID not in (column, time) else None
    groups: dict[str, list[_Row]] = {}
    for line, cells in lines:
        if len(cells) != len(header):
            raise InputError(
                f"{path} line {line}: {len(cells)} cells, but the first line names {len(header)} columns",
                "give each line one cell for each column",
            )
        name = "" if id_at is None else cells[id_at].strip()
        value = _number(f"{path} line {line}", column, cells[value_at])
        groups.setdefault(name, []).append(_Row(line, name, "" if time_at is None else cells[time_at], value))
    if not groups:
        raise InputError(f"{path}: no rows below the column names", "add rows of values")
    return Table([_series(rows, time) for rows in groups.values()], column, time, _common_clock(path, groups, time))


def _header_and_lines(path: Path, encoding: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the names of the columns, and the lines that are not blank with their numbers, counted from 1."""
    decoder = Decoder(str(path), encoding, lenient=True)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    text = "".join(decoder.pieces([data]))
    if decoder.faults:
        line = data[: decoder.first_fault].count(b"\n") + 1
        raise InputError(f"{path} line {line}: not {decoder.codec} text", decoder.advice)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path} line {line}: not text", "save the table as CSV")
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    lines = _lines(path, reader)
    header = [name.strip() for name in next(lines, (1, []))[1]]
    if not any(header):
        raise InputError(f"{path}: the first line is empty", "write the names of the columns there")
    if twice := next((name for name in header if header.count(name) > 1), None):
        raise InputError(f"{path} line 1: two columns are named {twice!r}", "rename one of them")
    return header, ((line, cells) for line, cells in lines if cells)


def _lines(path: Path, reader) -> Iterator[tuple[int, list[str]]]:
    try:
        yield from ((reader.line_num, cells) for cells in reader)
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num}: {error}", "correct the line") from None


def _place(path: str | Path, header: list[str], name: str) -> int:
    if name not in header:
        raise InputError(f"{path}: no column {name!r}; its columns are {', '.join(header)}")
    return header.index(name)


def _only_column(path: str | Path, header: list[str], time: str | None) -> str:
    left = [name for name in header if name not in (ID, time)]
    if VALUE in left:
        return VALUE
    if len(left) != 1:
        raise InputError(f"{path} has several columns of values: {', '.join(left)}", "choose one with {column}")
    return left[0]


def _number(where: str, column: str, text: str) -> float:
    if text.strip().lower() in MISSING:
        raise InputError(f"{where}: {column} is missing ({text!r})", "fill it, or remove the row")
    try:
        value = float(text.replace("_", "?"))  # Python would take 1_0 for 10
    except ValueError:
        advice = "write decimals with a point" if "," in text else "correct it, or choose another {column}"
        raise InputError(f"{where}: {column} is {text!r}, not a number", advice) from None
    if not math.isfinite(value):
        raise InputError(f"{where}: {column} is {text!r}, not a finite number", "correct it, or remove the row")
    return value


def _common_clock(path: str | Path, groups: dict[str, list[_Row]], time: str | None) -> Clock:
    """Return the clock of the first series, if all series have its step."""
    clocks = {name: _clock(path, rows, time) for name, rows in groups.items()}
    first, common = next(iter(clocks.items()))
    for name, clock in clocks.items():
        if (clock.kind, clock.step) != (common.kind, common.step):
            line = groups[name][0].line
            raise InputError(
                f"{path} line {line}: series {name!r} has a step of {clock}, and {first!r} one of {common}",
                "give all series the same step, or fit them separately",
            )
    return common


def _clock(path: str | Path, rows: list[_Row], time: str | None) -> Clock:
    if time is None:
        return Clock()
    try:
        return infer_clock([row.time for row in rows])
    except StepError as error:
        row = rows[error.place]
        which = f" of series {row.name!r}" * bool(row.name)
        raise InputError(f"{path} line {row.line}: {time}{which}: {error.message}", error.advice) from None


def _series(rows: list[_Row], time: str | None) -> Series:
    last = rows[-1].time.strip() if time else str(len(rows))
    return Series(rows[0].name, np.array([row.value for row in rows]), last, rows[0].line)
