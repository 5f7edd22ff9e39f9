"""The native layers against the equations of cells.py under autograd in float64: values and all gradients."""

import copy
from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargen.network.cells import CELLS, LayerWeights
from chargen.network.cells import run_layer as equations
from chargen.network.native.library import PATHS, usable_paths
from chargen.training.hardware import autocast
from chargen.training.native_layers import run_layer

pytestmark = pytest.mark.skipif(not usable_paths(), reason="the native kernels were not built")
cells = pytest.mark.parametrize("cell", list(CELLS))
ROUNDING = {"float32": 2.0**-24, "bfloat16": 2.0**-9}


@pytest.fixture(params=PATHS)
def precision(request, monkeypatch):
    """Choose each path in turn; the precision of its products."""
    if request.param not in usable_paths():
        pytest.skip(f"the path {request.param} does not run here")
    monkeypatch.setenv("CHARGEN_NATIVE", request.param)
    return PATHS[request.param]


def random_layer(cell, B, T, H, inputs, ids, seed, dtype=torch.float32):
    """Return x, the state and the weights of a layer, the same numbers for every dtype."""
    generator = torch.Generator().manual_seed(seed)
    G = CELLS[cell].gates

    def uniform(*shape):
        numbers = (torch.rand(*shape, generator=generator) * 2 - 1) / H**0.5
        return numbers.to(dtype).requires_grad_()

    def normal(*shape):
        return torch.randn(*shape, generator=generator).to(dtype).requires_grad_()

    weights = LayerWeights(uniform(G * H, inputs), uniform(G * H, H), uniform(G * H), uniform(G * H))
    if cell == "capped-lstm":  # its gradients jump where i = 1 - f: let i be above that in one unit, below in the next
        for weight in weights:
            weight.data[H : 2 * H] = -weight.data[:H]
        weights.b_ih.data[H : 2 * H] += 1 - 2 * (torch.arange(H) % 2)
    state = tuple(normal(B, H) for _ in range(CELLS[cell].states))
    x = torch.randint(inputs, (B, T), generator=generator) if ids else normal(B, T, inputs)
    return x, state, weights


def results(run, cell, x, state, weights, seed=0):
    """Return the outputs, the next state, and the gradients of a sum of them to everything that has one, by name."""
    outputs, end = run(cell, x, state, weights)
    generator = torch.Generator().manual_seed(seed)
    weighting = torch.randn(outputs.shape, generator=generator).to(outputs.dtype)  # (B, T, H)
    value = (outputs * weighting).sum() + sum((part**2).sum() for part in end)
    named = weights._asdict() | {f"state {index}": part for index, part in enumerate(state)}
    named |= {"x": x} if x.is_floating_point() else {}
    gradients = torch.autograd.grad(value, list(named.values()))
    found = {"outputs": outputs} | {f"end {index}": part for index, part in enumerate(end)}
    return found | {f"gradient of {name}": part for name, part in zip(named, gradients, strict=True)}


def check_against_equations(cell, B, T, H, inputs, ids, precision, seed=0):
    """Hold the native layer to the equations.

    The products of a sum are rounded independently, and its terms have both signs, so that it differs from the exact
    one by few roundings of the largest element. The gates, and the steps through time, multiply that: over 300 shapes
    in float32 by 35 at most, most often by less than 5.
    """
    with autocast(torch.device("cpu"), precision):
        found = results(run_layer, cell, *random_layer(cell, B, T, H, inputs, ids, seed))
    expected = results(equations, cell, *random_layer(cell, B, T, H, inputs, ids, seed, torch.float64))
    assert found.keys() == expected.keys()
    for name, part in expected.items():
        allowed = 64 * ROUNDING[precision] * max(1.0, part.abs().max().item())
        assert found[name].dtype == torch.float32
        difference = (found[name].double() - part).abs().max().item()
        assert difference <= allowed, f"{name}: {difference:.1e} above {allowed:.1e}"


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("H", [1, 7, 16, 33, 130])
@pytest.mark.parametrize(("B", "T"), [(1, 1), (1, 9), (5, 1), (16, 5)])
@cells
def test_values_and_gradients_equal_the_equations(precision, cell, B, T, H, ids):
    check_against_equations(cell, B, T, H, 19, ids, precision)


@cells
def test_a_large_layer_equals_the_equations(precision, cell):
    check_against_equations(cell, 16, 20, 512, 65, True, precision)


