"""`Forecaster`: what it learns, what it may look at, how sure it is."""

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.series import Forecaster
from chargen.series.forecast.methods import NAIVE, SEASONAL


def noise(count, seed=0):
    return np.random.default_rng(seed).normal(size=count)


def autoregression(count, seed=0, share=0.8):
    values = noise(count, seed)
    for i in range(1, count):
        values[i] += share * values[i - 1]
    return values


def days(count=300, seed=0):
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
    assert "the forecast beats naive (" in tested.verdict


def test_seasons_that_grow_are_forecast_in_logarithms():
    forecaster = Forecaster(horizon=12, epochs=25, model="network").fit(months())
    assert forecaster.framing.log
    assert forecaster.framing.seasons == (12,)
    assert forecaster.tested.unbeaten == []
    assert forecaster.tested.figures["network"]["mae"] < 0.7 * forecaster.tested.figures[SEASONAL]["mae"]


def test_it_says_that_random_walks_cannot_be_forecast():
    """Nearly always: over a handful of folds a forecaster may be lucky."""
    walks = [np.cumsum(noise(200, seed)) for seed in range(6)]
    tested = [Forecaster(horizon=6, epochs=5, hidden_size=8).backtest(walk) for walk in walks]
    honest = [each for each in tested if each.unbeaten == [NAIVE]]
    assert len(honest) >= 5
    assert all("does not" in each.verdict and "beat naive" in each.verdict for each in honest)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "make", [noise, lambda count, seed: np.cumsum(noise(count, seed)), lambda count, seed: months(count, seed)]
)
def test_it_is_never_worse_than_simple(make, seed):
    """The forecast, whose weights do not know the errors that it is judged by, beside the best of its methods."""
    figures = Forecaster(horizon=6, epochs=5, hidden_size=8).backtest(make(120, seed)).figures
    best = min(own["mae"] for name, own in figures.items() if name != "forecast")
    assert figures["forecast"]["mae"] < 1.1 * best


def test_short_and_constant_series_get_the_naive_forecast_and_block_nothing():
    series = {str(seed): days(100, seed) for seed in range(4)} | {"short": [3, 5], "flat": [7.0] * 80, "one": [2]}
    forecaster = Forecaster(**QUICK).fit(series)
    points = forecaster.predict(8)
    assert {name: points[name].tolist() for name in ("short", "flat", "one")} == {
        "short": [5.0] * 8,
        "flat": [7.0] * 8,
        "one": [2.0] * 8,
    }
    assert forecaster.reasons == {
        "short": "naive forecast: fewer than 6 rows",
        "flat": "naive forecast: constant",
        "one": "naive forecast: one row",
    }
    assert forecaster.weights["short"] == {name: float(name == NAIVE) for name in forecaster.weights["short"]}
    low, high = forecaster.interval(8)
    assert (low["short"] < 5).all()
    assert (high["short"] > 5).all()
    assert forecaster.weights["0"]["network"] > 0


@pytest.mark.parametrize(("rows", "horizon", "season"), [(14, 6, 0), (16, 8, 4), (48, 18, 12)])
def test_series_of_a_few_years_are_forecast(rows, horizon, season):
    values = np.linspace(50, 60, rows) + (5 * np.sin(np.arange(rows) * 2 * np.pi / season) if season else 0)
    forecaster = Forecaster(horizon=horizon).fit(values + 0.1 * noise(rows))
    low, high = forecaster.interval()
    assert ((low < forecaster.predict()) & (forecaster.predict() < high)).all()
    assert forecaster.reasons == {}
    assert 55 < forecaster.predict().mean() < 64


def test_counts_with_many_zeros_are_forecast_by_their_mean():
    counts = np.random.default_rng(0).poisson(0.3, 120)
    forecaster = Forecaster(**QUICK).fit(counts)
    assert forecaster.predict(3) == pytest.approx([counts.mean()] * 3)
    assert forecaster.reasons == {"": "mean forecast: counts with many zeros"}


