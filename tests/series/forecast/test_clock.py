from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.series.forecast.clock import infer_clock, parse_time


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
        ("2024/12/30 2024/12/31", "1 day", "2025-01-01 2025-01-02"),
        ("20241230 20241231", "1 day", "2025-01-01 2025-01-02"),
        ("1990 1991 1992", "1", "1993 1994"),
        ("-4 0 4", "4", "8 12"),
    ],
)
def test_times_go_on_as_they_came(times, step, following):
    times = times.split()
    clock = infer_clock(times)
    assert str(clock) == step
    assert clock.times(times[-1], [1, 2]) == following.split()
    if "/" not in times[0] and len(times[0]) != 8:
        assert clock.times(times[-1], range(1 - len(times), 1)) == times


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda time: time.replace(microsecond=0)),
    st.integers(1, 100_000),
    st.integers(3, 20),
)
def test_any_fixed_step_is_inferred_and_continued(start, seconds, count):
    times = [start + timedelta(seconds=seconds * place) for place in range(count + 5)]
    texts = [time.isoformat(" ", "seconds") for time in times]
    assert infer_clock(texts[:count]).times(texts[count - 1], range(1, 6)) == texts[count:]
    assert [parse_time(text) for text in texts] == times
