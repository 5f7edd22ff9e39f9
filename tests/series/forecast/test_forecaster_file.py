import tracemalloc

import numpy as np
import pytest

from chargen.errors import CheckpointError, DamagedError
from chargen.files.container import read_tensors, write_tensors
from chargen.network.checkpoint import Checkpoint
from chargen.series import Forecaster
from chargen.series.forecast.forecaster_file import KIND


@pytest.fixture(scope="module")
def fitted():
    values = 100 + 10 * np.sin(np.arange(600) * np.pi / 6) + np.random.default_rng(0).normal(size=600)
    return Forecaster(horizon=6, epochs=3, folds=4).fit(values)


def test_a_saved_forecaster_forecasts_the_same_bits(fitted, tmp_path):
    path = tmp_path / "days.safetensors"
    fitted.about = {"column": "ü"}
    fitted.save(path)
    loaded = Forecaster.load(path)
    assert np.array_equal(loaded.predict(20), fitted.predict(20))
    assert all(map(np.array_equal, loaded.interval(20, 80), fitted.interval(20, 80)))
    assert (loaded.settings, loaded.framing, loaded.about) == (fitted.settings, fitted.framing, fitted.about)
    assert (loaded.tested.verdict, loaded.measured) == (fitted.tested.verdict, fitted.measured)
    damaged = bytearray(path.read_bytes())
    damaged[-9] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DamagedError, match="does not match its digest"):
        Forecaster.load(path)


KEPT = {
    **{"clock": {"kind": "months", "style": "date"}, "last": {"": "2024-01-01"}, "ids": [], "cells": {"": []}},
    **{"time": "month", "column": "sold", "reading": {"decimal": ","}},
}
WRONG = [
    {"time": None},
    {"clock": {}},
    {"last": {}},
    {"last": {"": "1"}},
    {"last": {"": "9" * 5000}},
    {"last": {"x": "2024-01-01"}},
    {"cells": {"": ["a"]}},
    {"ids": "x"},
    {"column": 1},
    {"reading": {"encoding": 1}},
    {"reading": {"column": "x"}},
    {"clock": {"kind": "moons"}},
    {"clock": {"kind": "fixed", "step": 0}},
    {"clock": {"kind": "fixed", "step": "1"}},
    {"clock": {"kind": "weekdays", "weekdays": [7]}},
    {"clock": {"style": "year.999999999"}},
    {"clock": None},
    {"last": {"": 3}},
    {"cells": {"": "ab"}},
]


@pytest.mark.parametrize("wrong", WRONG, ids=map(str, WRONG))
def test_what_a_file_says_about_its_table_is_checked(fitted, tmp_path, wrong):
    path = tmp_path / "days.safetensors"
    fitted.about = KEPT
    fitted.save(path)
    assert Forecaster.load(path).about == KEPT
    fitted.about = KEPT | wrong
    fitted.save(path)
    with pytest.raises(DamagedError, match="its description is not valid"):
        Forecaster.load(path)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("settings", "hidden_size", 90_000_000),  # whose weights would take 90 petabytes
        ("settings", "horizon", "6"),
        ("settings", "horizon", 10**6),
        ("settings", "minimum", "0"),
        ("settings", "strange", 1),
        ("framing", "window", None),
        ("framing", "seasons", 12),
        ("framing", "seasons", [2**62]),
        ("framing", "window", 10**9),
        ("framing", "level", 10**9),
        ("framing", "horizon", 7),
        ("", "season", 10**9),
        ("", "season", None),
        ("", "names", ["a", "b"]),
        ("", "names", [1]),
        ("", "names", 1),
        ("", "shape", "two"),
        ("", "reasons", {"b": "x"}),
        ("", "methods", ["naive"] * 9),
        ("", "methods", ["naive", "none"]),
        ("", "strange", 1),
        ("", "about", None),
        ("backtest", "figures", {}),
        ("backtest", "figures", {"forecast": {"mae": 1, "smape": None, "mase": 1}}),
        ("backtest", "figures", {"best": {"mae": 1, "smape": 1, "mase": 1}}),
        ("backtest", "margins", {"naive": [1]}),
        ("backtest", "margins", {"mean": [1, "1"]}),
        ("backtest", "subject", "x"),
        ("backtest", "shares", {"naive": "x"}),
        ("backtest", "folds", 0),
        ("backtest", "folds", True),
    ],
)
def test_a_crafted_description_is_refused_in_little_memory(fitted, tmp_path, part, name, value):
    path = tmp_path / "days.safetensors"
    fitted.save(path)
    description, tensors = read_tensors(path, KIND)
    (description[part] if part else description)[name] = value
    write_tensors(path, KIND, description, tensors)
    with pytest.raises(DamagedError, match="its description is not valid"):
        Forecaster.load(path)


