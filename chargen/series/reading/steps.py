"""The step between the times of series: which clock they follow, and where rows are missing."""

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from chargen.errors import InputError
from chargen.series.reading.clock import (
    BUSINESS_DAYS,
    DAY,
    FIXED,
    MICROSECOND,
    MONTHS,
    WEEKDAYS,
    WHOLE,
    Clock,
    at_month,
    month,
)

MOST_HOLIDAYS = 0.1  # of the rows
LONGEST_HOLIDAY = 7  # rows
MINUTE = 60_000_000  # in microseconds


class StepError(InputError):
    """A time does not follow the one before by the step; `series` and `place` are its indices, counted from 0."""

    def __init__(self, series: int, place: int, message: str, advice: str):
        super().__init__(message, advice)
        self.series, self.place = series, place


class Steps(NamedTuple):
    """The clock of series, and for each series the number of rows missing before some of its rows, by index."""

    clock: Clock
    holes: list[dict[int, int]]

    @property
    def missing(self) -> int:
        """How many rows are missing in all."""
        return sum(sum(own.values()) for own in self.holes)


def find_steps(series: Sequence[Sequence], texts: Sequence[Sequence[str]], form: Clock, gaps: bool) -> Steps:
    """Return the clock that all series follow.

    Args:
        series: the counted times of each series, see `Clock.counted`, or numbers.
        texts: the same times as they are written, for messages.
        form: the clock's other attributes.
        gaps: whether rows may be missing anywhere, because they will be filled; else only as holidays among weekdays.

    Raises:
        StepError: a time does not follow the one before, or no series has two.
    """
    if all(len(own) < 2 for own in series):
        raise StepError(0, 0, f"{texts[0][0]} alone tells no step", "add rows, or ignore the times with {count_rows}")
    error: StepError | None = None
    found = []
    for clock in _clocks(series, form):
        try:
            holes = [_holes(number, own, texts[number], clock, gaps) for number, own in enumerate(series)]
        except StepError as failed:
            error = failed  # the last clock is the likeliest
            continue
        steps = Steps(clock, holes)
        if gaps or clock.kind != WEEKDAYS or steps.missing <= MOST_HOLIDAYS * sum(map(len, series)):
            found.append(steps)
    if found:
        return min(found, key=lambda steps: steps.missing)
    assert error is not None
    raise (error.series and _of_different_steps(series, texts, form, error)) or error


def steps_of(clock: Clock, series: Sequence[Sequence], texts: Sequence[Sequence[str]], gaps: bool) -> Steps:
    """Return the steps of series that follow a known clock; the arguments are those of `find_steps`.

    Raises:
        StepError: a time does not follow the one before.
    """
    return Steps(clock, [_holes(number, own, texts[number], clock, gaps) for number, own in enumerate(series)])


def _of_different_steps(
    series: Sequence[Sequence], texts: Sequence[Sequence[str]], form: Clock, error: StepError
) -> StepError | None:
    """Return an error that says so if a series has equal steps, but other ones than the first series."""
    try:
        first, other = (find_steps([series[at]], [texts[at]], form, False).clock for at in (0, error.series))
    except StepError:
        return None
    advice = "give all series the same step, or fit them separately"
    return StepError(error.series, 0, f"a step of {other}, and the first series has one of {first}", advice)


