import numpy as np
import pytest

from chargen.series.forecast.combination import POWER, PRIOR, combine, mean_errors, weigh


def test_a_method_counts_by_its_errors_and_one_without_forecasts_not_at_all():
    errors = np.tile([1.0, 3.0, np.nan], (1, 4, 1))  # (N, origins, methods)
    weights, without_one = weigh(errors)
    assert weights[0] == pytest.approx([3**POWER / (1 + 3**POWER), 1 / (1 + 3**POWER), 0])
    assert without_one[0] == pytest.approx(np.tile(weights[0], (4, 1)))


def test_the_weights_at_an_origin_do_not_know_its_errors():
    errors = np.tile([1.0, 2.0], (1, 4, 1))
    changed = errors.copy()
    changed[0, 1] = [9.0, 0.5]
    same, other = weigh(errors)[1], weigh(changed)[1]
    assert np.array_equal(same[0, 1], other[0, 1])
    assert not np.array_equal(same[0, 0], other[0, 0])


def test_a_series_without_a_backtest_takes_the_weights_of_the_others():
    errors = np.array([[[1.0, 2.0]] * 3, [[np.nan, np.nan]] * 3])
    weights, _ = weigh(errors)
    assert weights[1] == pytest.approx(weights[0])
    assert weigh(errors[1:])[0].tolist() == [[0.5, 0.5]]


def test_a_few_errors_of_its_own_count_beside_those_of_the_file():
    errors = np.full((2, 40, 2), np.nan)
    errors[0] = [1.0, 3.0]
    errors[1, :1] = [3.0, 1.0]
    first, second = weigh(errors)[0]
    relative = (np.array([1.5, 0.5]) + PRIOR * np.array([0.5 * 40 + 1.5, 1.5 * 40 + 0.5]) / 41) / (1 + PRIOR)
    assert second == pytest.approx(relative**-POWER / (relative**-POWER).sum())
    assert first[0] > second[0] > 0.5


def test_means_leave_out_what_is_not_there():
    points = np.array([[[1.0, 2.0], [3.0, 6.0], [np.nan, 1.0]]])  # (N, methods, horizon)
    assert combine(points, np.array([[1.0, 3.0, 4.0]])).tolist() == [[2.5, 5.0]]
    assert np.isnan(combine(points, np.array([[0.0, 0.0, 1.0]]))).all()
    actual = np.array([[[2.0, np.nan]]])  # (N, origins, horizon)
    assert mean_errors(points[:, None], actual)[0, 0].tolist()[:2] == [1.0, 1.0]
