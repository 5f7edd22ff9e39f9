import numpy as np
import pytest

from chargen.series.forecast.smoothing import smoothing


def test_a_level_is_the_mean_of_noise_and_the_last_value_of_a_walk():
    steps = np.random.default_rng(0).normal(size=400)
    noise, walk = 50 + steps, np.cumsum(steps)
    points = smoothing(np.stack([noise, walk]), 0, 3)
    assert points[0] == pytest.approx([noise.mean()] * 3, abs=0.3)
    assert points[1] == pytest.approx([walk[-1]] * 3, abs=1)


def test_a_trend_goes_on_and_is_damped():
    line = np.arange(200.0) + np.random.default_rng(0).normal(size=200)
    changes = np.diff(np.r_[line[-1], smoothing(line[None], 0, 40)[0]])
    assert 0.8 < changes[1] < 1.1
    assert (np.diff(changes[1:]) < 0).all()


def test_a_season_that_grows_with_the_level_goes_on_growing():
    rows = np.arange(96)
    values = np.exp(0.02 * rows + 0.5 * np.sin(rows * np.pi / 6))
    ahead = smoothing(values[None, :84], 12, 12)[0]
    assert np.ptp(ahead) > 1.1 * np.ptp(values[72:84])
    assert ahead == pytest.approx(values[84:], rel=0.1)
