"""The equations of the cells against torch.nn, which computes the same ones, and against themselves in NumPy."""

import math

import numpy as np
import pytest
import torch

from chargen.network.cells import CELLS, LayerWeights, run_layer, sigmoid

B, T, H = 3, 7, 4
INPUTS = 5
LIBRARY = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
cells = pytest.mark.parametrize("cell", list(CELLS))
library_cells = pytest.mark.parametrize("cell", LIBRARY)


def library_layer(cell, seed=0):
    """Return PyTorch's layer of a cell or, where it has none, one with as many weights."""
    torch.manual_seed(seed)
    return LIBRARY[cell.removeprefix("capped-")](INPUTS, H, batch_first=True).double()


def weights_of(layer):
    return LayerWeights(layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)


def random_state(cell):
    return tuple(torch.randn(B, H, dtype=torch.double, requires_grad=True) for _ in range(CELLS[cell].states))


def run_library(layer, x, state):
    state = tuple(part[None] for part in state)  # (1, B, H) each
    outputs, state = layer(x, state if len(state) > 1 else state[0])
    return outputs, tuple(part[0] for part in (state if isinstance(state, tuple) else (state,)))


@library_cells
@pytest.mark.parametrize("steps", [1, T])
def test_values_and_gradients_equal_torch(cell, steps):
    layer = library_layer(cell)
    x = torch.randn(B, steps, INPUTS, dtype=torch.double, requires_grad=True)
    state = random_state(cell)
    inputs = [x, *state, *layer.parameters()]
    weighting = torch.randn(B, steps, H, dtype=torch.double)

    def value_and_gradients(outputs, last):
        value = (outputs * weighting).sum() + sum((part**2).sum() for part in last)
        return value, torch.autograd.grad(value, inputs)

    expected_outputs, expected_last = run_library(layer, x, state)
    outputs, last = run_layer(cell, x, state, weights_of(layer))
    torch.testing.assert_close(outputs, expected_outputs)
    torch.testing.assert_close(last, expected_last)
    value, gradients = value_and_gradients(outputs, last)
    expected_value, expected_gradients = value_and_gradients(expected_outputs, expected_last)
    torch.testing.assert_close(value, expected_value)
    torch.testing.assert_close(gradients, expected_gradients)


def test_the_capped_lstm_lets_in_no_more_than_it_lets_go():
    """By hand: the first unit's input gate is above what the forget gate lets go, the second one's below."""
    s = np.array([2.0, -2.0, 1.0, -1.0, 0.5, 0.5, 3.0, 3.0])  # of the gates i, f, g, o, two units each
    weights = LayerWeights(np.zeros((8, 1)), np.zeros((8, 2)), s, np.zeros(8))
    (outputs,), (_, c) = run_layer(
        "capped-lstm", np.zeros((1, 1, 1)), (np.zeros((1, 2)), np.full((1, 2), 0.8)), weights
    )
    (i, f), g, o = ((1 / (1 + math.exp(-x)) for x in (-2, 1)), math.tanh(0.5), 1 / (1 + math.exp(-3)))
    expected = np.array([f * 0.8 + (1 - f) * g, (1 - f) * 0.8 + i * g])  # the second forget gate is 1 - f
    np.testing.assert_allclose(c[0], expected, rtol=1e-14)
    np.testing.assert_allclose(outputs[0], o * np.tanh(expected), rtol=1e-14)


@cells
def test_chunks_with_carried_state_equal_the_whole(cell):
    weights = weights_of(library_layer(cell))
    x, state = torch.randn(B, T, INPUTS, dtype=torch.double), random_state(cell)
    whole, last = run_layer(cell, x, state, weights)
    first, middle = run_layer(cell, x[:, :3], state, weights)
    second, end = run_layer(cell, x[:, 3:], middle, weights)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(end, last)


@cells
def test_gradients_equal_finite_differences(cell):
    weights = LayerWeights(*(w.detach().requires_grad_() for w in weights_of(library_layer(cell))))
    x, state = torch.randn(B, 2, INPUTS, dtype=torch.double, requires_grad=True), random_state(cell)

    def last_state(x, *arguments):
        return run_layer(cell, x, arguments[:-4], LayerWeights(*arguments[-4:]))[1]

    assert torch.autograd.gradcheck(last_state, (x, *state, *weights))


@cells
def test_numpy_equals_torch(cell):
    layer = library_layer(cell)
    x, state = torch.randn(B, T, INPUTS, dtype=torch.double), random_state(cell)
    expected, expected_last = run_layer(cell, x, state, weights_of(layer))
    as_numpy = LayerWeights(*(w.detach().numpy() for w in weights_of(layer)))
    outputs, last = run_layer(cell, x.numpy(), tuple(part.detach().numpy() for part in state), as_numpy)
    np.testing.assert_allclose(outputs, expected.detach().numpy(), rtol=1e-12)
    for part, expected_part in zip(last, expected_last, strict=True):
        np.testing.assert_allclose(part, expected_part.detach().numpy(), rtol=1e-12)


@cells
def test_ids_stand_for_one_hot_vectors(cell):
    layer, state = library_layer(cell), random_state(cell)
    ids = torch.tensor([[4, 0], [0, 2], [2, 2]])
    one_hot = torch.nn.functional.one_hot(ids, INPUTS).double()  # (B, T, V)
    results = []
    for x in (ids, one_hot):
        outputs, last = run_layer(cell, x, state, weights_of(layer))
        results.append((outputs, *last, *torch.autograd.grad(outputs.sum(), list(layer.parameters()))))
    looked_up, multiplied = results
    torch.testing.assert_close(looked_up, multiplied)
    as_numpy = LayerWeights(*(w.detach().numpy() for w in weights_of(layer)))
    outputs, _ = run_layer(cell, ids.numpy(), tuple(part.detach().numpy() for part in state), as_numpy)
    np.testing.assert_allclose(outputs, looked_up[0].detach().numpy(), rtol=1e-12)


def test_sigmoid_neither_overflows_nor_drifts():
    x = np.array([-1e4, -3.0, 0.0, 3.0, 1e4])
    with np.errstate(over="raise"):
        np.testing.assert_allclose(sigmoid(x), [0, 1 / (1 + np.exp(3)), 0.5, 1 / (1 + np.exp(-3)), 1], rtol=1e-14)
