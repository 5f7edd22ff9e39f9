"""One text, and many side by side, on the native kernels against the equations."""

import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from chargen.network.cells import CELLS, LayerWeights, run_layer
from chargen.network.native.library import usable_paths
from chargen.network.native.packed import PackedLayer
from chargen.network.native.step import StepNetwork, _Packed
from chargen.network.native.texts import TextsNetwork

cells = pytest.mark.parametrize("cell", list(CELLS))


@pytest.fixture(params=["avx512", "avx2"], autouse=True)
def each_path(request, monkeypatch):
    if request.param not in usable_paths():
        pytest.skip(f"the path {request.param} does not run here")
    monkeypatch.setenv("CHARGEN_NATIVE", request.param)


def eight_bits(rng, *shape):
    """Return random weights as a file of 8 bits holds them: whole numbers up to 127 times a scale for each row."""
    whole = rng.integers(-127, 128, shape)
    whole[:, 0] = 127
    return (whole * rng.uniform(0.5, 1, (shape[0], 1)) / 127 / shape[1] ** 0.5).astype(np.float32)


def normal(rng, *shape):
    return (rng.normal(size=shape) / shape[1] ** 0.5).astype(np.float32)


def sixteen_bits(rng, *shape):
    return normal(rng, *shape).astype(np.float16).astype(np.float32)


def make_network(cell, V, H, L, E, weight, seed=0):
    """Return layers, the output layer and an embedding (None where E is 0) of random weights."""
    rng, G = np.random.default_rng(seed), CELLS[cell].gates
    biases = rng.normal(size=(L, 2, G * H)).astype(np.float32)
    layers = [
        LayerWeights(weight(rng, G * H, (E or V) if layer == 0 else H), weight(rng, G * H, H), *biases[layer])
        for layer in range(L)
    ]
    output = weight(rng, V, L * H), rng.normal(size=V).astype(np.float32)
    return layers, output, weight(rng, V, E) if E else None


def begin_state(cell, L, H, seed=1):
    parts = np.random.default_rng(seed).uniform(-1, 1, (L, CELLS[cell].states, 1, H)).astype(np.float32)
    return tuple(map(tuple, parts))


def equations(cell, ids, state, layers, output, embedding):
    """Return the logits after each character, (T, V), and the state after the last one."""
    x = np.array([ids]) if embedding is None else embedding[[ids]]  # (1, T) or (1, T, E)
    outputs, after = [], []
    for weights, before in zip(layers, state, strict=True):
        x, next_state = run_layer(cell, x, before, weights)
        outputs.append(x[0])
        after.append(next_state)
    return np.concatenate(outputs, 1) @ output[0].T + output[1], tuple(after)


@pytest.mark.parametrize("weight", [eight_bits, sixteen_bits, normal])
@pytest.mark.parametrize(("V", "H", "L", "E"), [(5, 1, 1, 0), (70, 16, 2, 0), (65, 70, 1, 0), (3, 40, 3, 9)])
@cells
def test_logits_and_state_are_those_of_the_equations(cell, V, H, L, E, weight):
    layers, output, embedding = make_network(cell, V, H, L, E, weight)
    network, state = StepNetwork(cell, layers, output, embedding), begin_state(cell, L, H)
    ids = np.random.default_rng(2).integers(V, size=12)
    expected, expected_state = equations(cell, ids, state, layers, output, embedding)
    for t, char_id in enumerate(ids):
        logits, state = network.step(int(char_id), state)
        np.testing.assert_allclose(logits, expected[t : t + 1], atol=2e-5, err_msg=f"step {t}")
    for parts, expected_parts in zip(state, expected_state, strict=True):
        for part, expected_part in zip(parts, expected_parts, strict=True):
            np.testing.assert_allclose(part, expected_part, atol=2e-6)


@cells
def test_any_state_can_follow_any_other_and_none_is_changed(cell):
    layers, output, _ = make_network(cell, 9, 20, 2, 0, normal)
    network = StepNetwork(cell, layers, output)
    first, second = begin_state(cell, 2, 20, seed=3), begin_state(cell, 2, 20, seed=4)
    kept = [[part.copy() for part in layer] for layer in first]
    expected, after = network.step(4, first)
    network.step(7, second)
    network.step(1, after)
    again, _ = network.step(4, first)
    np.testing.assert_array_equal(again, expected)
    np.testing.assert_equal([list(layer) for layer in first], kept)