def craft(fitted, path, names, methods, rows, horizon, **framing):
    """Write a forecaster without a network whose description and arrays belong together."""
    fitted.save(path)
    description, _ = read_tensors(path, KIND)
    description["framing"] |= {"horizon": horizon} | framing
    description["settings"]["horizon"] = horizon
    description |= {
        "names": names,
        "methods": methods,
        "season": max([0, *framing.get("seasons", [])]),
        "shape": "list",
        "about": {},
    }
    tensors = {
        "history": np.tile(1.0 + np.arange(rows) % 7, (len(names), 1)),
        "weights": np.ones((len(names), len(methods))),
        "spreads": np.ones(len(names)),
        "error_quantiles": np.ones((horizon, 99)),
        "limits": np.tile([0.0, np.inf], (len(names), 1)),
    }
    write_tensors(path, KIND, description, tensors)
    return path


def test_no_season_in_a_file_takes_memory(fitted, tmp_path):
    """A season longer than the history counts for nothing, whatever its length."""
    methods = ["smoothing", "theta", "autoregression", "seasonal naive", "naive"]
    forecasts = []
    for seasons in ([], [10**9]):
        forecaster = Forecaster.load(
            craft(fitted, tmp_path / "days.safetensors", ["a"], methods, 60, 6, seasons=seasons)
        )
        tracemalloc.start()
        forecasts.append(forecaster.predict())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 10_000_000
    np.testing.assert_array_equal(*forecasts)


@pytest.mark.parametrize(
    ("names", "methods", "rows", "horizon", "framing", "said"),
    [
        (range(30_000), ["naive"], 1, 1000, {}, "horizon 1,000: for 30,000 series these are more than 25,000,000"),
        ("a", ["naive"], 1, 10, {"window": 10**6}, "window 1,000,000: too many rows for a network of 32 units that"),
        ("a", ["naive", "theta"], 5, 10, {}, "its methods need 6 rows, and the history has 5"),
    ],
)
def test_sizes_that_take_gigabytes_are_refused(fitted, tmp_path, names, methods, rows, horizon, framing, said):
    path = craft(fitted, tmp_path / "days.safetensors", list(map(str, names)), methods, rows, horizon, **framing)
    with pytest.raises(DamagedError, match=said):
        Forecaster.load(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("history", lambda array: array[:, :5]),
        ("history", lambda array: array[0]),
        ("history", lambda array: array.astype(np.float32)),
        ("history", lambda array: array * np.nan),
        ("history", lambda array: array * 1e200),
        ("weights", lambda array: array * 0),
        ("weights", lambda array: -array),
        ("weights", lambda array: array[:, :0]),
        ("spreads", lambda array: array * np.inf),
        ("error_quantiles", lambda array: array[:, :50]),
        ("error_quantiles", lambda array: -array),
        ("limits", lambda array: array[:, :1]),
        ("limits", lambda array: array[:, ::-1] + 1),
        ("limits", lambda array: array * np.nan),
        ("limits", lambda array: array + np.inf),
        ("network.output.weight", lambda array: array.astype(np.float64)),
        ("network.output.weight", lambda array: array * np.nan),
        ("network.output.weight", lambda array: array[:1]),
        ("", lambda array: np.zeros(1)),
    ],
)
def test_arrays_that_cannot_be_a_forecasters_are_refused(fitted, tmp_path, name, change):
    path = tmp_path / "days.safetensors"
    fitted.save(path)
    description, tensors = read_tensors(path, KIND)
    tensors[name] = change(tensors.get(name))
    write_tensors(path, KIND, description, tensors)
    with pytest.raises(DamagedError, match="its description is not valid"):
        Forecaster.load(path)


def test_a_forecaster_is_no_model_of_text(fitted, tmp_path):
    fitted.save(tmp_path / "days.safetensors")
    with pytest.raises(CheckpointError, match="is a forecaster of time series, for chargen series forecast"):
        Checkpoint.load(tmp_path / "days.safetensors")
