import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.series.forecast.settings import ForecastSettings


@pytest.mark.parametrize("value", [0, 2.5, -1, "3"])
def test_settings_that_are_no_counts_are_refused(value):
    for name in ("horizon", "folds", "window", "epochs", "hidden_size"):
        with pytest.raises(InputError, match=f"{name} .* must be a whole number"):
            ForecastSettings(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        *(("minimum", value, "a finite number") for value in (math.nan, -math.inf, "0", [1])),
        *(("seasons", value, "a list of whole numbers") for value in (12, (12.0,), "12")),
        ("log", 1, "True or False"),
        ("seed", 2**70, "a whole number"),
        ("horizon", True, "a whole number, at least 1"),
    ],
)
def test_settings_of_another_type_are_refused(name, value, words):
    with pytest.raises(InputError, match=f"{name} .*: must be {words}"):
        ForecastSettings(**{name: value})


def test_numbers_of_numpy_become_plain_ones():
    settings = ForecastSettings(np.int64(6), seasons=np.array([12]), minimum=np.float32(1), log=np.bool_(True))
    assert json.loads(json.dumps(asdict(settings))) == asdict(settings) | {"seasons": [12], "likely_seasons": []}


def test_seasons_come_in_any_order():
    assert ForecastSettings(seasons=(168, 24)).seasons == (24, 168)
