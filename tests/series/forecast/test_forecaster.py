"""`Forecaster`: what it learns, what it may look at, how sure it is."""

import numpy as np
import pytest

from chargen.errors import InputError, TrainingError
from chargen.series import Forecaster
from chargen.series.forecast.backtest import NAIVE, SEASONAL, rows_held_out
from chargen.series.forecast.conformal_intervals import FEWEST_ERRORS


def noise(count, seed=0):
    return np.random.default_rng(seed).normal(size=count)


def autoregression(count, seed=0, share=0.8):
    values = noise(count, seed)
    for i in range(1, count):
        values[i] += share * values[i - 1]
    return values


def days(count=600, seed=0):
    """A rhythm of 12 rows, and noise that a network can see through for a while."""
    return 100 + 10 * np.sin(np.arange(count) * np.pi / 6) + autoregression(count, seed)


def months(count=144, seed=0):
    """A trend, and a season that grows with it."""
    season = np.array([-0.1, -0.1, 0, 0, 0, 0.1, 0.2, 0.2, 0.1, -0.1, -0.2, -0.1])
    return 100 * np.exp(0.01 * np.arange(count) + np.resize(season, count) + 0.02 * autoregression(count, seed))


QUICK = {"horizon": 6, "epochs": 3, "folds": 4}


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(**QUICK).fit(days())


def test_it_beats_the_naive_forecasts_where_there_is_something_to_learn():
    tested = Forecaster(horizon=12, epochs=8).backtest(days())
    assert tested.unbeaten == []
    assert tested.figures["network"]["mase"] < 0.9 * tested.figures[SEASONAL]["mase"]
    assert "the network beats naive (" in tested.verdict


def test_seasons_that_grow_are_forecast_in_logarithms():
    forecaster = Forecaster(horizon=12).fit(months())
    assert forecaster.framing.log
    assert forecaster.framing.seasons == (12,)
    assert forecaster.tested.unbeaten == []
    assert forecaster.tested.figures["network"]["mae"] < 0.7 * forecaster.tested.figures[SEASONAL]["mae"]


def test_it_says_that_random_walks_cannot_be_forecast():
    """Nearly always: over a handful of folds a forecaster may be lucky."""
    tested = [
        Forecaster(horizon=6, epochs=5, hidden_size=8).backtest(np.cumsum(noise(200, seed))) for seed in range(10)
    ]
    honest = [each for each in tested if each.unbeaten == [NAIVE]]
    assert len(honest) >= 8
    assert all("does not" in each.verdict and "beat naive" in each.verdict for each in honest)
    assert sum(each.verdict.endswith("prefer the naive forecast") for each in honest) >= 6


def test_the_final_network_has_learned_from_the_last_rows():
    values = days()
    changed = np.r_[values[:-25], values[-25:-12] + 20, values[-12:]]  # unseen in the backtest's training and here
    forecasters = [Forecaster(**QUICK, window=6, seasons=()).fit(each) for each in (values, changed)]
    assert not np.array_equal(*(each.predict() for each in forecasters))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(fitted):
    again, other = Forecaster(**QUICK).fit(days()), Forecaster(**QUICK, seed=1).fit(days())
    assert np.array_equal(again.predict(9), fitted.predict(9))
    assert not np.array_equal(other.predict(9), fitted.predict(9))


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_other_cells_learn_too(cell):
    tested = Forecaster(horizon=6, cell=cell, epochs=15).backtest(months(200))
    assert tested.figures["network"]["mae"] < 0.8 * tested.figures[SEASONAL]["mae"]


def test_several_series_keep_their_names_and_their_scales():
    series = {"small": days(200) / 1000, "large": days(150, 1) * 1000}
    forecaster = Forecaster(**QUICK).fit(series)
    points = forecaster.predict(8)
    assert list(points) == ["small", "large"]
    assert 0.08 < points["small"].mean() < 0.12
    assert 80_000 < points["large"].mean() < 120_000
    low, high = forecaster.interval(8)
    assert (low["small"] < points["small"]).all()
    assert (points["large"] < high["large"]).all()
    assert [len(each) for each in Forecaster(**QUICK).fit(list(series.values())).predict(8)] == [8, 8]


