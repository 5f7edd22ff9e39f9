"""The times of a series: how they are parsed, the step between them, and how they continue."""

import calendar
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chargen.errors import InputError

ROWS, WHOLE, FIXED, MONTHS = "rows", "whole numbers", "fixed", "months"
UNITS = {"week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}  # in seconds


class StepError(InputError):
    """A time does not follow the one before by the step; `place` is its index, counted from 0."""

    def __init__(self, place: int, message: str, advice: str):
        super().__init__(message, advice)
        self.place = place


@dataclass(frozen=True)
class Clock:
    """How times continue.

    Attributes:
        kind: ROWS (no times, rows are counted from 1), WHOLE (whole numbers), FIXED (times with a fixed step) or
            MONTHS (times with a step of calendar months: months, quarters, years).
        step: rows or whole numbers; microseconds; months.
        day: of the month, where `kind` is MONTHS; a shorter month takes its last day.
        style: the format of times, see `_style`.
    """

    kind: str = ROWS
    step: int = 1
    day: int = 1
    style: str = ""

    @property
    def seasons(self) -> tuple[int, ...]:
        """The seasons of the calendar, in rows: of hours a day and a week, of days a week, of months a year.

        >>> Clock(FIXED, 3_600_000_000).seasons
        (24, 168)
        """
        if self.kind == MONTHS:
            return (12 // self.step,) if 12 % self.step == 0 and self.step < 12 else ()
        if self.kind != FIXED:
            return ()
        if self.step == UNITS["week"] * 1_000_000:
            return (52,)
        cycles = (UNITS[unit] * 1_000_000 for unit in ("day", "week"))
        return tuple(cycle // self.step for cycle in cycles if cycle % self.step == 0 and cycle > self.step)

    def times(self, last: str, places: Iterable[int]) -> list[str]:
        """Return the times of rows as text, by their distances from the row of time `last`.

        >>> Clock(MONTHS, 1, 31, "date").times("2024-01-31", [-1, 1, 2])
        ['2023-12-31', '2024-02-29', '2024-03-31']

        Raises:
            InputError: a time is beyond the year 9999.
        """
        if self.kind in (ROWS, WHOLE):
            return [str(int(last) + self.step * place) for place in places]
        try:
            return [_write(self._shift(parse_time(last), place), self.style) for place in places]
        except (OverflowError, ValueError):
            message = f"steps of {self} from {last} go beyond the year 9999"
            raise InputError(message, "give a shorter {horizon}") from None

    def _shift(self, time: datetime, ahead: int) -> datetime:
        if self.kind == FIXED:
            return time + timedelta(microseconds=self.step * ahead)
        return _at_month(time, _month(time) + self.step * ahead, self.day)

    def __str__(self):
        if self.kind == MONTHS:
            return _times(self.step // 12, "year") if self.step % 12 == 0 else _times(self.step, "month")
        if self.kind != FIXED:
            return _times(self.step, "row") if self.kind == ROWS else str(self.step)
        seconds = self.step / 1e6
        unit = next((unit for unit, size in UNITS.items() if seconds % size == 0), "second")
        return _times(f"{seconds / UNITS[unit]:g}", unit)


def parse_time(text: str) -> datetime:
    """Return the time that a text such as 2024-01, 2024-01-31, 2024/01/31 or 2024-01-31 13:00 stands for.

    Raises:
        ValueError: the text is not a time.
    """
    text = text.strip().replace("/", "-")
    return datetime.fromisoformat(f"{text}-01" if re.fullmatch(r"\d{4}-\d\d", text) else text)


def infer_clock(texts: Sequence[str]) -> Clock:
    """Return how the times of one series continue.

    Raises:
        StepError: a text is not a time, or does not follow the one before by the most common step.
    """
    if all(re.fullmatch(r"\s*(?!(19|20)\d{6}\s*$)[-+]?\d{1,18}\s*", text) for text in texts):  # 20240131 is a date
        numbers = list(map(int, texts))
        step = _common([b - a for a, b in itertools.pairwise(numbers)])
        clock = Clock(WHOLE, step)
        _require_steps(texts, numbers, [number + step for number in numbers], clock)
        return clock
    times = _parse_all(texts)
    clock = _infer_step(times, _style(max(texts, key=len)))
    _require_steps(texts, times, [clock._shift(time, 1) for time in times[:-1]], clock)
    return clock


def _parse_all(texts: Sequence[str]) -> list[datetime]:
    times = []
    for place, text in enumerate(texts):
        try:
            times.append(parse_time(text))
        except ValueError:
            advice = "write times as 2024-01-31 or 2024-01-31 13:00, or as whole numbers"
            raise StepError(place, f"{text!r} is not a time", advice) from None
        if (times[0].tzinfo is None) != (times[-1].tzinfo is None):
            message = f"{text!r}: some times have a time zone and others do not"
            raise StepError(place, message, "write all times with a zone, or all without")
    return [time if time.tzinfo is None else time.astimezone(times[0].tzinfo) for time in times]


def _infer_step(times: list[datetime], style: str) -> Clock:
    """Return the most common step, in calendar months if all times fit, as 31 January and 29 February do."""
    day = max(time.day for time in times)
    months = _common([_month(b) - _month(a) for a, b in itertools.pairwise(times)])
    if months > 0 and all(_at_month(time, _month(time), day) == time for time in times) and _one_time_of_day(times):
        return Clock(MONTHS, months, day, style)
    step = _common([(b - a) // timedelta(microseconds=1) for a, b in itertools.pairwise(times)])
    return Clock(FIXED, step, style=style)


def _require_steps(texts: Sequence[str], times: Sequence, due: Sequence, clock: Clock) -> None:
    ignore = "or leave out {time} to ignore the times"
    for place, (before, time, expected) in enumerate(zip(times, times[1:], due, strict=False), 1):
        if time == expected:
            continue
        where = f"{texts[place]} after {texts[place - 1]}"
        if time == before:
            raise StepError(place, f"{texts[place]} appears twice", f"remove one of the rows, {ignore}")
        if time < before:
            raise StepError(place, f"{where} is out of order", f"sort the rows by time, {ignore}")
        what = "leaves a gap" if time > expected else "comes too early"
        advice = "fill it" if time > expected else "make the steps equal"
        raise StepError(place, f"{where} {what}: the step is {clock}", f"{advice}, {ignore}")


def _common(steps: list[int]) -> int:
    """Return the most common positive step, or 1."""
    counts = Counter(step for step in steps if step > 0)
    return min(counts, key=lambda step: (-counts[step], step), default=1)


def _month(time: datetime) -> int:
    return time.year * 12 + time.month - 1


def _at_month(time: datetime, month: int, day: int) -> datetime:
    year, month = month // 12, month % 12 + 1
    return time.replace(year=year, month=month, day=min(day, calendar.monthrange(year, month)[1]))


def _one_time_of_day(times: list[datetime]) -> bool:
    return len({time.timetz() for time in times}) == 1


def _style(text: str) -> str:
    """Return the format of a time: "month", "date", or the separator and the last unit, such as " minutes"."""
    parts = re.fullmatch(r"\s*([\d/-]+)(?:([T ])([\d:.]+).*)?", text)
    if parts is None or not parts[2]:
        return "month" if len(text.strip()) == 7 else "date"
    return parts[2] + ("microseconds" if "." in parts[3] else "minutes" if parts[3].count(":") == 1 else "seconds")


def _write(time: datetime, style: str) -> str:
    if style in ("month", "date"):
        return time.date().isoformat()[: 7 if style == "month" else 10]
    return time.isoformat(style[0], style[1:]).replace("+00:00", "Z")


def _times(count: int | str, unit: str) -> str:
    return f"{count} {unit}" + "s" * (str(count) != "1")