@given(
    cell=st.sampled_from(list(CELLS)),
    B=st.integers(1, 40),
    T=st.integers(1, 20),
    H=st.integers(1, 70),
    inputs=st.integers(1, 70),
    ids=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_shape_equals_the_equations(precision, cell, B, T, H, inputs, ids, seed):
    check_against_equations(cell, B, T, H, inputs, ids, precision, seed)


@pytest.mark.parametrize("threads", [2, 3])
@cells
def test_threads_of_openmp_give_the_same_bits(cell, threads):
    """PyTorch has loaded OpenMP, whose threads the kernels then use."""
    layer = random_layer(cell, 5, 9, 70, 20, ids=False, seed=1)
    alone = results(partial(run_layer, threads=1), cell, *layer)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.rand(500, 500) @ torch.rand(500, 500)  # with its threads
        together = results(partial(run_layer, threads=threads), cell, *layer)
    finally:
        torch.set_num_threads(before)
    for name, part in alone.items():
        assert torch.equal(together[name], part), name


@cells
def test_carried_state_equals_the_whole(cell):
    x, state, weights = random_layer(cell, 3, 7, 20, 5, ids=True, seed=1)
    whole, last = run_layer(cell, x, state, weights)
    first, middle = run_layer(cell, x[:, :3], state, weights)
    second, end = run_layer(cell, x[:, 3:], middle, weights)
    assert torch.equal(torch.cat((first, second), 1), whole)
    assert all(map(torch.equal, end, last))


@cells
def test_gradients_equal_finite_differences(cell):
    """In float32 a difference over 2 * 0.01 carries a rounding of 1e-5 and the cube of the step, 1e-4 at most."""
    x, state, weights = random_layer(cell, 2, 3, 3, 4, ids=False, seed=2)
    names = [*(f"state {index}" for index in range(len(state))), *weights._fields, "x"]
    arguments = [*state, *weights, x]
    gradients = results(run_layer, cell, x, state, weights)
    weighting = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))

    def value():
        outputs, end = run_layer(cell, x, state, weights)
        return (outputs.double() * weighting).sum() + sum((part.double() ** 2).sum() for part in end)

    with torch.no_grad():
        for name, argument in zip(names, arguments, strict=True):
            for index, element in enumerate(argument.view(-1)):
                before, values = element.item(), []
                for step in (0.01, -0.01):
                    argument.view(-1)[index] = before + step
                    values.append(value())
                argument.view(-1)[index] = before
                difference = (values[0] - values[1]) / 0.02
                assert difference.item() == pytest.approx(
                    gradients[f"gradient of {name}"].view(-1)[index].item(), abs=2e-3, rel=2e-3
                ), (name, index)


@cells
def test_only_the_last_state_or_only_some_outputs_may_be_used(cell):
    x, state, weights = random_layer(cell, 3, 4, 20, 5, ids=False, seed=3)
    double = random_layer(cell, 3, 4, 20, 5, ids=False, seed=3, dtype=torch.float64)
    for value in (lambda outputs, end: end[-1].sum(), lambda outputs, end: outputs[:, 1].sum()):
        found = torch.autograd.grad(value(*run_layer(cell, x, state, weights)), [x, *weights])
        expected = torch.autograd.grad(value(*equations(cell, *double)), [double[0], *double[2]])
        for part, expected_part in zip(found, expected, strict=True):
            torch.testing.assert_close(part.double(), expected_part, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("ids", [True, False])
@cells
def test_without_gradients_the_values_are_the_same(cell, ids):
    x, state, weights = random_layer(cell, 3, 5, 20, 5, ids=ids, seed=5)
    with torch.no_grad():
        found = run_layer(cell, x, state, weights)
    torch.testing.assert_close(found, run_layer(cell, x, state, weights), atol=0, rtol=0)


@cells
def test_backward_twice_gives_the_same(cell):
    x, state, weights = random_layer(cell, 3, 4, 20, 5, ids=True, seed=4)
    outputs, _ = run_layer(cell, x, state, weights)
    first = torch.autograd.grad(outputs.sum(), weights, retain_graph=True)
    second = torch.autograd.grad(outputs.sum(), weights)
    assert all(map(torch.equal, first, second))


def test_a_second_derivative_is_refused():
    x, state, weights = random_layer("gru", 3, 4, 20, 5, ids=True, seed=4)
    outputs, _ = run_layer("gru", x, state, weights)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(outputs.sum(), weights, create_graph=True)


def test_the_default_type_of_pytorch_changes_nothing():
    expected = results(run_layer, "gru", *random_layer("gru", 3, 4, 20, 5, ids=False, seed=4))
    arguments = random_layer("gru", 3, 4, 20, 5, ids=False, seed=4)
    torch.set_default_dtype(torch.float64)
    try:
        outputs, _ = run_layer("gru", *arguments)
        (gradient,) = torch.autograd.grad(outputs.sum(), arguments[0])
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(outputs, expected["outputs"])
    assert gradient.dtype == torch.float32


@cells
def test_masked_weights_pass_gradients_on(cell):
    """Recurrent dropout multiplies W_hh by a mask outside the layer."""
    x, state, weights = random_layer(cell, 3, 4, 20, 5, ids=True, seed=5)
    mask = (torch.arange(20) % 3 > 0).float()  # (H,)
    outputs, _ = run_layer(cell, x, state, weights._replace(W_hh=weights.W_hh * mask))
    (gradient,) = torch.autograd.grad(outputs.sum(), weights.W_hh)
    assert (gradient[:, mask == 0] == 0).all()
    assert (gradient[:, mask == 1] != 0).any()


@cells
def test_strided_tensors_and_small_ids_are_taken(cell):
    x, state, weights = random_layer(cell, 4, 6, 20, 5, ids=True, seed=6)
    expected, _ = run_layer(cell, x[:, ::2].contiguous(), state, weights)
    found, _ = run_layer(cell, x[:, ::2].int(), tuple(part.T.contiguous().T for part in state), weights)
    assert torch.equal(found, expected)


def test_changed_weights_are_noticed():
    x, state, weights = random_layer("lstm", 3, 4, 20, 5, ids=True, seed=7)
    outputs, _ = run_layer("lstm", x, state, weights)
    with torch.no_grad():
        weights.W_hh.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.sum().backward()


def test_other_types_are_refused():
    x, state, weights = random_layer("gru", 3, 4, 20, 5, ids=False, seed=8, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"x has type torch\.float64, expected float32"):
        run_layer("gru", x, state, weights)
    x, state, weights = random_layer("gru", 3, 4, 20, 5, ids=False, seed=8)
    with pytest.raises(ValueError, match=r"x has type torch\.float32, expected int64"):
        run_layer("gru", x[:, :, 0], state, weights)
    with pytest.raises(ValueError, match="W_hh is on meta"):
        run_layer("gru", x, state, weights._replace(W_hh=copy.copy(weights.W_hh).detach().to("meta")))