@pytest.mark.parametrize("make", [lambda seed: autoregression(324, seed), lambda seed: np.cumsum(noise(324, seed))])
def test_intervals_cover_what_they_say_within_and_beyond_the_horizon(make):
    """Ahead of 40 series, 3 horizons far; the share of hits has a standard error of 0.03 or so."""
    series = [make(seed) for seed in range(40)]
    forecaster = Forecaster(horizon=8, epochs=2, folds=10, hidden_size=8, window=8, seasons=())
    forecaster.fit([values[:300] for values in series])
    for level in (80, 90):
        low, high = map(np.array, forecaster.interval(24, level))
        hits = [(low[row] <= values[300:]) & (values[300:] <= high[row]) for row, values in enumerate(series)]
        assert np.mean(hits) == pytest.approx(level / 100, abs=0.08)


def test_a_level_that_the_errors_cannot_tell_is_refused(fitted):
    assert fitted.measured == rows_held_out(6, 4) - FEWEST_ERRORS + 1
    low, high = fitted.interval(6, 95)
    assert (low < high).all()
    with pytest.raises(
        InputError, match="level 99: the backtest has too few errors for more than 95 % at 6 rows ahead"
    ):
        fitted.interval(6, 99)
    with pytest.raises(InputError, match="level 100"):
        fitted.interval(6, 100)


@pytest.mark.parametrize(
    ("y", "options", "words"),
    [
        (np.ones(100), {}, "all 100 values are 1; leave this series out"),
        (np.r_[np.ones(100), noise(24)], {}, "constant before the rows that the backtest holds out"),
        ([1.0, np.nan, 2.0], {}, "value 2 is nan, not a finite number; correct it"),
        ([1.0, 1e200, 2.0], {}, "value 2 is 1e\\+200, too large"),
        (["a"], {}, "not all values are numbers"),
        ({"a": days(), "b": np.zeros((2, 2))}, {}, r"series 'b': an array of shape \(2, 2\)"),
        ([], {}, "0 rows are too few: a window of 4, a horizon of 6 and 4 folds need at least"),
        ({}, {}, "no series given"),
        (days(), {"horizon": 1000}, "600 rows are too few: a window of 4, a horizon of 1000 and 4 folds need at least"),
        (days(100) - 100, {"log": True}, "has no logarithm; leave out log"),
        (days(), {"cell": "cnn"}, "cell 'cnn': unknown; choose one of rnn, gru, lstm"),
        (days(), {"seasons": (1,)}, "seasons 1: a season has at least 2 rows"),
        (days(), {"seasons": (500,)}, "1 seasons of 500"),
        (days(), {"seasons": (7, 30)}, "seasons 7 and 30: a longer season must be a multiple"),
        (days(), {"folds": 0}, "folds 0: must be a whole number, at least 1"),
    ],
)
def test_bad_input_is_refused(y, options, words):
    with pytest.raises(InputError, match=words):
        Forecaster(**QUICK | options).fit(y)


def test_as_many_rows_as_are_asked_for_are_enough():
    with pytest.raises(InputError, match="need at least") as error:
        Forecaster(**QUICK, window=5, seasons=()).fit(noise(20))
    needed = int(str(error.value).split("need at least ")[1].split(";")[0])
    with pytest.raises(InputError):
        Forecaster(**QUICK, window=5, seasons=()).fit(noise(needed - 1))
    assert Forecaster(**QUICK, window=5, seasons=()).fit(noise(needed)).predict().shape == (6,)


def test_a_forecaster_that_was_not_fitted_says_so():
    with pytest.raises(InputError, match="call fit first"):
        Forecaster().predict()


def test_what_asks_a_forecaster_that_has_learned_nothing_is_told(tmp_path):
    forecaster = Forecaster()
    for ask in (
        forecaster.predict,
        forecaster.interval,
        lambda: forecaster.names,
        lambda: forecaster.measured,
        lambda: forecaster.save(tmp_path / "file"),
    ):
        with pytest.raises(InputError, match="is not fitted yet; call fit first"):
            ask()


def test_a_forecast_beyond_all_numbers_is_refused():
    growing = months() * np.exp(np.arange(144))
    forecaster = Forecaster(horizon=12, epochs=5, seasons=(12,), log=True).fit(growing)
    with pytest.raises(
        InputError,
        match=r"rows ahead the forecast is too large for a number; ask for fewer rows, or fit with log switched off",
    ):
        forecaster.predict(10_000)


def test_values_that_differ_too_much_in_size_are_told():
    values = days()
    values[-1] = 1e60  # in the rows held out, which only the final network learns
    with pytest.raises(TrainingError, match="the values differ too much in size; correct outliers, or fit with log"):
        Forecaster(**QUICK, seasons=()).fit(values)
