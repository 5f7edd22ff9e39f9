"""Measures of forecasts, the naive forecasts, and the seasons of a series."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.series.forecast.metrics import find_seasons, mae, naive_scale, seasonal_naive, smape

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=30))
def test_errors_are_what_their_definitions_say(pairs):
    actual, forecast = zip(*pairs, strict=True)
    assert mae(actual, forecast) == pytest.approx(sum(abs(a - f) for a, f in pairs) / len(pairs), abs=1e-9)
    shares = [200 * abs(a - f) / (abs(a) + abs(f)) if a or f else 0.0 for a, f in pairs]
    assert smape(actual, forecast) == pytest.approx(sum(shares) / len(pairs), abs=1e-9)
    assert 0 <= smape(actual, forecast) <= 200 * (1 + 1e-12)


@given(values, st.integers(1, 40), st.data())
def test_seasonal_naive_repeats_the_last_season(history, horizon, data):
    season = data.draw(st.integers(1, len(history)))
    expected, known = [], list(history)
    for _ in range(horizon):
        known.append(known[-season])
        expected.append(known[-1])
    assert seasonal_naive(history, horizon, season).tolist() == expected
    assert seasonal_naive(history, horizon, 1).tolist() == [history[-1]] * horizon


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=30), st.integers(1, 7))
def test_the_scale_of_mase_is_the_error_of_the_naive_forecast_in_training(training, season):
    errors = [abs(training[i] - training[i - season]) for i in range(season, len(training))]
    assert naive_scale(np.array(training), season) == pytest.approx(sum(errors) / len(errors), abs=1e-9)


def noise(count, seed, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=count)


@pytest.mark.parametrize("seed", range(3))
def test_seasons_are_found_under_noise_and_trend(seed):
    t = np.arange(24 * 7 * 8)
    weekend = (t // 24 % 7 >= 5) * 8.0
    load = 10 * np.sin(2 * np.pi * t / 24) - weekend + 0.01 * t + noise(len(t), seed, 2)
    assert find_seasons(load) == (24, 168)
    assert find_seasons(5 * np.sin(2 * np.pi * t[:144] / 12) + 0.5 * t[:144] + noise(144, seed)) == (12,)


@pytest.mark.parametrize("count", [100, 1000])
def test_neither_noise_nor_random_walks_have_seasons(count):
    for seed in range(20):
        assert find_seasons(noise(count, seed)) == ()
        assert find_seasons(np.cumsum(noise(count, seed))) == ()


def test_a_constant_and_a_short_series_have_no_season():
    assert find_seasons(np.full(50, 3.0)) == ()
    assert find_seasons(np.array([1.0, 2.0, 1.0, 2.0])) == ()
