"""Data frames: what pandas and polars share is enough; their own are taken where they are installed."""

from datetime import date

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.series import Forecaster

MONTHS = np.arange("2020-01", "2023-01", dtype="M8[M]").astype("M8[ns]")
VALUES = np.random.default_rng(0).normal(size=72)


class Frame:
    """A data frame without an index: columns by name, made of a dict."""

    def __init__(self, columns):
        self._columns = dict(columns)
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]


def naive(**options):
    return Forecaster(horizon=2, model="naive", **options)


def test_a_frame_in_the_long_format_is_continued_in_kind():
    frame = Frame({"shop": [7] * 36 + [8] * 36, "ds": np.tile(MONTHS, 2), "y": VALUES})
    made = naive().fit(frame, ids=("shop",)).predict(levels=[95, 80])
    assert type(made) is Frame
    assert made.columns == ["shop", "ds", "y", "y-lo-95", "y-lo-80", "y-hi-80", "y-hi-95"]
    assert made["shop"].tolist() == [7, 7, 8, 8]
    assert made["ds"].tolist() == np.tile(np.array(["2023-01-01", "2023-02-01"], "M8[ns]"), 2).tolist()
    assert made["ds"].dtype == MONTHS.dtype
    assert made["y"] == pytest.approx(VALUES[[35, 35, 71, 71]])
    bounds = np.array([made[name] for name in made.columns[2:]])
    assert (np.diff(bounds[[1, 2, 0, 3, 4]], axis=0) > 0).all()


def test_its_bounds_come_alike():
    forecaster = naive().fit(Frame({"ds": MONTHS, "y": np.arange(36.0) % 5}))
    low, high = forecaster.interval(level=80)
    both = forecaster.predict(levels=[80])
    assert (low["y"].tolist(), high["y"].tolist()) == (both["y-lo-80"].tolist(), both["y-hi-80"].tolist())
    assert low["ds"].tolist() == both["ds"].tolist()


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([date(2024, 1, day) for day in range(1, 31)], [date(2024, 1, 31), date(2024, 2, 1)]),
        (np.arange(1990, 2020), [2020, 2021]),
        ([f"2024-01-01 {hour:02}:30" for hour in range(24)], ["2024-01-02 00:30", "2024-01-02 01:30"]),
    ],
)
def test_times_of_any_type_go_on(times, expected):
    made = naive().fit(Frame({"date": times, "y": np.arange(len(times)) % 3})).predict()
    assert list(made["date"]) == expected


def test_the_season_of_the_calendar_is_known_and_columns_not_used_are_named():
    months = np.arange("2010-01", "2018-07", dtype="M8[M]").astype("M8[D]")
    noisy = 10 * np.sin(np.arange(102) * np.pi / 6)
    noisy[:84] += 9 * np.random.default_rng(9).normal(size=84)
    forecaster = Forecaster(horizon=6, model="naive")
    with pytest.warns(UserWarning, match="columns not used: price"):
        forecaster.fit(Frame({"ds": months, "y": noisy, "price": np.ones(102)}))
    assert forecaster.framing.seasons == (12,)
    assert forecaster.fit(noisy).framing.seasons == (24,), "an array has no calendar"


def test_a_newer_frame_is_joined_by_its_times():
    forecaster = naive().fit(Frame({"ds": MONTHS[:30], "y": VALUES[:30]}))
    forecaster.extend(Frame({"ds": MONTHS[28:], "y": VALUES[28:36]}))
    made = forecaster.predict()
    assert made["y"] == pytest.approx([VALUES[35]] * 2)
    assert made["ds"][0] == np.datetime64("2023-01-01")
    assert forecaster.history("").tolist() == VALUES[:36].tolist()


def test_a_fault_is_named_with_its_row():
    with pytest.raises(InputError, match="the data frame row 3: y is missing"):
        naive().fit(Frame({"ds": MONTHS[:4], "y": [1, 2, float("nan"), 3]}))
    with pytest.raises(InputError, match=r"levels \[80\]: only a data frame holds bounds too; call interval"):
        naive().fit(np.arange(30)).predict(levels=[80])


def test_pandas_with_an_index_of_times():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"y": np.arange(36.0)}, index=pandas.DatetimeIndex(MONTHS, name="month"))
    made = naive().fit(frame).predict()
    assert made["y"].tolist() == [35, 35]
    assert made.index.equals(pandas.DatetimeIndex(["2023-01-01", "2023-02-01"], name="month"))
    forecaster = naive().fit(frame[:30]).extend(frame[30:])
    assert forecaster.predict().equals(made)


def test_polars():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"ds": [date(2024, 1, day) for day in range(1, 31)], "y": range(30)})
    made = naive().fit(frame).predict()
    assert made["ds"].to_list() == [date(2024, 1, 31), date(2024, 2, 1)]
