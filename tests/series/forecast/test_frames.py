"""Data frames of pandas and polars: read as files are, and continued in kind."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas
import polars
import pytest

from chargen.errors import InputError
from chargen.series import Forecaster

MONTHS = np.arange("2020-01", "2023-01", dtype="M8[M]").astype("M8[ns]")
VALUES = np.random.default_rng(0).normal(size=72)


def naive(**options):
    return Forecaster(horizon=2, model="naive", **options)


def continued(times, frame=pandas.DataFrame, **reading):
    """Return the column of the times that follow."""
    return naive().fit(frame({"date": times, "y": np.arange(len(times)) % 3}), **reading).predict()["date"]


def indexed(index, values=VALUES):
    """Return the index that follows."""
    return naive().fit(pandas.DataFrame({"y": values[: len(index)]}, index=index)).predict().index


@pytest.mark.parametrize("kind", [pandas.DataFrame, polars.DataFrame])
def test_a_frame_in_the_long_format_is_continued_in_kind(kind):
    frame = kind({"shop": [7] * 36 + [8] * 36, "ds": np.tile(MONTHS, 2), "y": VALUES})
    made = naive().fit(frame, ids=("shop",)).predict(levels=[95, 80])
    assert type(made) is kind
    assert list(made.columns) == ["shop", "ds", "y", "y-lo-95", "y-lo-80", "y-hi-80", "y-hi-95"]
    assert made["shop"].to_list() == [7, 7, 8, 8]
    assert made["ds"].to_list() == [datetime(2023, 1, 1), datetime(2023, 2, 1)] * 2
    assert (made["ds"].dtype, made["shop"].dtype) == (frame["ds"].dtype, frame["shop"].dtype)
    assert made["y"].to_list() == pytest.approx(VALUES[[35, 35, 71, 71]])
    bounds = np.array([made[name] for name in made.columns[2:]])
    assert (np.diff(bounds[[1, 2, 0, 3, 4]], axis=0) > 0).all()


def test_its_bounds_come_alike():
    forecaster = naive().fit(pandas.DataFrame({"ds": MONTHS, "y": np.arange(36.0) % 5}))
    low, high = forecaster.interval(level=80)
    both = forecaster.predict(levels=[80])
    assert (low["y"].tolist(), high["y"].tolist()) == (both["y-lo-80"].tolist(), both["y-hi-80"].tolist())
    assert low["ds"].tolist() == both["ds"].tolist()


@pytest.mark.parametrize("frame", [pandas.DataFrame, polars.DataFrame])
@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([date(2024, 1, day) for day in range(1, 31)], [date(2024, 1, 31), date(2024, 2, 1)]),
        (list(range(1990, 2020)), [2020, 2021]),
        ([f"2024-01-01 {hour:02}:30" for hour in range(24)], ["2024-01-02 00:30", "2024-01-02 01:30"]),
    ],
)
def test_times_of_any_type_go_on(frame, times, expected):
    assert continued(times, frame).to_list() == expected


def test_times_of_a_zone_stay_in_it():
    """Days of local time are counted, over the change of summer time too."""
    days = pandas.Series(pandas.date_range("2024-03-02", periods=29, tz="Europe/Berlin"))
    after = continued(days)
    assert after.dtype == days.dtype
    assert [str(time) for time in after] == ["2024-03-31 00:00:00+01:00", "2024-04-01 00:00:00+02:00"]
    assert indexed(pandas.DatetimeIndex(days)).equals(pandas.DatetimeIndex(after))
    offset = pandas.Series(pandas.date_range("2024-03-02", periods=29, freq="h", tz="+02:00"))
    assert str(continued(offset)[0]) == "2024-03-03 05:00:00+02:00"
    start = datetime(2024, 3, 2)
    days = polars.datetime_range(start, start + timedelta(28), "1d", time_zone="Europe/Berlin", eager=True)
    after = continued(days, polars.DataFrame)
    assert after.dtype == days.dtype
    assert [str(time) for time in after] == ["2024-03-31 00:00:00+01:00", "2024-04-01 00:00:00+02:00"]


@pytest.mark.parametrize(("frequency", "seasons"), [("M", (12,)), ("Q", (4,)), ("W", (52,)), ("h", (24, 168))])
def test_periods_go_on_and_have_the_seasons_of_their_calendar(frequency, seasons):
    index = pandas.period_range("2003-01-01", periods=400, freq=frequency, name="when")
    frame = pandas.DataFrame({"y": np.arange(398) % seasons[0]}, index=index[:-2])
    forecaster = naive().fit(frame)
    assert forecaster.predict().index.equals(index[-2:])
    assert forecaster.framing.seasons[:1] == seasons[:1]


@pytest.mark.parametrize("name", [None, "day"])
def test_an_index_goes_on_under_its_name(name):
    days = pandas.date_range("2024-01-01", periods=30, name=name)
    for index in (days, days.astype(str)):
        after = indexed(index[:28])
        assert after.equals(index[28:])
        assert after.name == name
    shops = pandas.MultiIndex.from_product([["a", "b"], days], names=[None, name])
    with pytest.warns(UserWarning, match="series by level_0"):
        after = indexed(shops.drop(days[28:], level=1))
    assert after.equals(shops.drop(days[:28], level=1))
    assert after.names == [None, name]


def test_an_index_that_counts_rows_is_none():
    frame = pandas.DataFrame({"y": VALUES})
    made = naive().fit(frame[frame["y"] > 0]).predict()
    assert made["row"].tolist() == [(VALUES > 0).sum() + 1, (VALUES > 0).sum() + 2]
    assert naive().fit(frame["y"]).predict().tolist() == [VALUES[-1]] * 2, "a column without times is an array"


def test_a_column_with_an_index_of_times():
    column = pandas.Series(VALUES[:36], pandas.DatetimeIndex(MONTHS), name="sold")
    forecaster = naive().fit(column[:30]).extend(column[30:])
    made = forecaster.predict()
    expected = pandas.Series([VALUES[35]] * 2, pandas.DatetimeIndex(["2023-01-01", "2023-02-01"]), name="sold")
    pandas.testing.assert_series_equal(made, expected, check_index_type=False)
    assert forecaster.predict(levels=[80]).columns.tolist() == ["sold", "sold-lo-80", "sold-hi-80"]


def test_the_season_of_the_calendar_is_known_and_columns_not_used_are_named():
    months = np.arange("2010-01", "2018-07", dtype="M8[M]").astype("M8[s]")
    noisy = 10 * np.sin(np.arange(102) * np.pi / 6)
    noisy[:84] += 9 * np.random.default_rng(9).normal(size=84)
    forecaster = Forecaster(horizon=6, model="naive")
    with pytest.warns(UserWarning, match="columns not used: price"):
        forecaster.fit(pandas.DataFrame({"ds": months, "y": noisy, "price": np.ones(102)}))
    assert forecaster.framing.seasons == (12,)
    assert forecaster.fit(noisy).framing.seasons == (24,), "an array has no calendar"


def test_a_frame_is_backtested_as_it_is_fitted():
    frame = pandas.DataFrame({"day": pandas.date_range("2024-01-01", periods=72), "sold": VALUES, "price": VALUES})
    tested = naive().backtest(frame, folds=3, column="sold")
    with pytest.warns(UserWarning, match="columns not used: price"):
        expected = naive(folds=3).fit(frame, column="sold").tested
    assert str(tested) == str(expected) != str(naive().backtest(frame, column="sold"))


def test_a_newer_frame_is_joined_by_its_times():
    forecaster = naive().fit(pandas.DataFrame({"ds": MONTHS[:30], "y": VALUES[:30]}))
    forecaster.extend(pandas.DataFrame({"ds": MONTHS[28:], "y": VALUES[28:36]}))
    made = forecaster.predict()
    assert made["y"].to_list() == pytest.approx([VALUES[35]] * 2)
    assert made["ds"][0] == np.datetime64("2023-01-01")
    assert forecaster.history("").tolist() == VALUES[:36].tolist()


def test_a_fault_is_named_with_its_row():
    with pytest.raises(InputError, match="the data frame row 3: y is missing"):
        naive().fit(pandas.DataFrame({"ds": MONTHS[:4], "y": [1, 2, float("nan"), 3]}))
    with pytest.raises(InputError, match=r"levels \[80\]: only a data frame holds bounds too; call interval"):
        naive().fit(np.arange(30)).predict(levels=[80])