def test_no_forecast_is_below_zero_where_no_value_is():
    falling = np.maximum(100 - np.arange(100) + noise(100), 0)
    forecaster = Forecaster(**QUICK).fit(falling)
    low, high = forecaster.interval(60)
    assert (np.stack([forecaster.predict(60), low, high]) >= 0).all()
    assert low[-1] == 0
    below = Forecaster(**QUICK).fit(falling - 1)
    assert below.interval(60)[0].min() < -1


def test_limits_hold_for_the_forecast_and_its_interval():
    forecaster = Forecaster(**QUICK, minimum=80, maximum=111, model="naive").fit(np.r_[days(99).clip(81, 110), 110])
    low, high = forecaster.interval(40)
    assert forecaster.predict(2).tolist() == [110, 110]
    assert (low.min(), high.max()) == (80, 111)


def test_the_method_that_is_asked_for_is_what_is_forecast_with():
    values = days(100)
    forecaster = Forecaster(horizon=12, model=SEASONAL, seasons=(12,)).fit(values)
    assert forecaster.predict().tolist() == values[-12:].tolist()
    assert forecaster.weights == {"": {SEASONAL: 1.0}}
    assert forecaster.tested.verdict.startswith("the seasonal naive forecast ")


def test_the_final_network_has_learned_from_the_last_rows():
    values = days()
    changed = np.r_[values[:-25], values[-25:-12] + 20, values[-12:]]  # unseen in the backtest's training and here
    forecasters = [Forecaster(**QUICK, window=6, seasons=(), model="network").fit(each) for each in (values, changed)]
    assert not np.array_equal(*(each.predict() for each in forecasters))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(fitted):
    again, other = Forecaster(**QUICK).fit(days()), Forecaster(**QUICK, seed=1).fit(days())
    assert np.array_equal(again.predict(9), fitted.predict(9))
    assert not np.array_equal(other.predict(9), fitted.predict(9))


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_other_cells_learn_too(cell):
    tested = Forecaster(horizon=6, cell=cell, epochs=15).backtest(months(200))
    assert tested.figures["network"]["mae"] < 0.8 * tested.figures[SEASONAL]["mae"]


def test_several_series_keep_their_names_and_their_scales(monkeypatch):
    series = {"small": days(200) / 1000, "large": days(150, 1) * 1000}
    forecaster = Forecaster(**QUICK).fit(series)
    points = forecaster.predict(8)
    assert list(points) == ["small", "large"]
    assert 0.08 < points["small"].mean() < 0.12
    assert 80_000 < points["large"].mean() < 120_000
    low, high = forecaster.interval(8)
    assert (low["small"] < points["small"]).all()
    assert (points["large"] < high["large"]).all()
    monkeypatch.setattr("chargen.series.forecast.fitted.CHUNK", 9)  # a series at a time
    monkeypatch.setattr("chargen.series.forecast.network.MOST_VALUES", 1)  # a window at a time
    for name, again in forecaster.predict(8).items():
        np.testing.assert_allclose(again, points[name], rtol=1e-6)
    assert [len(each) for each in Forecaster(**QUICK, model=NAIVE).fit(list(series.values())).predict(8)] == [8, 8]


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


def test_a_level_is_a_whole_number_of_per_cent(fitted):
    with pytest.raises(InputError, match="level 100"):
        fitted.interval(6, 100)


