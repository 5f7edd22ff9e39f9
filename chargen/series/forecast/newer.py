"""Newer rows of the table that a forecaster was fitted to: read as that one was, and joined to what is known."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chargen.errors import InputError
from chargen.report.words import counted
from chargen.series.reading.clock import ROWS, WEEKDAYS, Clock
from chargen.series.reading.rows import listed
from chargen.series.reading.steps import LONGEST_HOLIDAY
from chargen.series.reading.table import Series, Table, read_table

ALIKE = 0.9  # of the rows of a file without times that repeats the known ones; the others were revised


class Newer(NamedTuple):
    """Newer rows by the name of the series.

    Attributes:
        overlap: how many known rows they replace.
        last: the time of the last one, or its number where there are no times.
        notes: what a person should know.
    """

    rows: dict[str, np.ndarray]
    overlap: dict[str, int]
    last: dict[str, str]
    notes: list[str]


def reading_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the table was read that a forecaster was fitted to, see `TableSettings`.

    Args:
        about: see `metadata_of`.

    Raises:
        InputError: it was not fitted to a table.
    """
    if "last" not in about:
        raise InputError("the forecaster was fitted to arrays, not to a file", "use Forecaster.extend in Python")
    time = about.get("time")
    return about.get("reading", {}) | {
        "column": about.get("column"),
        "time": time,
        "ids": tuple(about["ids"]),
        "count_rows": time is None,
        "clock": Clock(**about["clock"]) if time is not None else None,
    }


def read_newer(about: Mapping[str, Any], source: str | Path) -> Table:
    """Read a table as the one was read that a forecaster was fitted to.

    Raises:
        InputError: the forecaster was not fitted to a table, or the file does not hold one like that.
    """
    reading = reading_of(about)
    try:
        return read_table(source, **reading)
    except InputError as error:  # how it is read cannot be set again
        advice = "correct the file, or fit again" if "{" in error.advice else error.advice
        raise InputError(error.message, advice) from None


def join(about: Mapping[str, Any], table: Table, history: Callable[[str], np.ndarray]) -> Newer:
    """Return the rows of a newer table, which may repeat rows that are known.

    Args:
        history: returns the rows of a series that are known.

    Raises:
        InputError: rows are missing between what is known and the newer ones, or there is nothing newer.
    """
    last, clock = about["last"], Clock(**about["clock"])
    known = {one.name: one for one in table.series if one.name in last}
    if not known:
        names = listed([one.name for one in table.series])
        raise InputError(f"none of the series is known to the forecaster: {names or 'one without a name'}")
    new = [one.name for one in table.series if one.name not in last]
    old = [name for name in last if name not in known]
    notes = [f"series without newer rows go on from their old ones: {listed(old)}"] if old else []
    notes += [f"series that are new are left out; fit again to forecast them: {listed(new)}"] if new else []
    rows = {name: one.values for name, one in known.items()}
    if clock.kind != ROWS:
        overlap = {name: _overlap(one, last[name], clock) for name, one in known.items()}
        return Newer(rows, overlap, {name: one.last for name, one in known.items()}, notes)
    overlap = {name: _repeated(one, history(name)) for name, one in known.items()}
    if following := [name for name in known if not overlap[name]]:
        which = f" of {listed(following)}" if any(following) else ""
        notes.append(f"the rows{which} do not repeat the known ones: they are taken for those that follow")
    ends = {name: str(int(last[name]) - overlap[name] + len(values)) for name, values in rows.items()}
    return Newer(rows, overlap, ends, notes)


def _repeated(newer: Series, known: np.ndarray) -> int:
    """Return how many known rows of a series without times newer ones stand for: all, if most of them come first."""
    both = min(len(newer.values), len(known))
    if np.isclose(newer.values[:both], known[:both]).mean() < ALIKE:
        return 0
    if both < len(known):
        which = f"series {newer.name!r}: " * bool(newer.name)
        message = f"{which}the rows repeat the first {both:,} of {counted(len(known), 'row')} that are known"
        raise InputError(message, "give the newer rows")
    return len(known)


def _overlap(newer: Series, last: str, clock: Clock) -> int:
    """Return how many known rows of a series, of which `last` is the time of the last, newer ones stand for."""
    which = f"series {newer.name!r}: " * bool(newer.name)
    begins, ends = (clock.steps_between(last, time) for time in (newer.first, newer.last))
    if begins is None or ends is None:
        raise InputError(f"{which}{newer.first} is not a whole number of steps of {clock} from {last}")
    if ends < 0:
        message = f"{which}the rows end at {newer.last}, but the forecaster knows them up to {last}"
        raise InputError(message, "give the newer rows")
    if begins > (LONGEST_HOLIDAY if clock.kind == WEEKDAYS else 0) + 1:
        message = (
            f"{which}{counted(begins - 1, 'row')} missing between {last}, where the known ones end, and {newer.first}"
        )
        raise InputError(message, "give all newer rows")
    if begins < 1 and len(newer.values) != ends - begins + 1:  # holidays: how many rows are repeated cannot be told
        raise InputError(f"{which}the rows begin before {last}, where the known ones end", "give only the newer rows")
    return max(1 - begins, 0)
