"""`Clock`: the step between the times of a series, and how they continue."""

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chargen.errors import InputError
from chargen.series.reading.time_formats import NUMBER, is_form, read_time, write_time
from chargen.series.reading.zones import zone_named

ROWS, WHOLE, FIXED, MONTHS, WEEKDAYS = "rows", "whole numbers", "fixed", "months", "weekdays"
UNITS = {"week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}  # in seconds
KINDS = (ROWS, WHOLE, FIXED, MONTHS, WEEKDAYS)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
BUSINESS_DAYS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Clock:
    """How times continue.

    Attributes:
        kind: ROWS (no times, rows are counted from 1), WHOLE (numbers), FIXED (times with a fixed step), MONTHS (times
            with a step of calendar months: months, quarters, years) or WEEKDAYS (some days of each week).
        step: rows; numbers, in units of their last decimal; microseconds; months; 1.
        day: of the month, where `kind` is MONTHS; a shorter month takes its last day.
        style: the form of times, see `chargen.series.reading.time_formats`.
        zone: the time zone; "" if the times have none.
        naive: whether the times are written without their offset from UTC.
        local: whether steps are those of the local time, in which days with a change of summer time are days too.
        weekdays: those of WEEKDAYS, 0 for Monday.
    """

    kind: str = ROWS
    step: int = 1
    day: int = 1
    style: str = ""
    zone: str = ""
    naive: bool = False
    local: bool = True
    weekdays: tuple[int, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "weekdays", tuple(self.weekdays))  # a list where it comes from JSON
        days = self.weekdays == tuple(sorted({*self.weekdays} & {*range(7)})) and bool(self.weekdays) == (
            self.kind == WEEKDAYS
        )
        if self.kind not in KINDS or self.step < 1 or not 1 <= self.day <= 31 or not days or not is_form(self.style):
            raise ValueError(f"{self.kind!r} with a step of {self.step} and the form {self.style!r} is no clock")

    @property
    def seasons(self) -> tuple[int, ...]:
        """The seasons of the calendar, in rows: of hours a day and a week, of days a week, of months a year.

        >>> Clock(FIXED, 3_600_000_000).seasons
        (24, 168)
        """
        if self.kind == MONTHS:
            return (12 // self.step,) if 12 % self.step == 0 and self.step < 12 else ()
        if self.kind == WEEKDAYS:
            return (len(self.weekdays),)
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
            InputError: a time is beyond the year 9999, or its zone is unknown here.
        """
        try:
            time = read_time(last, self.style or NUMBER)
        except (ValueError, ArithmeticError):
            raise InputError(f"{last!r} is not a time of the form {self.style or NUMBER}") from None
        if isinstance(time, int):
            return [write_time(time + self.step * place, self.style or NUMBER) for place in places]
        try:
            start = self.counted(time)
            texts = [write_time(self._written(self.shift(start, place), time), self.style) for place in places]
            name = re.search(" ?(Z|UTC|GMT)$", last)
            return [text.replace("+00:00", name[0]) for text in texts] if name else texts
        except (OverflowError, ValueError):
            message = f"steps of {self} from {last} go beyond the year 9999"
            raise InputError(message, "give a shorter {horizon}") from None

    def steps_between(self, before: str, time: str) -> int | None:
        """Return how many steps there are from one time, as it is written, to another; None if no whole number.

        >>> Clock(MONTHS, 1, 31, "date").steps_between("2024-01-31", "2024-02-29")
        1
        """
        if self.kind == ROWS:
            return int(time) - int(before)
        times = [read_time(text, self.style or NUMBER) for text in (before, time)]
        return self.distance(*(self.counted(each) if isinstance(each, datetime) else each for each in times))

    def counted(self, time: datetime) -> datetime:
        """Return the time without a zone in which the steps are counted: local time, or UTC."""
        if self.zone:
            zone = zone_named(self.zone)
            time = time.astimezone(zone) if time.tzinfo else time.replace(tzinfo=zone)
        return time.replace(tzinfo=None) if self.local or not time.tzinfo else time.astimezone(UTC).replace(tzinfo=None)

    def _written(self, counted: datetime, last: datetime) -> datetime:
        """Return a counted time in the zone in which it is written."""
        zone = zone_named(self.zone) if self.zone else last.tzinfo
        if zone is None:
            return counted
        time = counted.replace(tzinfo=zone) if self.local else counted.replace(tzinfo=UTC).astimezone(zone)
        return time.replace(tzinfo=None) if self.naive else time

    def shift(self, time: datetime, places: int) -> datetime:
        """Return the counted time that many steps ahead."""
        if self.kind == FIXED:
            return time + self.step * places * MICROSECOND
        if self.kind == MONTHS:
            return at_month(time, month(time) + self.step * places, self.day)
        weeks, day = divmod(self.weekdays.index(time.weekday()) + places, len(self.weekdays))
        return time + DAY * (7 * weeks + self.weekdays[day] - time.weekday())

    def distance(self, before, time) -> int | None:
        """Return how many steps there are from one counted time to another, or numbers; None if no whole number."""
        if self.kind == MONTHS:
            steps, rest = divmod(month(time) - month(before), self.step)
            return None if rest or time != at_month(time, month(time), self.day) else steps
        if self.kind == WEEKDAYS:
            if time.weekday() not in self.weekdays or time.time() != before.time():
                return None
            weeks = ((time - before).days + before.weekday() - time.weekday()) // 7
            return (
                weeks * len(self.weekdays) + self.weekdays.index(time.weekday()) - self.weekdays.index(before.weekday())
            )
        steps, rest = divmod(time - before, self.step * MICROSECOND if self.kind == FIXED else self.step)
        return None if rest else steps

    def __str__(self):
        if self.kind == MONTHS:
            return _times(self.step // 12, "year") if self.step % 12 == 0 else _times(self.step, "month")
        if self.kind == WEEKDAYS:
            days = ", ".join(calendar.day_abbr[day] for day in self.weekdays)
            return "1 business day" if self.weekdays == BUSINESS_DAYS else f"1 day of {days}"
        if self.kind != FIXED:
            return _times(self.step, "row") if self.kind == ROWS else write_time(self.step, self.style or NUMBER)
        seconds = self.step / 1e6
        unit = next((unit for unit, size in UNITS.items() if seconds % size == 0), "second")
        return _times(f"{seconds / UNITS[unit]:g}", unit)


def month(time: datetime) -> int:
    """Return the number of months since the year 0."""
    return time.year * 12 + time.month - 1


def at_month(time: datetime, month: int, day: int) -> datetime:
    """Return a time in another month, on this day or the last one."""
    year, month = month // 12, month % 12 + 1
    return time.replace(year=year, month=month, day=min(day, calendar.monthrange(year, month)[1]))


def _times(count: int | str, unit: str) -> str:
    return f"{count} {unit}" + "s" * (str(count) != "1")