def test_it_goes_on_from_newer_rows_without_fitting_again():
    values = days(220)
    series = {"a": values[:200], "b": values[:30]}
    forecaster = Forecaster(**QUICK).fit(series)
    before = forecaster.predict()
    revised = np.r_[values[190:200] + 5, values[200:]]
    forecaster.extend({"a": revised}, overlap={"a": 10})
    assert forecaster.history("a").tolist() == np.r_[values[:190], revised].tolist()
    assert forecaster.predict()["b"] == pytest.approx(before["b"])
    assert np.abs(forecaster.predict()["a"] - before["a"]).max() > 1
    forecaster.extend({"a": np.tile(series["a"], 3)}, overlap=0)
    assert forecaster.predict()["a"] == pytest.approx(before["a"], rel=0.02)  # its end is the same again
    forecaster.extend({"b": [-1.0]})
    assert forecaster.interval(60, 99)[0]["b"].min() < 0  # which no value was before
    with pytest.raises(InputError, match="series 'c' is unknown to the forecaster; leave it out, or fit again"):
        forecaster.extend({"c": values})


def test_nothing_is_kept_of_a_table_that_it_was_fitted_to_before(tmp_path):
    forecaster = Forecaster(**QUICK).fit(days())
    forecaster.about = {"clock": {}, "last": {"": "1"}, "ids": [], "cells": {"": []}}
    forecaster.fit({"a": days(), "b": days()}).save(tmp_path / "two")
    assert Forecaster.load(tmp_path / "two").names == ["a", "b"]


@pytest.mark.parametrize(
    ("y", "options", "words"),
    [
        ([1.0, np.nan, 2.0], {}, "value 2 is nan, not a finite number; correct it"),
        ([1.0, 1e200, 2.0], {}, "value 2 is 1e\\+200, too large"),
        (["a"], {}, "not all values are numbers"),
        ({"a": days(), "b": np.zeros((2, 2))}, {}, r"series 'b': an array of shape \(2, 2\)"),
        ([], {}, "no values; leave this series out"),
        ({}, {}, "no series given"),
        (
            days(100),
            {"horizon": 80, "model": "network", "folds": 1},
            "100 rows: too few for the network, which reads 12",
        ),
        (days(100) - 100, {"log": True}, "has no logarithm; leave out log"),
        (days(), {"cell": "cnn"}, "cell 'cnn': unknown; choose one of rnn, gru, lstm"),
        (days(), {"seasons": (1,)}, "seasons 1: a season has at least 2 rows"),
        (days(), {"minimum": 200}, "is below 200; give a lower minimum"),
        (days(), {"maximum": 100}, "is above 100; give a higher maximum"),
        (days(), {"minimum": 3, "maximum": 2}, "minimum 3: above the maximum, 2; swap them"),
        (days(), {"model": "arima"}, "model 'arima': unknown; choose one of auto, network, smoothing"),
        (days(), {"seasons": (7, 30)}, "a longer season must be a multiple of the shortest; give 7 and 28, or leave"),
        (days(100), {"window": 95}, "100 rows: too few for the network, which reads 95"),
        (days(100), {"folds": 20}, "folds 20: the rows have room for 15 horizons of 6; give fewer"),
        (days(100), {"seasons": (101,)}, "seasons 101: longer than the 100 rows that there are; give a shorter one"),
        (days(), {"folds": 0}, "folds 0: must be a whole number, at least 1"),
        (days(), {"horizon": 30_000_000}, "horizon 30,000,000: for 1 series these are more than 25,000,000 values"),
        (
            days(),
            {"window": 10**6},
            "window 1,000,000: too many rows for a network of 32 units that gives 6; give",
        ),
    ],
)
def test_bad_input_is_refused(y, options, words):
    with pytest.raises(InputError, match=words):
        Forecaster(**QUICK | options).fit(y)


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
    forecaster = Forecaster(horizon=12, epochs=5, seasons=(12,), log=True, model="network").fit(growing)
    with pytest.raises(
        InputError,
        match=r"rows ahead the forecast is too large for a number; ask for fewer rows, or fit with log switched off",
    ):
        forecaster.predict(10_000)


@pytest.mark.parametrize("place", [150, -1])
def test_an_outlier_beyond_all_measure_stops_nothing(place):
    values = days()
    values[place] = 1e60
    assert np.isfinite(Forecaster(**QUICK).fit(values).predict()).all()
