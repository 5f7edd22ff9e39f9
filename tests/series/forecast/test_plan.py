import numpy as np
import pytest

from chargen.errors import InputError
from chargen.series.forecast.plan import make_plan
from chargen.series.forecast.settings import ForecastSettings

NOISE = np.random.default_rng(0).normal(size=200)
SEASONAL = 50 + 10 * np.sin(np.arange(200) * np.pi / 6) + NOISE
COUNTS = np.random.default_rng(0).poisson(0.3, 200).astype(float)


def plan_of(*series, horizon=6, **options):
    return make_plan([str(number) for number in range(len(series))], list(series), ForecastSettings(horizon, **options))


def test_what_cannot_be_learned_from_is_named_and_the_others_are_learned():
    plan = plan_of(SEASONAL, np.ones(50), SEASONAL[:5], COUNTS, SEASONAL[:1], SEASONAL[:100])
    assert plan.alone == {
        1: ("naive", "constant"),
        2: ("naive", "fewer than 6 rows"),
        3: ("mean", "counts with many zeros"),
        4: ("naive", "one row"),
    }
    assert plan.learned == [0, 3, 5]


def test_counts_with_a_season_are_no_exception():
    weekly = np.tile([0.0, 0, 0, 2, 0, 5, 0], 30)
    assert plan_of(weekly, seasons=(7,)).alone == {}


def test_a_short_series_holds_out_what_it_can():
    plan = plan_of(SEASONAL[:14], SEASONAL[:8], SEASONAL[:6], SEASONAL[:200])
    assert plan.held == [7, 2, 0, 36]
    assert [sorted(set(cuts[cuts > 0].tolist())) for cuts in plan.cuts[:3]] == [[7, 8], [6], []]
    last = plan.cuts[3][plan.cuts[3] > 0]
    assert (last.min(), last.max(), len(last)) == (164, 194, 31)


def test_a_network_is_trained_only_where_there_are_enough_windows():
    assert plan_of(SEASONAL[:30]).learned == []
    assert plan_of(*[SEASONAL[start : start + 60] for start in range(10)]).learned == list(range(10))
    assert plan_of(SEASONAL, model="theta").learned == []
    with pytest.raises(InputError, match=r"series '0': 30 rows: too few for the network, which reads .* another model"):
        plan_of(SEASONAL[:30], model="network")


def test_a_method_that_was_asked_for_is_taken_wherever_it_can_be():
    assert plan_of(COUNTS, np.ones(9), model="mean").alone == {}
    assert plan_of(SEASONAL, SEASONAL[:9], model="network").alone == {1: ("naive", "too short for the network")}
    assert plan_of(SEASONAL, SEASONAL[:9], model="seasonal naive").alone == {1: ("naive", "shorter than a season")}
    with pytest.raises(InputError, match="no season was found in the rows; give one with seasons"):
        plan_of(NOISE, model="seasonal naive")


@pytest.mark.parametrize("rows", [36, 48, 60])
def test_a_season_is_found_where_most_rows_are_held_out(rows):
    months = np.arange(rows)
    noise = np.random.default_rng(rows).normal(size=rows)
    plan = plan_of(100 + 20 * np.sin(months * np.pi / 6) + 0.2 * months + 2 * noise, likely_seasons=(12,), horizon=12)
    assert rows - plan.held[0] <= 3 * 12
    assert plan.framing.seasons == (12,)
    assert plan_of(100 + np.cumsum(noise), likely_seasons=(12,), horizon=12).framing.seasons == ()


def test_a_season_of_the_calendar_is_preferred():
    noisy = 10 * np.sin(np.arange(102) * np.pi / 6)  # of which 18 are held out
    noisy[:84] += 9 * np.random.default_rng(9).normal(size=84)
    assert plan_of(noisy).framing.seasons == (24,)
    assert plan_of(noisy, likely_seasons=(12,)).season == 12
