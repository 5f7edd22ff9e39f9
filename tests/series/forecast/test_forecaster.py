"""`Forecaster`: what it learns, what it may look at, how sure it is."""

import numpy as np
import pytest

from chargen.errors import CheckpointError, DamagedError, InputError, TrainingError
from chargen.network.checkpoint import Checkpoint
from chargen.series import Forecaster
from chargen.series.forecast.backtest import (
    FEWEST_ERRORS,
    NAIVE,
    SEASONAL,
    Backtest,
    compare,
    fold_starts,
    half_widths,
    measure_widths,
    rows_held_out,
)
from chargen.series.forecast.framing import Framing, choose_framing, frame


def noise(count, seed=0):
    return np.random.default_rng(seed).normal(size=count)


def autoregression(count, seed=0, share=0.8):
    values = noise(count, seed)
    for i in range(1, count):
        values[i] += share * values[i - 1]
    return values


def days(count=600, seed=0):
    """A rhythm of 12 rows, and noise that a network can see through for a while."""
    return 100 + 10 * np.sin(np.arange(count) * np.pi / 6) + autoregression(count, seed)


def months(count=144, seed=0):
    """A trend, and a season that grows with it."""
    season = np.array([-0.1, -0.1, 0, 0, 0, 0.1, 0.2, 0.2, 0.1, -0.1, -0.2, -0.1])
    return 100 * np.exp(0.01 * np.arange(count) + np.resize(season, count) + 0.02 * autoregression(count, seed))


QUICK = {"horizon": 6, "epochs": 3, "folds": 4}


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(**QUICK).fit(days())


def test_it_beats_the_naive_forecasts_where_there_is_something_to_learn():
    tested = Forecaster(horizon=12, epochs=8).backtest(days())
    assert tested.unbeaten == []
    assert tested.figures["network"]["mase"] < 0.9 * tested.figures[SEASONAL]["mase"]
    assert "the network beats naive (" in tested.verdict


def test_seasons_that_grow_are_forecast_in_logarithms():
    forecaster = Forecaster(horizon=12).fit(months())
    assert forecaster.framing.log
    assert forecaster.framing.seasons == (12,)
    assert forecaster.tested.unbeaten == []
    assert forecaster.tested.figures["network"]["mae"] < 0.7 * forecaster.tested.figures[SEASONAL]["mae"]


def test_it_says_that_random_walks_cannot_be_forecast():
    """Nearly always: over a handful of folds a forecaster may be lucky."""
    tested = [
        Forecaster(horizon=6, epochs=5, hidden_size=8).backtest(np.cumsum(noise(200, seed))) for seed in range(10)
    ]
    honest = [each for each in tested if each.unbeaten == [NAIVE]]
    assert len(honest) >= 8
    assert all("does not" in each.verdict and "beat naive" in each.verdict for each in honest)
    assert sum(each.verdict.endswith("prefer the naive forecast") for each in honest) >= 6


@pytest.mark.parametrize(
    ("gain", "error", "words"),
    [
        (1.6, 1.0, "the network beats naive (3), with a mean absolute error of 2 over 5 folds"),
        (1.5, 1.0, "the network does not clearly beat naive (3), with a mean absolute error of 2 over 5 folds:"),
    ],
)
def test_only_a_clear_margin_is_called_one(gain, error, words):
    figures = {"network": {"mae": 2.0}, NAIVE: {"mae": 3.0}}
    assert words in Backtest(5, 6, figures, {NAIVE: (gain, error)}).verdict


