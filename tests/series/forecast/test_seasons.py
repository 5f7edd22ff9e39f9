"""The detection of seasons: not a row too many under noise, none in noise and random walks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from chargen.series.forecast.seasons import find_seasons
from chargen.series.reading.clock import FIXED, MONTHS, Clock


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


def rhythm(count, season, seed, wildness=0.8):
    """A season of one to three waves in any phases, under noise that remembers."""
    rng = np.random.default_rng(seed)
    waves = sum(
        rng.normal() / each * np.sin(2 * np.pi * each * np.arange(season) / season + rng.uniform(0, 7))
        for each in range(1, rng.integers(2, 5))
    )
    values, share = noise(count, seed, wildness * waves.std()), rng.uniform(0, 0.8)
    for row in range(1, count):
        values[row] = share * values[row - 1] + (1 - share**2) ** 0.5 * values[row]
    return 1e6 + np.resize(waves, count) + values


@pytest.mark.parametrize(("season", "count", "fewest"), [(7, 280, 18), (12, 144, 18), (24, 1000, 18), (144, 2880, 18)])
def test_the_length_of_a_season_is_exact_under_noise(season, count, fewest):
    """Alone nearly always (half a season may look like one), and always where the calendar suggests it."""
    series = [rhythm(count, season, seed) for seed in range(20)]
    assert sum(find_seasons(values) == (season,) for values in series) >= fewest
    assert all(find_seasons(values, (season, 7 * season)) == (season,) for values in series)


def test_a_change_of_summer_time_moves_a_day_and_not_its_length():
    for seed in range(20):
        start, zone = datetime(2023, 10, 1, 4, tzinfo=UTC), ZoneInfo("America/New_York")
        hours = [(start + timedelta(hours=row)).astimezone(zone).hour for row in range(24 * (40 + 2 * seed))]
        day = 10 * np.sin(2 * np.pi * np.arange(24) / 24 + seed)
        assert find_seasons(day[hours] + noise(len(hours), seed, 3)) == (24,)


@pytest.mark.parametrize("level", [1e9, 1e11, 1e14])
def test_small_changes_of_large_values_count(level):
    assert find_seasons(level + 100 * rhythm(144, 12, 0, 0.1), (12,)) == (12,)


def test_the_calendar_invents_no_season():
    found = [find_seasons(np.cumsum(noise(count, seed)), (24, 168)) for count in (100, 1000) for seed in range(20)]
    assert found == [()] * 40
    assert find_seasons(rhythm(1000, 10, 0), (7,)) == (10,)


@pytest.mark.parametrize(
    ("clock", "seasons"),
    [
        (Clock(FIXED, 600_000_000), (144, 1008)),
        (Clock(FIXED, 86_400_000_000), (7,)),
        (Clock(FIXED, 7 * 86_400_000_000), (52,)),
        (Clock(FIXED, 11_000_000), ()),
        (Clock(MONTHS, 1), (12,)),
        (Clock(MONTHS, 3), (4,)),
        (Clock(MONTHS, 12), ()),
        (Clock(), ()),
    ],
)
def test_seasons_of_the_calendar(clock, seasons):
    assert clock.seasons == seasons
