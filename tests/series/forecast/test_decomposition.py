import numpy as np
import pytest

from chargen.series.forecast.decomposition import additive_profile, is_seasonal, seasonal_profile, without_season

SEASON = np.array([5.0, 1.0, 0.0, -6.0])
LINE = 100 + 2.0 * np.arange(27)


def test_only_a_significant_season_of_three_cycles_is_one():
    noise = np.random.default_rng(1).normal(size=(2, 48))
    seasonal = np.tile(SEASON, 12)
    assert is_seasonal(np.stack([seasonal + noise[0], noise[0], noise[1]]), 4).tolist() == [True, False, False]
    assert is_seasonal(seasonal[None, :12], 4).tolist() == [True]
    assert is_seasonal(seasonal[None, :11], 4).tolist() == [False]
    assert is_seasonal(seasonal[None], 1).tolist() == [False]


def test_three_cycles_show_a_smooth_season_and_neither_a_trend_nor_a_random_walk_does():
    rows, noise = np.arange(156), np.random.default_rng(2).normal(size=(100, 156))
    phases = np.linspace(0, 2 * np.pi, 100)[:, None]
    assert is_seasonal(5 * np.sin(2 * np.pi * rows / 52 + phases) + noise, 52).mean() > 0.95
    assert is_seasonal(0.3 * rows + noise, 12).mean() < 0.02
    assert is_seasonal(noise.cumsum(1), 12).mean() < 0.05


def test_a_missing_value_does_not_hide_a_season_of_a_shorter_series():
    short = np.r_[np.full(9, np.nan), np.resize(SEASON, 18)]
    assert is_seasonal(np.stack([short, LINE]), 4).tolist() == [True, False]


def test_the_profile_is_the_season_that_follows_whatever_the_trend():
    values = (LINE + np.resize(SEASON, 27))[None]
    assert seasonal_profile(values, 4)[0] == pytest.approx(np.roll(SEASON, -27))
    assert additive_profile(LINE[None], 4).tolist() == [[0.0] * 4]
    assert np.isnan(seasonal_profile(values[:, :4], 4)).all()


@pytest.mark.parametrize(("shift", "size"), [(0, 0), (0, 8), (-110, 20)])
def test_what_is_without_its_season_gets_it_back(shift, size):
    """The season of positive series is a factor where it grows with them, else a summand, as in all others."""
    line = LINE + shift
    values = line + size * np.resize(SEASON, 27) if size else line * (1 + SEASON[np.arange(27) % 4] / 10)
    rest, factors, summands = without_season(values[None], 4)
    assert (factors == 1).all() == (size != 0)
    assert (summands == 0).all() == (size == 0)
    places = np.arange(-27, 0) % 4
    assert rest[0] * factors[0, places] + summands[0, places] == pytest.approx(values)
    assert np.abs(np.diff(rest[0], 2)).mean() < 0.3 * np.abs(np.diff(values, 2)).mean()
