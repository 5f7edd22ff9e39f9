import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.series.forecast.methods import METHODS, aligned, forecast_with, is_intermittent, naive, seasonal_naive

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)
SEASON = np.array([5.0, 1.0, 0.0, -6.0])


def months(rows, seed):
    season = 10 * np.sin(np.arange(rows) * np.pi / 6)
    return 100 + season + np.cumsum(np.random.default_rng(seed).normal(size=rows))


@given(values, st.integers(1, 40), st.data())
def test_seasonal_naive_repeats_the_last_season(history, horizon, data):
    season = data.draw(st.integers(2, max(len(history), 2)))
    expected, known = [], list(history)
    for _ in range(horizon if season <= len(history) else 0):
        known.append(known[-season])
        expected.append(known[-1])
    points = seasonal_naive(np.array([history]), season, horizon)[0]
    assert points.tolist() == expected if expected else np.isnan(points).all()
    assert naive(np.array([history]), season, horizon).tolist() == [[history[-1]] * horizon]


@pytest.mark.parametrize("name", METHODS)
def test_a_series_is_forecast_alike_beside_others_and_in_any_unit(name):
    series = [months(90, 0), months(61, 1), months(24, 2)]
    points = forecast_with(METHODS[name], aligned(series), 12, 9)
    for values, beside in zip(series, points, strict=True):
        for unit in (1.0, 1e-200, 1e90):
            alone = forecast_with(METHODS[name], values[None] * unit, 12, 9)[0]
            assert alone / unit == pytest.approx(beside, rel=1e-9)


@pytest.mark.parametrize("name", ["smoothing", "theta", "autoregression", "seasonal naive"])
@pytest.mark.parametrize("level", [0, 50])
def test_a_season_that_recurs_is_continued(name, level):
    points = forecast_with(METHODS[name], (level + np.tile(SEASON, 8))[None, :-1], 4, 6)[0]
    assert points == pytest.approx(level + SEASON[[3, 0, 1, 2, 3, 0]], abs=0.1)


@pytest.mark.parametrize(("name", "share"), [("theta", 1 / 2), ("autoregression", 1), ("naive", 0)])
def test_how_much_of_a_trend_goes_on(name, share):
    line = 7 + 0.5 * np.arange(40.0)
    points = forecast_with(METHODS[name], line[None], 0, 4)[0]
    assert points - line[-1] == pytest.approx(share * 0.5 * np.arange(1, 5), abs=0.02)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([0, 0, 3, 0, 1, 0], True), ([2, 3, 1, 0, 4, 2], False), ([0, 0, 0.5, 0], False), ([0, 0, -1, 0], False)],
)
def test_counts_with_many_zeros_are_told_from_others(counts, expected):
    assert is_intermittent(np.array(counts, float)) is expected
