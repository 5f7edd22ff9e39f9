"""Newer rows, joined to what a forecaster knows by their times."""

from datetime import date, timedelta

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.series import Forecaster
from chargen.series.forecast.newer import read_newer
from chargen.series.forecast.origin import metadata_of
from chargen.series.reading.table import read_table

DAYS = [str(date(2024, 1, 1) + timedelta(days=number)) for number in range(40)]
WORKING = [day for day in DAYS if date.fromisoformat(day).weekday() < 5]
VALUES = np.random.default_rng(0).normal(size=40).round(3)


@pytest.fixture
def file(tmp_path):
    def write(text, name="known.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def rows(times, values, names=("a",)):
    lines = [f"{name},{time},{value}" for name in names for time, value in zip(times, values, strict=False)]
    return "unique_id,ds,y\n" + "\n".join(lines)


def fitted(path, **reading):
    table = read_table(path, **reading)
    forecaster = Forecaster(horizon=3, model="naive").fit({one.name: one.values for one in table.series})
    forecaster.about = metadata_of(table, path, **reading)
    return forecaster


def extended(file, forecaster, text):
    return forecaster.extend_by(read_newer(forecaster.about, file(text, "newer.csv")))


@pytest.mark.parametrize("first", [30, 28, 0])
def test_rows_that_follow_and_rows_that_repeat_are_joined_by_their_times(file, first):
    forecaster = fitted(file(rows(DAYS[:30], VALUES)))
    assert extended(file, forecaster, rows(DAYS[first:40], VALUES[first:] + (first == 28))) == []
    expected = VALUES + (first == 28) * (np.arange(40) >= 28)  # revised
    assert forecaster.history("a").tolist() == expected.tolist()
    assert forecaster.about["last"] == {"a": DAYS[-1]}


def test_one_row_is_enough_and_is_read_as_the_file_was(file):
    german = "Tag;Wert\n" + "\n".join(f"{day[8:]}.{day[5:7]}.2024;{place},5" for place, day in enumerate(DAYS[:30]))
    forecaster = fitted(file(german), column="Wert")
    assert extended(file, forecaster, "Tag;Wert;Kommentar\n31.01.2024;7,25;neu") == []
    assert forecaster.history("")[-2:].tolist() == [29.5, 7.25]


def test_without_times_a_file_repeats_the_known_rows_or_holds_those_that_follow(file):
    def table(values):
        return "y\n" + "\n".join(map(str, values))

    revised = np.r_[VALUES[:9], 7.5, VALUES[10:]]
    forecaster = fitted(file(table(VALUES[:30])))
    assert extended(file, forecaster, table(revised)) == []
    assert forecaster.history("").tolist() == revised.tolist()
    said = ["the rows do not repeat the known ones: they are taken for those that follow"]
    assert extended(file, forecaster, table(VALUES[::-1])) == said
    assert forecaster.history("").tolist() == [*revised, *VALUES[::-1]]
    assert forecaster.about["last"] == {"": "80"}
    with pytest.raises(InputError, match="the rows repeat the first 20 of 80 rows that are known; give the newer rows"):
        extended(file, forecaster, table(revised[:20]))


def test_newer_rows_are_read_with_the_decimal_mark_of_the_known_ones(file):
    forecaster = fitted(file("ds;y\n" + "\n".join(f"{day};1.0{n:02},5" for n, day in enumerate(DAYS[:20]))))
    extended(file, forecaster, f"ds;y\n{DAYS[20]};1.012\n{DAYS[21]};1.013\n")
    assert forecaster.history("").tolist()[-3:] == [1019.5, 1012, 1013]


def test_series_that_are_new_and_series_without_newer_rows_are_named(file):
    forecaster = fitted(file(rows(DAYS[:30], VALUES, "ab")))
    assert extended(file, forecaster, rows(DAYS[30:], VALUES[30:], "ac")) == [
        "series without newer rows go on from their old ones: b",
        "series that are new are left out; fit again to forecast them: c",
    ]
    assert [len(forecaster.history(name)) for name in "ab"] == [40, 30]


def test_a_holiday_may_lie_between(file):
    forecaster = fitted(file(rows(WORKING[:20], VALUES)))
    extended(file, forecaster, rows(WORKING[22:], VALUES[22:]))
    assert len(forecaster.history("a")) == len(WORKING) - 2
    holiday = [*WORKING[:5], *WORKING[6:]]
    with pytest.raises(InputError, match="the rows begin before 2024-02-09, where the known ones end; give only"):
        extended(file, forecaster, rows(holiday, VALUES))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            rows(DAYS[33:], VALUES),
            "series 'a': 3 rows missing between 2024-01-30, where the known ones end, and 2024",
        ),
        (
            rows(DAYS[:20], VALUES),
            "series 'a': the rows end at 2024-01-20, but the forecaster knows them up to 2024-01-30",
        ),
        (rows(DAYS[30:], VALUES, "z"), "none of the series is known to the forecaster: z"),
        (rows(["2024-02-01", "2024-02-03"], VALUES), "newer.csv line 3: ds of series 'a': "),
        (rows(["1/2/2024"], VALUES), "newer.csv line 2: ds: '1/2/2024' is not a time of the form date; correct"),
        ("ds,x\n2024-01-31,5", "newer.csv: no column 'y'; its columns are ds, x"),
    ],
)
def test_what_does_not_go_on_is_refused(file, text, words):
    forecaster = fitted(file(rows(DAYS[:30], VALUES)))
    with pytest.raises(InputError, match=words):
        extended(file, forecaster, text)


def test_a_forecaster_of_arrays_says_what_to_do_instead(file):
    forecaster = Forecaster(horizon=3, model="naive").fit(VALUES)
    with pytest.raises(InputError, match=r"was fitted to arrays, not to a file; use Forecaster\.extend in Python"):
        read_newer(forecaster.about, file(rows(DAYS, VALUES)))
