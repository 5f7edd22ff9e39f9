import pytest

from chargen.errors import InputError
from chargen.series.forecast.settings import ForecastSettings


@pytest.mark.parametrize("value", [0, 2.5, -1, "3"])
def test_settings_that_are_no_counts_are_refused(value):
    for name in ("horizon", "folds", "window", "epochs", "hidden_size"):
        with pytest.raises(InputError, match=f"{name} .* must be a whole number"):
            ForecastSettings(**{name: value})


def test_seasons_come_in_any_order():
    assert ForecastSettings(seasons=(168, 24)).seasons == (24, 168)
