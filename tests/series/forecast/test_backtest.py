import numpy as np
import pytest

from chargen.series.forecast.backtest import Backtest, actual_values, backtest_forecasts, origins, summarize
from chargen.series.forecast.methods import METHODS, NAIVE, SEASONAL


@pytest.mark.parametrize(
    ("gain", "error", "words"),
    [
        (1.6, 1.0, "the network beats naive (3), with a mean absolute error of 2 over 5 folds"),
        (1.5, 1.0, "the network does not clearly beat naive (3), with a mean absolute error of 2 over 5 folds:"),
        (-0.1, 1.0, "the network does not beat naive (3), with a mean absolute error of 2 over 5 folds; prefer the"),
    ],
)
def test_only_a_clear_margin_is_called_one(gain, error, words):
    figures = {"network": {"mae": 2.0}, NAIVE: {"mae": 3.0}}
    assert words in Backtest(5, 6, figures, {NAIVE: (gain, error)}, "network").verdict


def test_the_verdict_is_about_what_is_forecast():
    figures = {"forecast": {"mae": 2.0}, "theta": {"mae": 2.5}, NAIVE: {"mae": 3.0}}
    assert Backtest(5, 6, figures, {NAIVE: (2, 1)}).verdict.startswith("the forecast beats naive (3), with")
    assert Backtest(5, 6, figures, {NAIVE: (2, 1)}, "theta").verdict.startswith("the theta forecast beats naive (3)")
    assert Backtest(5, 6, figures, {NAIVE: (-1, 1)}).verdict.endswith("error of 2 over 5 folds")
    assert Backtest(1, 6, {}, {}).verdict == "there are too few rows for a backtest"
    assert Backtest(5, 6, {}, {}, shares={"a": 0.001, "b": 0.2, "c": 0.8}).composition == "80 % c, 20 % b"


def test_one_fold_cannot_tell():
    figures = {"network": {"mae": 1.0}, NAIVE: {"mae": 3.0}}
    assert Backtest(1, 6, figures, {NAIVE: (2.0, 2.0)}, "network").verdict.endswith(
        "1 fold, which is too few to tell; use more folds"
    )


def forecasts_of(series, cuts, methods, season, horizon):
    steps = backtest_forecasts(series, cuts, {name: METHODS[name] for name in methods}, season, horizon, kept=1000)
    while True:
        try:
            assert 0 <= next(steps) <= 1
        except StopIteration as done:
            return done.value


def test_every_origin_is_forecast_from_the_rows_before_it():
    series = [np.arange(40.0), 100 + np.arange(12.0)]
    cuts = origins([40, 12], [9, 6], horizon=4)
    assert sorted(set(cuts[0])) == [0, 31, 32, 33, 34, 35, 36]
    assert sorted(set(cuts[1])) == [0, 6, 7, 8]
    actual = actual_values(series, cuts, 4)
    points = forecasts_of(series, cuts, [NAIVE, SEASONAL], 3, 4)
    for number, values in enumerate(series):
        for place, cut in enumerate(cuts[number]):
            if cut:
                assert actual[number, place].tolist() == values[cut : cut + 4].tolist()
                assert points[number, place, 0].tolist() == [values[cut - 1]] * 4
                assert points[number, place, 1].tolist() == values[[cut - 3, cut - 2, cut - 1, cut - 3]].tolist()
            else:
                assert np.isnan(actual[number, place]).all()
                assert np.isnan(points[number, place]).all()


def test_a_series_shorter_than_a_horizon_after_its_origin_counts_as_far_as_it_goes():
    actual = actual_values([np.arange(8.0)], origins([8], [2], horizon=6), 6)
    assert actual[0, 0].tolist()[:2] == [6.0, 7.0]
    assert np.isnan(actual[0, 0, 2:]).all()


def test_figures_and_margins_are_means_over_origins_and_series():
    actual = np.array([[[1.0, 3.0], [0.0, 0.0]]])  # (N, origins, horizon)
    points = {"forecast": np.full((1, 2, 2), 4.0), NAIVE: np.full((1, 2, 2), 3.0)}
    tested = summarize(actual, points, [np.tile([1.0, 3.0], 50)], 2, 2, "forecast", {})
    assert tested.figures["forecast"]["mae"] == (3 + 1 + 4 + 4) / 4
    assert tested.figures["forecast"]["mase"] is None  # what recurs leaves no scale
    assert tested.figures[NAIVE]["smape"] == pytest.approx((100 + 0 + 200 + 200) / 4)
    assert tested.margins[NAIVE][0] == pytest.approx(((1 - 2) + (3 - 4)) / 2 / 2)  # in units of a change of 2
    assert tested.unbeaten == [NAIVE]


def test_a_verdict_follows_the_margins_and_not_the_largest_series():
    """Far better on a large series and far worse on a small one, in units of each: no lead, whatever the mean says."""
    rng = np.random.default_rng(0)
    large, small = 1000 * rng.normal(size=60), rng.normal(size=60)
    cuts = origins([60, 60], [20, 20], 4)
    actual = actual_values([large, small], cuts, 4)
    points = {NAIVE: forecasts_of([large, small], cuts, [NAIVE], 0, 4)[:, :, 0]}
    points["network"] = actual + np.array([0.0, 50.0])[:, None, None]
    tested = summarize(actual, points, [large[:40], small[:40]], 0, 5, "network", {})
    assert tested.figures["network"]["mae"] < tested.figures[NAIVE]["mae"]
    assert tested.verdict.startswith("the network does not beat naive")
