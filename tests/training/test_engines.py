"""Every engine against the equations in float64: the same outputs, states and gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.network import cells
from chargen.network.cells import CELLS, LayerWeights
from chargen.network.native import library
from chargen.training.engines import ENGINES

ENGINE_NAMES = [
    pytest.param(
        name, marks=pytest.mark.skipif(name == "native" and library.path() is None, reason="NO NATIVE KERNELS")
    )
    for name in sorted(ENGINES)
]


def problem(cell, B, T, inputs, H, ids, seed):
    """Return input, state, weights, and what the outputs and the last state are weighted with, in float64."""
    rng, G = np.random.default_rng(seed), CELLS[cell].gates

    def tensor(*shape):
        return torch.from_numpy(rng.uniform(-1, 1, shape))

    x = torch.from_numpy(rng.integers(0, inputs, (B, T))) if ids else tensor(B, T, inputs)
    state = tuple(tensor(B, H) for _ in range(CELLS[cell].states))
    weights = LayerWeights(tensor(G * H, inputs), tensor(G * H, H), tensor(G * H), tensor(G * H))
    if cell == "capped-lstm":  # its gradients jump where i = 1 - f: let i be above that in one unit, below in the next
        for weight in weights:
            weight[H : 2 * H] = -weight[:H]
        weights.b_ih[H : 2 * H] += 1 - 2 * (torch.arange(H) % 2)
    return x, state, weights, tensor(B, T, H), tuple(tensor(B, H) for _ in state)


def results(run_layer, cell, x, state, weights, of_outputs, of_state, dtype):
    """Return the outputs, the last state, and the gradients of a weighted sum of both, in float64."""
    leaves = [part.to(dtype).requires_grad_() for part in (*state, *weights)]
    x = x if not x.is_floating_point() else x.to(dtype).requires_grad_()
    outputs, after = run_layer(cell, x, tuple(leaves[: len(state)]), LayerWeights(*leaves[len(state) :]))
    loss = (outputs * of_outputs.to(dtype)).sum() + sum(
        (part * of.to(dtype)).sum() for part, of in zip(after, of_state, strict=True)
    )
    wanted = leaves + ([x] if x.is_floating_point() else [])
    return [part.detach().double() for part in (outputs, *after, *torch.autograd.grad(loss, wanted))]


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("cell", sorted(CELLS))
@settings(max_examples=25)
@given(
    B=st.integers(1, 5),
    T=st.integers(1, 6),
    inputs=st.integers(1, 9),
    H=st.integers(1, 40),
    ids=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_an_engine_computes_the_equations(engine, cell, B, T, inputs, H, ids, seed):
    """Tolerance: float32 rounds to 6e-8, and gradients sum up to B * T * H products of numbers of the size of H."""
    made = problem(cell, B, T, inputs, H, ids, seed)
    expected = results(cells.run_layer, cell, *made, torch.float64)
    found = results(ENGINES[engine], cell, *made, torch.float32)
    for actual, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(actual, wanted, atol=1e-5 * (1 + wanted.abs().max().item()), rtol=1e-4)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("V", [5, 6])
def test_ids_stand_for_one_hot_vectors(engine, V):
    """Also where an odd vocabulary is padded."""
    ids, state, weights, *of = problem("lstm", 3, 4, V, 7, True, 0)
    one_hot = torch.nn.functional.one_hot(ids, V).double()
    by_ids = results(ENGINES[engine], "lstm", ids, state, weights, *of, torch.float32)
    by_vectors = results(ENGINES[engine], "lstm", one_hot, state, weights, *of, torch.float32)
    for a, b in zip(by_ids, by_vectors, strict=False):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
