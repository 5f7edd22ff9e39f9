"""Measures of forecasts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.series.forecast.metrics import mae, naive_scale, smape


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=30))
def test_errors_are_what_their_definitions_say(pairs):
    actual, forecast = zip(*pairs, strict=True)
    assert mae(actual, forecast) == pytest.approx(sum(abs(a - f) for a, f in pairs) / len(pairs), abs=1e-9)
    shares = [200 * abs(a - f) / (abs(a) + abs(f)) if a or f else 0.0 for a, f in pairs]
    assert smape(actual, forecast) == pytest.approx(sum(shares) / len(pairs), abs=1e-9)
    assert 0 <= smape(actual, forecast) <= 200 * (1 + 1e-12)


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=30), st.integers(1, 7))
def test_the_scale_of_mase_is_the_error_of_the_naive_forecast_in_training(training, season):
    errors = [abs(training[i] - training[i - season]) for i in range(season, len(training))]
    assert naive_scale(np.array(training), season) == pytest.approx(sum(errors) / len(errors), abs=1e-9)
