"""The clock of a table: its times read in each form that they may have, until one gives equal steps."""

import contextlib
import functools
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chargen.errors import InputError
from chargen.report.words import counted
from chargen.series.reading.clock import DAY, WEEKDAYS, Clock
from chargen.series.reading.rows import Rows
from chargen.series.reading.steps import StepError, Steps, find_steps, steps_of
from chargen.series.reading.time_formats import NUMBER, read_all, read_time, readings
from chargen.series.reading.zones import localized, offset_name, zone_named, zone_of


@dataclass(frozen=True)
class Times:
    """The times of a table.

    Attributes:
        rows: the table.
        column: the place of the times.
        groups: the rows of each series, by its name.
        zone: of the times; "" for their own.
        gaps: whether rows may be missing, because they will be filled.
    """

    rows: Rows
    column: int
    groups: dict[str, list[int]]
    zone: str = ""
    gaps: bool = False

    def steps(self, form: str | None = None) -> Steps:
        """Return the clock of the times, of a form or else of the only one in which their steps are equal.

        Raises:
            InputError: a text is not a time, may be several, or does not follow the one before; it names the line.
        """
        unique = list(dict.fromkeys(self._all))  # as texts repeat in many series
        read = readings(unique) if form is None else {form: times} if (times := read_all(unique, form)) else {}
        meanings = {each: dict(zip(unique, times, strict=True)) for each, times in read.items()}
        self._require_years(meanings)
        dates = [each for each in meanings if not _is_number(each)]
        try:
            found = self._regular(meanings, dates, [*meanings][len(dates) :])
        except StepError as error:
            if len(dates) > 1:
                raise self._ambiguous(dates) from None
            raise self._of_row(error.series, error.place, error.message, error.advice) from None
        if not found:
            raise self._no_time(form)
        fewest = min(steps.missing for steps in found.values())
        found = {form: steps for form, steps in found.items() if steps.missing == fewest}
        if len(found) > 1:
            raise self._ambiguous(list(found))
        (steps,) = found.values()
        self._require_few_missing(steps)
        return steps

    def following(self, clock: Clock) -> Steps:
        """Return the steps of times that follow a known clock.

        Raises:
            InputError: a text is not a time of the clock's form, or does not follow the one before; it names the line.
        """
        read = read_all(self._all, clock.style)
        if read is None:
            raise self._no_time(clock.style)
        meanings = dict(zip(self._all, read, strict=True))
        self._require_years({clock.style: meanings})
        series = [[meanings[text] for text in own] for own in self._texts]
        if clock.zone and clock.naive:
            series = [self._localized(number, own) for number, own in enumerate(series)]
        counted = [[time if _is_number(clock.style) else clock.counted(time) for time in own] for own in series]
        try:
            return steps_of(clock, counted, self._texts, self.gaps)
        except StepError as error:
            raise self._of_row(error.series, error.place, error.message, error.advice) from None

    def notes(self, steps: Steps) -> list[str]:
        """Return what a reader should know about the clock."""
        clock, name, notes = steps.clock, self.rows.names[self.column], []
        if clock.kind == WEEKDAYS and steps.missing and not self.gaps:
            notes.append(f"taken as holidays: {counted(steps.missing, 'day')} without a row")
        if "/" in clock.zone and not self.zone:
            notes.append(f"the offsets of {name} are those of {clock.zone}")
        return notes

    def _regular(self, meanings: dict[str, dict], dates: list[str], numbers: list[str]) -> dict[str, Steps]:
        """Return the forms of dates that give equal steps, or else of numbers; of forms that mean the same, the first.

        Raises:
            StepError: none does; of the first one.
        """
        found: dict[str, Steps] = {}
        error = None
        for form in [*dates, *numbers]:
            if (found and form in numbers) or any(meanings[form] == meanings[other] for other in found):
                continue
            try:
                found[form] = self._steps_of([[meanings[form][text] for text in own] for own in self._texts], form)
            except StepError as failed:
                error = error or failed
        if error and not found:
            raise error
        return found

    @functools.cached_property
    def _all(self) -> list[str]:
        return self.rows.column(self.column)

    @functools.cached_property
    def _texts(self) -> list[list[str]]:
        return [[self._all[row] for row in group] for group in self.groups.values()]

    def _steps_of(self, series: list[list], form: str) -> Steps:
        texts = self._texts
        if _is_number(form):
            return find_steps(series, texts, Clock(style=form), self.gaps)
        naive = self._are_naive(series)
        if naive and not self.zone:
            return find_steps(series, texts, Clock(style=form), self.gaps)
        if self.zone:
            series = [self._localized(number, own) for number, own in enumerate(series)]
        zone = self.zone or zone_of([time for own in series for time in own]) or offset_name(series[0][-1])
        failed = None
        for local in _frames(max(series, key=len)):
            clock = Clock(style=form, zone=zone, naive=naive, local=local)
            counted = [
                [(time if local else time.astimezone(UTC)).replace(tzinfo=None) for time in own] for own in series
            ]
            try:
                return find_steps(counted, texts, clock, self.gaps)
            except StepError as error:
                failed = failed or error
        assert failed is not None
        raise failed

    def _are_naive(self, series: list[list[datetime]]) -> bool:
        """Return whether the times have no zone; all of them or none must have one."""
        first = series[0][0].tzinfo is None
        for number, own in enumerate(series):
            place = next((place for place, time in enumerate(own) if (time.tzinfo is None) != first), None)
            if place is not None:
                text = self._texts[number][place]
                message = f"{text!r}: some times have a time zone and others do not"
                raise self._of_row(number, place, message, "write all times with a zone, or all without")
        return first

    def _localized(self, number: int, times: list[datetime]) -> list[datetime]:
        try:
            return localized(times, zone_named(self.zone))
        except IndexError as error:
            (place,) = error.args
            message = f"{self._texts[number][place]!r} does not exist in {self.zone}, where summer time begins"
            raise self._of_row(number, place, message, "correct it, or give another {zone}") from None

    def _require_years(self, meanings: dict[str, dict]) -> None:
        """Raise InputError if a time is so far away that no clock could count from it."""
        for form, times in meanings.items():
            if _is_number(form):
                continue
            if far := next((text for text, time in times.items() if not 1 < time.year < 9999), None):
                name = self.rows.names[self.column]
                advice = "correct it, remove the row, or ignore the times with {count_rows}"
                raise self.rows.error(self._all.index(far), f"{name}: {far!r} is too far away", advice)

    def _require_few_missing(self, steps: Steps) -> None:
        for number, own in enumerate(steps.holes):
            place = max(own, key=own.__getitem__, default=0)
            if own and own[place] > max(len(group) for group in self.groups.values()):
                message = f"{counted(own[place], 'row')} missing before {self._texts[number][place]}"
                raise self._of_row(number, place, message, "correct the time, or leave out {fill}")

    def _of_row(self, series: int, place: int, message: str, advice: str) -> InputError:
        """Return an error of a row of a series, with its line."""
        name, rows = list(self.groups.items())[series]
        which = f" of series {name!r}" if name else ""
        return self.rows.error(rows[place], f"{self.rows.names[self.column]}{which}: {message}", advice)

    def _ambiguous(self, forms: list[str]) -> InputError:
        """Return the error of times that mean one day or another, at the first of them that does."""
        texts = self._all
        one, other = forms[:2]
        row = next((row for row, text in enumerate(texts) if read_time(text, one) != read_time(text, other)), 0)
        one, other = one.replace("%-", "%"), other.replace("%-", "%")
        message = f"{self.rows.names[self.column]}: {texts[row]!r} may be of the form {one} or {other}"
        return self.rows.error(row, message, f"say which: {{time_format}} {one}")

    def _no_time(self, form: str | None) -> InputError:
        """Return the error of the first text that is not a time, or not of the form of the first one."""
        name, texts = self.rows.names[self.column], self._all
        forms = [form] if form else list(readings(texts[:1]))
        row = next((row for row, text in enumerate(texts) if all(read_all([text], each) is None for each in forms)), 0)
        if form:
            return self.rows.error(
                row, f"{name}: {texts[row]!r} is not a time of the form {form}", "correct it, or the {time_format}"
            )
        if not texts[row]:
            return self.rows.error(row, f"{name}: the time is missing", "write it, or remove the row")
        if forms:
            message = f"{name}: {texts[row]!r} is not a time of the same form as {texts[0]!r}"
            return self.rows.error(row, message, "correct it, or remove the row")
        advice = (
            "write times as 2024-01-31 or 2024-01-31 13:00, say their form, for example {time_format} %d/%m/%Y,"
            " or ignore them with {count_rows}"
        )
        return self.rows.error(row, f"{name}: {texts[row]!r} is not a time", advice)


def newest_first(series: Sequence[Sequence[str]], form: str | None = None) -> bool:
    """Return whether the last time of each series is before its first one, in each form that they may have."""
    edges = [(texts[0], texts[-1]) for texts in series if len(texts) > 1]
    texts = list(itertools.chain.from_iterable(edges))
    read = readings(texts) if form is None else {form: times} if (times := read_all(texts, form)) else {}
    with contextlib.suppress(TypeError):  # of times with and without a zone
        return bool(read) and all(
            last < first for times in read.values() for first, last in zip(times[::2], times[1::2], strict=True)
        )
    return False


def _is_number(form: str) -> bool:
    return form == NUMBER or re.fullmatch(r"\.\d+", form) is not None


def _frames(times: list[datetime]) -> tuple[bool, bool]:
    """Return whether to count in local time, the likelier answer first: days are local, hours are not."""
    steps = [later.timestamp() - time.timestamp() for time, later in itertools.pairwise(times[:21])]
    days = sorted(steps)[len(steps) // 2] > 0.9 * DAY.total_seconds() if steps else True
    return (days, not days)