def test_threads_do_not_mix_their_texts():
    layers, output, _ = make_network("lstm", 9, 200, 1, 0, normal)
    network, ids = StepNetwork("lstm", layers, output), np.random.default_rng(2).integers(9, size=300)

    def read(seed):
        state = begin_state("lstm", 1, 200, seed)
        for char_id in ids:
            logits, state = network.step(int(char_id), state)
        return logits

    alone = [read(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(read, range(4))), alone)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer that sends signals")
def test_after_an_interrupted_call_a_state_is_the_one_that_it_was():
    layers, output, _ = make_network("lstm", 9, 200, 1, 0, normal)
    network = StepNetwork("lstm", layers, output)
    logits, state = network.step(4, begin_state("lstm", 1, 200))
    expected, _ = network.step(7, state)
    logits, state = network.step(4, begin_state("lstm", 1, 200))
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)  # long before the call ends, which no signal cuts short
        with pytest.raises(KeyboardInterrupt):
            network.write(logits, state, 1.0, 0.0, np.full((1, 50_000), 0.5))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    np.testing.assert_array_equal(network.step(7, state)[0], expected)


def test_a_state_that_was_returned_cannot_be_changed():
    layers, output, _ = make_network("gru", 9, 20, 1, 0, normal)
    _, ((h,),) = StepNetwork("gru", layers, output).step(4, begin_state("gru", 1, 20))
    with pytest.raises(ValueError, match="read-only"):
        h[0, 3] = 1


def test_nan_goes_through_as_nan():
    layers, output, _ = make_network("gru", 5, 20, 1, 0, normal)
    state = begin_state("gru", 1, 20)
    state[0][0][0, 3] = np.nan
    logits, _ = StepNetwork("gru", layers, output).step(0, state)
    assert np.isnan(logits).all()


@pytest.mark.parametrize("wrong", [-1, 5, 2**40])
def test_ids_out_of_range_are_refused(wrong):
    layers, output, _ = make_network("rnn", 5, 4, 1, 0, normal)
    with pytest.raises(IndexError, match=f"id {wrong} is out of range: ids must be at least 0 and below 5"):
        StepNetwork("rnn", layers, output).step(wrong, begin_state("rnn", 1, 4))


@pytest.mark.parametrize(("weight", "size"), [(eight_bits, 1), (sixteen_bits, 2), (normal, 4)])
def test_weights_are_kept_in_as_few_bytes_as_lose_nothing(weight, size):
    random = weight(np.random.default_rng(0), 100, 30)
    assert _Packed(random, np.arange(100)).values.itemsize == size
    random[99, 29] = 1e5 + random[99, 29]  # the last weight alone
    assert _Packed(random, np.arange(100)).values.itemsize == 4


@pytest.mark.parametrize(("L", "E"), [(1, 0), (2, 9)])
@cells
def test_texts_side_by_side_end_where_the_equations_do_whatever_the_number_of_threads(cell, L, E):
    V, H, B, N = 65, 20, 13, 7
    layers, output, embedding = make_network(cell, V, H, L, E, normal)
    network, rng = StepNetwork(cell, layers, output, embedding), np.random.default_rng(1)
    states = rng.uniform(-1, 1, (L, CELLS[cell].states, B, H)).astype(np.float32)
    state = tuple(map(tuple, states))
    logits, uniform = rng.normal(size=(B, V)).astype(np.float32), rng.random((B, N))

    def written(threads):
        writer = TextsNetwork(network, [PackedLayer(cell, weights) for weights in layers], threads)
        writer.write(logits[:8], tuple(map(tuple, states[:, :, :8])), 1.0, 0.0, uniform[:8])  # of another number
        return writer.write(logits, state, 1.0, 0.0, uniform)

    ids, found, after = written(1)
    for row in range(B):
        before = tuple(tuple(part[row : row + 1] for part in layer) for layer in state)
        expected, expected_after = equations(cell, ids[row], before, layers, output, embedding)
        np.testing.assert_allclose(found[row], expected[-1], atol=2e-5)
        np.testing.assert_allclose(np.array(after)[:, :, row], np.array(expected_after)[:, :, 0], atol=2e-6)
    for threads in (2, 3):
        again, logits_again, after_again = written(threads)
        np.testing.assert_array_equal(again, ids)
        np.testing.assert_array_equal(logits_again, found)
        np.testing.assert_array_equal(after_again, after)


def test_without_vectors_one_text_is_refused(monkeypatch):
    monkeypatch.setenv("CHARGEN_NATIVE", "portable")
    with pytest.raises(RuntimeError, match="read one text on a processor's vectors only"):
        StepNetwork("gru", *make_network("gru", 5, 4, 1, 0, normal))
