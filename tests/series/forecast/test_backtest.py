import numpy as np
import pytest

from chargen.series.forecast.backtest import NAIVE, SEASONAL, Backtest, compare, fold_starts, rows_held_out


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