def test_figures_and_margins_are_means_over_the_folds():
    values = np.r_[np.tile([1.0, 3.0], 50), np.zeros(21)]
    tested = compare([values], [np.full((5, 2), 4.0)], [2.0], horizon=2, season=2)
    assert fold_starts(2, 5).tolist() == [0, 5, 10, 14, 19]  # in the 21 rows that two leads need
    assert tested.figures["network"] == {"mae": 4.0, "smape": 200.0, "mase": None}  # what recurs leaves no scale
    assert tested.figures[NAIVE]["mae"] == 3 / 5
    assert tested.figures[SEASONAL]["mae"] == 2 / 5
    assert tested.margins[NAIVE][0] == pytest.approx((3 / 5 - 4) / 2)
    assert tested.margins[NAIVE][1] == pytest.approx(np.std([3, 0, 0, 0, 0], ddof=1) / 2 / 5**0.5)
    assert tested.unbeaten == [NAIVE, SEASONAL]


def test_what_the_backtest_holds_out_changes_nothing_that_is_learned_before():
    """The network, its scale and all that is chosen come from the training part alone, bit for bit."""
    values, trained, rows = days(), [], rows_held_out(6, 4)
    for end in (1.0, -3.0):
        changed = np.r_[values[:-rows], end * values[-rows:] + noise(rows, 5) + 500]
        forecaster = Forecaster(**QUICK)
        forecaster._names = [""]
        train = forecaster._train

        def spy(stage, *arguments, train=train):
            network, epochs = yield from train(stage, *arguments)
            trained.append((stage, epochs, [weight.numpy().copy() for weight in network.state_dict().values()]))
            return network, epochs

        forecaster._train = spy
        steps = forecaster._backtest([changed])
        try:
            while True:
                next(steps)
        except StopIteration as done:
            trained.append(("chosen", (done.value[0], forecaster.framing), []))
    assert len(trained) == 6
    for one, other in zip(trained[:3], trained[3:], strict=True):
        assert one[:2] == other[:2]
        assert all(map(np.array_equal, one[2], other[2]))


def test_the_final_network_has_learned_from_the_last_rows():
    values = days()
    changed = np.r_[values[:-25], values[-25:-12] + 20, values[-12:]]  # unseen in the backtest's training and here
    forecasters = [Forecaster(**QUICK, window=6, seasons=()).fit(each) for each in (values, changed)]
    assert not np.array_equal(*(each.predict() for each in forecasters))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(fitted):
    again, other = Forecaster(**QUICK).fit(days()), Forecaster(**QUICK, seed=1).fit(days())
    assert np.array_equal(again.predict(9), fitted.predict(9))
    assert not np.array_equal(other.predict(9), fitted.predict(9))


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


def test_a_forecaster_is_no_model_of_text(fitted, tmp_path):
    fitted.save(tmp_path / "days.safetensors")
    with pytest.raises(CheckpointError, match="is a forecaster of time series, for chargen series forecast"):
        Checkpoint.load(tmp_path / "days.safetensors")


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_other_cells_learn_too(cell):
    tested = Forecaster(horizon=6, cell=cell, epochs=15).backtest(months(200))
    assert tested.figures["network"]["mae"] < 0.8 * tested.figures[SEASONAL]["mae"]


def test_several_series_keep_their_names_and_their_scales():
    series = {"small": days(200) / 1000, "large": days(150, 1) * 1000}
    forecaster = Forecaster(**QUICK).fit(series)
    points = forecaster.predict(8)
    assert list(points) == ["small", "large"]
    assert 0.08 < points["small"].mean() < 0.12
    assert 80_000 < points["large"].mean() < 120_000
    low, high = forecaster.interval(8)
    assert (low["small"] < points["small"]).all()
    assert (points["large"] < high["large"]).all()
    assert [len(each) for each in Forecaster(**QUICK).fit(list(series.values())).predict(8)] == [8, 8]


@pytest.mark.parametrize("make", [lambda seed: autoregression(324, seed), lambda seed: np.cumsum(noise(324, seed))])
def test_intervals_cover_what_they_say_within_and_beyond_the_horizon(make):
    """Ahead of 40 series, 3 horizons far; the share of hits has a standard error of 0.03 or so."""
    series = [make(seed) for seed in range(40)]
    forecaster = Forecaster(horizon=8, epochs=2, folds=10, hidden_size=8, window=8, seasons=())
    forecaster.fit([values[:300] for values in series])
    for level in (80, 90):
        low, high = map(np.array, forecaster.interval(24, level))
        hits = [(low[row] <= values[300:]) & (values[300:] <= high[row]) for row, values in enumerate(series)]
        assert np.mean(hits) == pytest.approx(level / 100, abs=0.08)