def _clocks(series: Sequence[Sequence], form: Clock) -> list[Clock]:
    """Return the clocks that may fit, the simplest first."""

    def clock(kind: str, step: int, **more) -> Clock:
        return Clock(kind, step, style=form.style, zone=form.zone, naive=form.naive, local=form.local, **more)

    pairs = [pair for own in series for pair in itertools.pairwise(own)]
    everything = list(itertools.chain.from_iterable(series))
    if not isinstance(everything[0], datetime):
        return [clock(WHOLE, _common(b - a for a, b in pairs))]
    clocks = [clock(FIXED, _common((b - a) // MICROSECOND for a, b in pairs))]
    if len({time.time() for time in everything}) == 1:
        day = max(time.day for time in everything)
        months = _common(month(b) - month(a) for a, b in pairs)
        if all(time == at_month(time, month(time), day) for time in everything) and any(
            month(b) > month(a) for a, b in pairs
        ):
            return [clock(MONTHS, months, day=day)]
        if weekdays := _weekdays(max(series, key=len), everything, pairs):
            clocks.append(clock(WEEKDAYS, 1, weekdays=weekdays))
    return clocks


def _weekdays(longest: Sequence[datetime], everything: list[datetime], pairs: list[tuple]) -> tuple[int, ...]:
    """Return the days of the week that a series has, if some days never come, as the weekends of business days."""
    days = {time.weekday() for time in everything}
    if days <= set(BUSINESS_DAYS) and _common((b - a) // DAY for a, b in pairs) == 1:
        return BUSINESS_DAYS
    weeks = (longest[-1] - longest[0]).days / 7
    often = len(longest) >= (1 - MOST_HOLIDAYS) * weeks * len(days)
    return tuple(sorted(days)) if 2 <= len(days) <= 6 and weeks >= 3 and often else ()


def _holes(number: int, times: Sequence, texts: Sequence[str], clock: Clock, gaps: bool) -> dict[int, int]:
    """Return how many rows are missing before some rows of a series, by their indices."""
    holes = {}
    for place, (before, time) in enumerate(itertools.pairwise(times), 1):
        steps = clock.distance(before, time)
        if steps == 1:
            continue
        if steps and steps > 1 and (gaps or (clock.kind == WEEKDAYS and steps <= LONGEST_HOLIDAY + 1)):
            holes[place] = steps - 1
            continue
        raise _step_error(number, place, texts, times, clock, steps)
    return holes


def _step_error(
    number: int, place: int, texts: Sequence[str], times: Sequence, clock: Clock, steps: int | None
) -> StepError:
    earlier = (at for at in range(1, len(times)) if times[at] < times[at - 1])
    if times[place] != times[place - 1]:
        place = next(earlier, place)  # rows that are not sorted leave gaps too
    before, time, text = times[place - 1], times[place], texts[place]
    where, ignore = f"{text} after {texts[place - 1]}", "or ignore the times with {count_rows}"
    if (
        isinstance(time, datetime)
        and not clock.zone
        and clock.kind == FIXED
        and MINUTE <= clock.step < DAY // MICROSECOND
    ):
        ignore = f"give the {{zone}} if the clocks were changed, {ignore}"
    elif clock.zone and "/" not in clock.zone:
        ignore = f"name the {{zone}} of which they are days or months, {ignore}"
    if time == before:
        return StepError(
            number,
            place,
            f"{text} appears twice",
            f"remove one of the rows, name the columns that tell series apart with {{ids}}, {ignore}",
        )
    if time < before:
        return StepError(number, place, f"{where} is out of order", f"sort the rows by time, {ignore}")
    if steps is None and _is_early(before, time, clock):
        return StepError(
            number, place, f"{where} comes too early: the step is {clock}", f"make the steps equal, {ignore}"
        )
    advice = f"fill it, see {{fill}}, {ignore}" if steps else f"make the steps equal, {ignore}"
    return StepError(number, place, f"{where} leaves a gap: the step is {clock}", advice)


def _is_early(before, time, clock: Clock) -> bool:
    """Return whether a time is less than a step after the one before."""
    try:
        return time < (clock.shift(before, 1) if isinstance(time, datetime) else before + clock.step)
    except (OverflowError, ValueError):  # a step would lead beyond the year 9999
        return True


def _common(steps) -> int:
    """Return the most common positive step, or 1."""
    counts = Counter(step for step in steps if step > 0)
    return min(counts, key=lambda step: (-counts[step], step), default=1)
