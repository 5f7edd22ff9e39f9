"""Where the series of a forecaster came from: what it keeps about their table, and the columns that continue it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chargen.files.typed import typed
from chargen.series.reading.clock import ROWS, Clock
from chargen.series.reading.columns import VALUES
from chargen.series.reading.source import shown
from chargen.series.reading.table import Table, TableSettings

READING = ("no_header", "zone", "decimal", "fill", "encoding")  # settings that hold for newer files too


@dataclass(frozen=True)
class _Origin:
    """What `metadata_of` returns."""

    clock: Clock
    last: dict[str, str]
    ids: list[str]
    cells: dict[str, list[str]]
    file: str = ""
    column: str | None = None
    time: str | None = None
    reading: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if not self.reading.keys() <= {*READING}:
            raise ValueError(f"a table is not read with {', '.join(self.reading)}")
        typed(TableSettings, self.reading)
        if (self.time is None) != (self.clock.kind == ROWS):
            raise ValueError(f"it has the column of times {self.time!r} and a step of {self.clock}")
        if not all(len(own) == len(self.ids) for own in self.cells.values()):
            raise ValueError(f"its series are not told apart by {' and '.join(self.ids)}")
        for text in self.last.values():
            self.clock.steps_between(text, text)


def metadata_of(table: Table, path: str | Path, **reading: Any) -> dict[str, Any]:
    """Return what a forecaster keeps about the table that it was fitted to, as JSON values.

    Args:
        path: of the file; "" for a data frame.
        reading: how it was read, see `TableSettings`.
    """
    reading["decimal"] = reading.get("decimal") or table.decimal
    return {
        "file": Path(shown(path)).name,
        "column": table.column,
        "time": table.time,
        "clock": asdict(table.clock),
        "last": {one.name: one.last for one in table.series},
        "ids": list(table.ids),
        "cells": {one.name: list(one.ids) for one in table.series},
        "reading": {name: reading[name] for name in READING if reading.get(name)},
    }


def require_origin(about: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raise an error if what a file says about a table, see `metadata_of`, could not have been kept.

    Args:
        names: of the series.

    Raises:
        ValueError, TypeError, ArithmeticError, InputError: it could not.
    """
    known = {name: about[name] for name in about if name in _Origin.__annotations__}
    if not known.keys() & {"clock", "last"}:  # fitted to arrays
        known = {"clock": {}, "last": {}, "ids": [], "cells": {}} | known
    elif not {*names} == {*known.get("last", ())} == {*known.get("cells", ())}:
        raise ValueError("it does not say of each series where it ended")
    typed(_Origin, known)


def column_names(about: Mapping[str, Any]) -> tuple[str, str]:
    """Return the names of the values and of the times."""
    return about.get("column") or VALUES[0], about.get("time") or "row"


def bound_names(column: str, levels: Sequence[int]) -> list[str]:
    """Return the names of the bounds of intervals, from the lowest to the highest.

    >>> bound_names("y", [80, 95])
    ['y-lo-95', 'y-lo-80', 'y-hi-80', 'y-hi-95']
    """
    return [*(f"{column}-lo-{level}" for level in reversed(levels)), *(f"{column}-hi-{level}" for level in levels)]