def test_widths_are_quantiles_by_lead_that_never_shrink_and_grow_as_a_random_walk_beyond():
    errors = np.stack([np.arange(1.0, 20.0), np.arange(19.0, 0.0, -1) / 2, np.arange(1.0, 20.0) * 2], axis=1)  # (19, 3)
    widths = measure_widths(errors)
    assert widths[:, 90 - 1].tolist() == [18, 18, 36]  # of 19 errors the 18th is rank 0.9 of 20
    assert widths[0, 50 - 1] == 10
    assert half_widths(widths, 12, 90).tolist()[:3] == [18, 18, 36]
    assert half_widths(widths, 12, 90)[11] == 36 * 2


def test_a_level_that_the_errors_cannot_tell_is_refused(fitted):
    assert fitted.measured == rows_held_out(6, 4) - FEWEST_ERRORS + 1
    low, high = fitted.interval(6, 95)
    assert (low < high).all()
    with pytest.raises(
        InputError, match="level 99: the backtest has too few errors for more than 95 % at 6 rows ahead"
    ):
        fitted.interval(6, 99)
    with pytest.raises(InputError, match="level 100"):
        fitted.interval(6, 100)


def test_a_network_that_has_learned_nothing_repeats_the_mean_season_around_the_level():
    season = np.array([5.0, 1.0, 0.0, -6.0])
    history = np.tile(season, 6) + 0.5 * np.arange(24) + 7
    windows, anchors = frame(history[None], Framing(6, 5, (4,), cycles=3, level=4))
    level = 7 + 0.5 * (20 + 1.5)  # the mean of the last season
    assert anchors[0] == pytest.approx(level + season[[0, 1, 2, 3, 0]])
    assert windows[0, :, 0] == pytest.approx(0.5 * (np.arange(18, 24) - 21.5))
    assert windows[0, :, 1] == pytest.approx(np.full(6, 0.5 * 4))  # the last season's mean over that of all three
    windows, anchors = frame(history[None], Framing(3, 2))
    assert anchors[0].tolist() == [history[-1]] * 2
    assert windows[0, :, 0] == pytest.approx(history[-3:] - history[-1])
    assert windows[0, :, 1] == pytest.approx(np.full(3, history[-1] - history[-3:].mean()))


def test_the_level_is_the_last_value_of_a_walk_and_a_mean_where_noise_comes_back():
    assert choose_framing([np.cumsum(noise(300))], 6).level == 1
    assert choose_framing([100 + noise(300)], 6).level > 1


@pytest.mark.parametrize(
    ("y", "options", "words"),
    [
        (np.ones(100), {}, "all 100 values are 1; leave this series out"),
        (np.r_[np.ones(100), noise(24)], {}, "constant before the rows that the backtest holds out"),
        ([1.0, np.nan, 2.0], {}, "value 2 is nan, not a finite number; correct it"),
        ([1.0, 1e200, 2.0], {}, "value 2 is 1e\\+200, too large"),
        (["a"], {}, "not all values are numbers"),
        ({"a": days(), "b": np.zeros((2, 2))}, {}, r"series 'b': an array of shape \(2, 2\)"),
        ([], {}, "0 rows are too few: a window of 4, a horizon of 6 and 4 folds need at least"),
        ({}, {}, "no series given"),
        (days(), {"horizon": 1000}, "600 rows are too few: a window of 4, a horizon of 1000 and 4 folds need at least"),
        (days(100) - 100, {"log": True}, "has no logarithm; leave out log"),
        (days(), {"cell": "cnn"}, "cell 'cnn': unknown; choose one of rnn, gru, lstm"),
        (days(), {"seasons": (1,)}, "seasons 1: a season has at least 2 rows"),
        (days(), {"seasons": (500,)}, "1 seasons of 500"),
        (days(), {"seasons": (7, 30)}, "seasons 7 and 30: a longer season must be a multiple"),
        (days(), {"folds": 0}, "folds 0: must be a whole number, at least 1"),
    ],
)
def test_bad_input_is_refused(y, options, words):
    with pytest.raises(InputError, match=words):
        Forecaster(**QUICK | options).fit(y)


