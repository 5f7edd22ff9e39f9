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


def test_the_profile_is_the_season_that_follows_whatever_the_trend():
    values = (LINE + np.resize(SEASON, 27))[None]
    assert seasonal_profile(values, 4)[0] == pytest.approx(np.roll(SEASON, -27))
    assert additive_profile(LINE[None], 4).tolist() == [[0.0] * 4]
    assert np.isnan(seasonal_profile(values[:, :4], 4)).all()


@pytest.mark.parametrize("shift", [0, -110])
def test_what_is_without_its_season_gets_it_back(shift):
    """The season of positive series is a factor, that of others a summand."""
    line = LINE + shift
    values = line * (1 + SEASON[np.arange(27) % 4] / 10) if shift == 0 else line + 20 * np.resize(SEASON, 27)
    rest, factors, summands = without_season(values[None], 4)
    assert (factors == 1).all() == (shift != 0)
    assert (summands == 0).all() == (shift == 0)
    places = np.arange(-27, 0) % 4
    assert rest[0] * factors[0, places] + summands[0, places] == pytest.approx(values)
    assert np.abs(np.diff(rest[0], 2)).mean() < 0.3 * np.abs(np.diff(values, 2)).mean()
