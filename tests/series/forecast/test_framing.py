import numpy as np
import pytest

from chargen.series.forecast.framing import Framing, choose_framing, frame


def test_the_base_forecast_repeats_the_mean_season_around_the_level():
    season = np.array([5.0, 1.0, 0.0, -6.0])
    history = np.tile(season, 6) + 0.5 * np.arange(24) + 7
    windows, base = frame(history[None], Framing(6, 5, (4,), cycles=3, level=4))
    level = 7 + 0.5 * (20 + 1.5)  # the mean of the last season
    assert base[0] == pytest.approx(level + season[[0, 1, 2, 3, 0]])
    assert windows[0, :, 0] == pytest.approx(0.5 * (np.arange(18, 24) - 21.5))
    assert windows[0, :, 1] == pytest.approx(np.full(6, 0.5 * 4))  # the last season's mean over that of all three
    windows, base = frame(history[None], Framing(3, 2))
    assert base[0].tolist() == [history[-1]] * 2
    assert windows[0, :, 0] == pytest.approx(history[-3:] - history[-1])
    assert windows[0, :, 1] == pytest.approx(np.full(3, history[-1] - history[-3:].mean()))


def test_the_level_is_the_last_value_of_a_walk_and_a_mean_where_noise_comes_back():
    noise = np.random.default_rng(0).normal(size=300)
    assert choose_framing([np.cumsum(noise)], 6).level == 1
    assert choose_framing([100 + noise], 6).level > 1
