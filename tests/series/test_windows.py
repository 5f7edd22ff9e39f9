import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chargen.series.windows import EVALUATION_ROWS, WindowTask, sliding
from chargen.training.recurrent import Recurrent


@given(st.integers(1, 30), st.integers(1, 3), st.data())
def test_sliding_gives_every_window_in_order(points, features, data):
    length = data.draw(st.integers(1, points))
    step = data.draw(st.integers(1, 5))
    values = np.arange(points * features).reshape(points, features)
    expected = [values[first : first + length] for first in range(0, points - length + 1, step)]
    np.testing.assert_array_equal(sliding(values, length, step), expected)


def task_of(count, batch_size, **options):
    X = np.arange(count)[:, None, None] * np.ones((1, 4, 1))
    return WindowTask(X, 10 * X[:, -2:], batch_size, **options)


def rows_of(batch):
    X, Y = batch
    np.testing.assert_array_equal(Y[:, 0, 0], 10 * X[:, 0, 0])  # a window keeps its target
    return X[:, 0, 0].int().tolist()


def test_an_epoch_is_a_new_order_of_windows_that_repeat_only_in_another_epoch():
    task = task_of(10, 3, seed=1)
    assert task.batches_per_epoch == 3
    epochs = [[row for number in range(3) for row in rows_of(task.batch(epoch, number))] for epoch in (1, 2)]
    assert all(len(set(rows)) == 9 for rows in epochs)
    assert epochs[0] != epochs[1]
    assert rows_of(task.batch(1, 2)) == epochs[0][6:]  # a function of epoch and number, whatever came before
    assert rows_of(task_of(10, 3, seed=2).batch(1, 0)) != epochs[0][:3]
    assert not task.continues(2, 1)


def test_without_a_batch_size_a_batch_is_all_windows():
    assert sorted(rows_of(task_of(5, None).batch(1, 0))) == [0, 1, 2, 3, 4]
    assert sorted(rows_of(task_of(5, 100).batch(1, 0))) == [0, 1, 2, 3, 4]


def test_where_the_state_is_carried_an_epoch_is_one_batch_in_order():
    task = task_of(7, 2, carried=True)
    assert [rows_of(task.batch(epoch, 0)) for epoch in (1, 2, 3, 4)] == [[0, 1], [2, 3], [4, 5], [0, 1]]
    assert [task.continues(epoch, 0) for epoch in (1, 2, 3)] == [False, True, True]


def test_only_the_last_steps_count():
    outputs = torch.tensor([[[9.0], [1.0], [3.0]]])
    assert task_of(1, 1).loss(outputs, torch.tensor([[[0.0], [0.0]]])).item() == pytest.approx((1 + 9) / 2)


def test_evaluation_is_the_mean_over_all_that_is_held_out():
    torch.manual_seed(0)
    model = Recurrent("gru", 1, 1, 4)
    rng = np.random.default_rng(0)
    held_out = rng.normal(size=(EVALUATION_ROWS + 10, 3, 1)), rng.normal(size=(EVALUATION_ROWS + 10, 1, 1))
    task = WindowTask(*held_out, held_out=held_out)
    X, Y = (torch.tensor(array, dtype=torch.float32) for array in held_out)
    with torch.no_grad():
        outputs, _ = model(X, model.begin_state(len(X)))
    *_, loss = task.evaluation(model)
    assert loss == pytest.approx(((outputs[:, -1:] - Y) ** 2).mean().item(), rel=1e-5)
    assert task.held_out == EVALUATION_ROWS + 10