def test_as_many_rows_as_are_asked_for_are_enough():
    with pytest.raises(InputError, match="need at least") as error:
        Forecaster(**QUICK, window=5, seasons=()).fit(noise(20))
    needed = int(str(error.value).split("need at least ")[1].split(";")[0])
    with pytest.raises(InputError):
        Forecaster(**QUICK, window=5, seasons=()).fit(noise(needed - 1))
    assert Forecaster(**QUICK, window=5, seasons=()).fit(noise(needed)).predict().shape == (6,)


def test_a_forecaster_that_was_not_fitted_says_so():
    with pytest.raises(InputError, match="call fit first"):
        Forecaster().predict()


def test_a_verdict_follows_the_margins_and_not_the_largest_series():
    """Far better on a large series and far worse on a small one, in units of each: no lead, whatever the mean says."""
    rng = np.random.default_rng(0)
    large, small = 1000 * rng.normal(size=60), rng.normal(size=60)
    starts = 60 - rows_held_out(4, 5) + fold_starts(4, 5)
    exact = np.array([large[start : start + 4] for start in starts])
    off = np.array([small[start : start + 4] + 50 for start in starts])
    tested = compare([large, small], [exact, off], [1000.0, 1.0], horizon=4, season=0)
    assert tested.figures["network"]["mae"] < tested.figures[NAIVE]["mae"]
    assert tested.verdict.startswith("the network does not beat naive")


def test_one_fold_cannot_tell():
    figures = {"network": {"mae": 1.0}, NAIVE: {"mae": 3.0}}
    assert Backtest(1, 6, figures, {NAIVE: (2.0, 2.0)}).verdict.endswith(
        "1 fold, which is too few to tell; use more folds"
    )


@pytest.mark.parametrize("value", [0, 2.5, -1, "3"])
def test_settings_that_are_no_counts_are_refused(value):
    for name in ("horizon", "folds", "window", "epochs", "hidden_size"):
        with pytest.raises(InputError, match=f"{name} .* must be a whole number"):
            Forecaster(**{name: value})


def test_seasons_come_in_any_order():
    assert Forecaster(seasons=(168, 24)).settings.seasons == (24, 168)


def test_what_asks_a_forecaster_that_has_learned_nothing_is_told(tmp_path):
    forecaster = Forecaster()
    for ask in (
        forecaster.predict,
        forecaster.interval,
        lambda: forecaster.names,
        lambda: forecaster.measured,
        lambda: forecaster.save(tmp_path / "file"),
    ):
        with pytest.raises(InputError, match="is not fitted yet; call fit first"):
            ask()


def test_a_forecast_beyond_all_numbers_is_refused():
    growing = months() * np.exp(np.arange(144))
    forecaster = Forecaster(horizon=12, epochs=5, seasons=(12,), log=True).fit(growing)
    with pytest.raises(
        InputError,
        match=r"rows ahead the forecast is too large for a number; ask for fewer rows, or fit with log switched off",
    ):
        forecaster.predict(10_000)


def test_values_that_differ_too_much_in_size_are_told():
    values = days()
    values[-1] = 1e60  # in the rows held out, which only the final network learns
    with pytest.raises(TrainingError, match="the values differ too much in size; correct outliers, or fit with log"):
        Forecaster(**QUICK, seasons=()).fit(values)
