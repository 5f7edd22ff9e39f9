"""The clock of a table: its step, and the times that follow."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import InputError
from chargen.series.reading.clock import Clock
from chargen.series.reading.rows import Rows
from chargen.series.reading.timing import Times


def clock_of(times, form=None, zone="", gaps=False):
    rows = Rows("data.csv", ["ds"], False, list(range(2, len(times) + 2)), [[time] for time in times])
    return Times(rows, 0, {"": list(range(len(times)))}, zone, gaps).steps(form).clock


@pytest.mark.parametrize(
    ("times", "step", "following"),
    [
        ("2024-01-31 2024-02-29 2024-03-31 2024-04-30", "1 month", "2024-05-31 2024-06-30"),
        ("2023-11-30 2023-12-30 2024-01-30 2024-02-29", "1 month", "2024-03-30 2024-04-30"),
        ("2023-03-31 2023-06-30 2023-09-30 2023-12-31", "3 months", "2024-03-31 2024-06-30"),
        ("2020-02-29 2021-02-28 2022-02-28 2023-02-28", "1 year", "2024-02-29 2025-02-28"),
        ("1949-11 1949-12 1950-01", "1 month", "1950-02 1950-03"),
        ("2023-07-01 2023-08-01", "1 month", "2023-09-01 2023-10-01"),
        ("2024-02-28 2024-02-29 2024-03-01", "1 day", "2024-03-02 2024-03-03"),
        ("2024-01-01 2024-01-15 2024-01-29", "2 weeks", "2024-02-12 2024-02-26"),
        ("2024-01-01T22:00 2024-01-01T23:00 2024-01-02T00:00", "1 hour", "2024-01-02T01:00 2024-01-02T02:00"),
        ("2024-01-01T00:00:00Z 2024-01-01T00:15:00Z", "15 minutes", "2024-01-01T00:30:00Z 2024-01-01T00:45:00Z"),
        ("2024-01-01T00:00:59 2024-01-01T00:01:00", "1 second", "2024-01-01T00:01:01 2024-01-01T00:01:02"),
        ("2024/12/30 2024/12/31", "1 day", "2025/01/01 2025/01/02"),
        ("20241230 20241231", "1 day", "20250101 20250102"),
        ("1/30/2024 1/31/2024", "1 day", "2/1/2024 2/2/2024"),
        ("20240101T2200 20240101T2300", "1 hour", "20240102T0000 20240102T0100"),
        ("202401012200 202401012300", "1 hour", "202401020000 202401020100"),
        ("1672531200 1672534800", "1 hour", "1672538400 1672542000"),
        ("1672531200000 1672617600000", "1 day", "1672704000000 1672790400000"),
        ("202251 202252 202301", "1 week", "202302 202303"),
        ("3Q2001 4Q2001 1Q2002", "3 months", "2Q2002 3Q2002"),
        ("2001q3 2001q4", "3 months", "2002q1 2002q2"),
        ("1749.833 1749.917 1750.000", "1 month", "1750.083 1750.167"),
        ("1949.91666666667 1950 1950.08333333333", "1 month", "1950.16666666667 1950.25"),
        ("1949.50 1949.75 1950.00", "3 months", "1950.25 1950.50"),
        ("200811 200812 200901", "1 month", "200902 200903"),
        ("2008.11 2008.12 2009.01", "1 month", "2009.02 2009.03"),
        ("2001Q3 2001Q4 2002Q1", "3 months", "2002Q2 2002Q3"),
        ("2022W51 2022W52 2023W01", "1 week", "2023W02 2023W03"),
        ("2020-W52 2020-W53 2021-W01", "1 week", "2021-W02 2021-W03"),
        ("31/01/2024 29/02/2024 31/03/2024", "1 month", "30/04/2024 31/05/2024"),
        ("12/30/2023 12/31/2023 01/01/2024", "1 day", "01/02/2024 01/03/2024"),
        ("Jan-49 Feb-49 Mar-49", "1 month", "Apr-49 May-49"),
        ("1700.0 1701.0 1702.0", "1.0", "1703.0 1704.0"),
        ("2024-01-04 2024-01-05 2024-01-08 2024-01-09", "1 business day", "2024-01-10 2024-01-11"),
        ("1990 1991 1992", "1", "1993 1994"),
        ("-4 0 4", "4", "8 12"),
    ],
)
def test_times_go_on_as_they_came(times, step, following):
    times = times.split()
    clock = clock_of(times)
    assert str(clock) == step
    assert clock.times(times[-1], [1, 2]) == following.split()
    assert clock.times(times[-1], range(1 - len(times), 1)) == times


@pytest.mark.parametrize(
    ("times", "following"),
    [
        (["Jan 1949", "Feb 1949", "Mar 1949"], "Apr 1949"),
        (["5 January 2024", "6 January 2024"], "7 January 2024"),
        (["1/31/2024 11:00 PM", "2/1/2024 12:00 AM"], "2/1/2024 1:00 AM"),
        (["Sat 30 Dec 2023", "Sun 31 Dec 2023"], "Mon 01 Jan 2024"),
        (["2024-01-01 22:00 GMT", "2024-01-01 23:00 GMT"], "2024-01-02 00:00 GMT"),
        (["20240101 22:00", "20240101 23:00"], "20240102 00:00"),
        (["2024-01-01 00:00:00.5", "2024-01-01 00:00:01.0"], "2024-01-01 00:00:01.500"),
    ],
)
def test_times_with_spaces(times, following):
    assert clock_of(times).times(times[-1], [1]) == [following]


def test_a_day_or_a_month_that_only_the_steps_tell_apart():
    assert clock_of(["01/11/2023", "01/12/2023", "01/01/2024"]).times("01/01/2024", [1]) == ["01/02/2024"]
    assert clock_of(["01/02/2024", "01/03/2024", "01/04/2024"], "%m/%d/%Y").times("01/04/2024", [1]) == ["01/05/2024"]
    with pytest.raises(InputError, match="'01/02/2024' may be of the form %d/%m/%Y or %m/%d/%Y; say which"):
        clock_of(["01/02/2024", "01/03/2024", "01/04/2024"])


def test_a_last_time_that_does_not_fit_and_the_end_of_all_years():
    with pytest.raises(InputError, match="'Monday' is not a time of the form date"):
        Clock("months", style="date").times("Monday", [1])
    with pytest.raises(InputError, match="beyond the year 9999; give a shorter horizon"):
        Clock("months", style="date").times("9999-11-01", [2])


SUMMER = "2024-03-31 00:00:00+01:00", "2024-03-31 01:00:00+01:00", "2024-03-31 03:00:00+02:00"
AUTUMN = "2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00"


def test_hours_are_counted_through_a_change_of_the_clocks():
    clock = clock_of(SUMMER)
    assert clock.times("2024-10-27 02:00:00+02:00", [1, 2]) == [
        "2024-10-27 02:00:00+01:00",
        "2024-10-27 03:00:00+01:00",
    ]
    naive = clock_of(AUTUMN, zone="Europe/Berlin")
    assert naive.times("2025-03-30 01:00", [1, 2]) == ["2025-03-30 03:00", "2025-03-30 04:00"]
    with pytest.raises(InputError, match="line 4: ds: 2024-10-27 02:00 appears twice"):
        clock_of(AUTUMN)
    with pytest.raises(InputError, match="'2024-03-31 02:00' does not exist in Europe/Berlin, where summer"):
        clock_of(["2024-03-31 01:00", "2024-03-31 02:00"], zone="Europe/Berlin")


def test_days_and_months_are_those_of_the_local_calendar():
    days = ["2024-03-30 00:00:00+01:00", "2024-03-31 00:00:00+01:00", "2024-04-01 00:00:00+02:00"]
    assert str(clock_of(days)) == "1 day"
    assert clock_of(days).times(days[-1], [209, 210]) == ["2024-10-27 00:00:00+02:00", "2024-10-28 00:00:00+01:00"]
    months = [f"2024-{month:02}-01T00:00-0{5 - (3 < month < 12)}:00" for month in range(1, 6)]
    assert str(clock_of(months)) == "1 month"
    assert clock_of(months).times(months[-1], [1, 7]) == ["2024-06-01T00:00-04:00", "2024-12-01T00:00-05:00"]


def test_months_of_another_zone_are_those_of_utc():
    """The first of each month in Berlin, written in UTC, is the last day of the month before."""
    months = ["2024-01-31T23:00Z", "2024-02-29T23:00Z", "2024-03-31T22:00Z", "2024-04-30T22:00Z"]
    with pytest.raises(InputError, match="name the zone of which they are days or months"):
        clock_of(months)
    assert clock_of(months, zone="Europe/Berlin").times(months[-1], [1]) == ["2024-06-01T00:00+02:00"]


def test_a_market_may_be_closed_for_a_few_days_but_not_for_weeks():
    days = [day for day in map(datetime(2024, 1, 1).__add__, map(timedelta, range(60))) if day.weekday() < 5]
    texts = [f"{day:%Y-%m-%d}" for day in days]
    clock = clock_of(texts[:10] + texts[11:])
    assert (str(clock), clock.times(texts[-1], [1])) == ("1 business day", ["2024-03-01"])
    with pytest.raises(InputError, match="2024-01-29 after 2024-01-12 leaves a gap: the step is 1 business day"):
        clock_of(texts[:10] + texts[20:])


def test_business_days_are_not_filled_up_to_weeks():
    days = ["2024-01-04", "2024-01-05", "2024-01-09", "2024-01-10", "2024-01-11", "2024-01-12", "2024-01-15"]
    assert str(clock_of(days, gaps=True)) == "1 business day"
    assert str(clock_of([*days, "2024-01-20"], gaps=True)) == "1 day"


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda time: time.replace(microsecond=0)),
    st.integers(1, 100_000),
    st.integers(3, 20),
)
def test_any_fixed_step_is_inferred_and_continued(start, seconds, count):
    texts = [(start + timedelta(seconds=seconds * place)).isoformat(" ", "seconds") for place in range(count + 5)]
    assert clock_of(texts[:count]).times(texts[count - 1], range(1, 6)) == texts[count:]
