import numpy as np
import pytest

from chargen.series import Forecaster
from chargen.series.forecast.conformal_intervals import half_widths, spreads_and_quantiles

ONE = np.ones((1, 1))


def test_half_widths_are_quantiles_of_the_errors_that_grow_as_a_random_walk_beyond():
    rng = np.random.default_rng(0)
    errors = np.abs(rng.normal(size=(300, 5, 3))) * [1, 2, 4]  # (N, origins, leads)
    cuts, scales = np.tile(np.arange(5) * 10, (300, 1)), np.ones(300)
    spreads, quantiles = spreads_and_quantiles(errors, cuts, np.ones((300, 5)), scales)
    assert spreads.mean() == pytest.approx(1, abs=0.05)
    for level, deviations in ((80, 1.2816), (95, 1.96)):
        assert spreads.mean() * half_widths(quantiles, 3, level) == pytest.approx(
            deviations * np.array([1, 2, 4]), rel=0.1
        )
    assert half_widths(quantiles, 12, 80)[11] == pytest.approx(2 * half_widths(quantiles, 12, 80)[2])


def test_a_series_with_larger_errors_is_less_sure():
    errors = np.ones((2, 40, 2)) * np.array([1.0, 5.0])[:, None, None]
    cuts = np.tile(np.arange(40) * 5, (2, 1))
    spreads, _ = spreads_and_quantiles(errors, cuts, np.ones((2, 40)), np.ones(2))
    assert spreads[1] / spreads[0] == pytest.approx((40 * 5 / 3 + 3) / (40 / 3 + 3))


def test_a_longer_lead_is_never_surer():
    errors = np.tile([3.0, 1.0, 2.0, 4.0], (1, 30, 1))
    _, quantiles = spreads_and_quantiles(errors, np.arange(30)[None] * 9, np.ones((1, 30)), np.ones(1))
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_without_any_errors_the_changes_of_the_series_count():
    spreads, quantiles = spreads_and_quantiles(np.full((1, 1, 4), np.nan), np.zeros((1, 1), int), ONE, np.array([7.0]))
    assert spreads.tolist() == [7.0]
    assert half_widths(quantiles, 4, 50) == pytest.approx([1, 2**0.5, 3**0.5, 2])
    assert half_widths(quantiles, 1, 95) == pytest.approx([1.96 / 0.6745], rel=1e-3)


@pytest.mark.parametrize("walk", [True, False])
def test_intervals_of_short_series_cover_what_they_promise(walk):
    """Sixty rows have room for three forecasts, whose errors tell little of their own where the series is a walk."""
    rng, hits = np.random.default_rng(1), []
    for _ in range(60):
        changes = rng.normal(size=72)
        values = changes.cumsum() if walk else changes
        low, high = Forecaster(horizon=12).fit(values[:60]).interval(level=90)
        hits.append((low <= values[60:]) & (values[60:] <= high))
    assert 0.87 < np.mean(hits) < 0.96
