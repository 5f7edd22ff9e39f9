import numpy as np
import pytest

from chargen.series.forecast.autoregression import autoregression


def test_what_follows_a_known_process_is_its_expectation():
    """x_t = 10 + 0.9 (x_{t-1} - 10) + noise returns to its mean at a known rate."""
    noise, values = np.random.default_rng(0).normal(size=3000), np.full(3000, 10.0)
    for row in range(1, 3000):
        values[row] = 10 + 0.9 * (values[row - 1] - 10) + noise[row]
    values = values[: np.abs(values - 10).argmax() + 1]  # ends far from the mean
    points = autoregression(values[None], 0, 20)[0]
    assert points == pytest.approx(10 + (values[-1] - 10) * 0.9 ** np.arange(1, 21), abs=0.5)


def test_a_wave_without_a_season_goes_on():
    wave = np.sin(np.arange(120) * 0.7)
    assert autoregression(wave[None, :110], 0, 10)[0] == pytest.approx(wave[110:], abs=0.1)


def test_no_forecast_explodes():
    growing = 1.5 ** np.arange(30)
    assert (np.abs(autoregression(growing[None], 0, 1000)) < 2000 * growing[-1]).all()
