"""The backtest as a picture: what is drawn of which series."""

import numpy as np
import pytest

from chargen.series import Forecaster
from chargen.series.forecast.output import backtest_panels
from chargen.series.reading.clock import Clock
from chargen.series.reading.table import Series, Table


def fitted(lengths, **options):
    series = [
        Series(
            str(number),
            np.random.default_rng(number).normal(50, 1 + number, length),
            "0",
            str(length - 1),
            np.arange(2, length + 2),
        )
        for number, length in enumerate(lengths)
    ]
    forecaster = Forecaster(model="naive", **options).fit({one.name: one.values for one in series})
    return forecaster, Table(series, "y", "t", Clock(), (), [])


def test_each_fold_is_drawn_beside_what_came():
    forecaster, table = fitted([60], horizon=5, folds=3)
    (panel,) = backtest_panels(forecaster, table)
    values = table.series[0].values
    assert panel.values.tolist() == values[25:].tolist()  # four horizons, and the three that were held out
    assert list(panel.times) == [str(row) for row in range(25, 60)]
    assert [25 + piece.known for piece in panel.pieces] == [45, 50, 55]
    low, high = (side["0"] for side in forecaster.interval(level=90))
    for piece in panel.pieces:
        assert piece.points.tolist() == [panel.values[piece.known - 1]] * 5
        assert piece.bounds[90][1] - piece.bounds[90][0] == pytest.approx(high - low)
    assert panel.title == f"0: mean error {forecaster.tested.figures['naive']['mae']:.4g}"


def test_a_forecast_ends_where_the_next_one_begins_and_with_the_last_row():
    forecaster, table = fitted([400, 8], horizon=7, folds=20)
    long, short = backtest_panels(forecaster, table)
    begins = [piece.known for piece in long.pieces]
    ends = [piece.known + len(piece.points) for piece in long.pieces]
    assert len(begins) == 20
    assert all(end <= begin for end, begin in zip(ends, begins[1:], strict=False))
    assert ends[-1] == len(long.values)
    assert [len(piece.points) for piece in short.pieces] == [2]  # of 7: more are not held out


def test_of_many_series_those_that_are_forecast_worst_are_drawn():
    forecaster, table = fitted([6, *[40] * 15], horizon=5, folds=2)
    drawn = [panel.name for panel in backtest_panels(forecaster, table)]
    mases = {one.name: row["mase"] for one, row in zip(table.series, forecaster.tested.by_series, strict=True)}
    del mases["0"]  # it is too short for a backtest
    assert drawn == sorted(sorted(mases, key=mases.get)[-12:], key=int)


def test_a_forecaster_from_a_file_has_no_backtest_to_draw(tmp_path):
    forecaster, _ = fitted([60], horizon=5, folds=3)
    forecaster.save(tmp_path / "f.safetensors")
    assert Forecaster.load(tmp_path / "f.safetensors").backtested() == {"0": {}}
