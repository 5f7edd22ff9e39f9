"""The native kernels through NumPy: values, refusals, threads, and what happens without them."""

import multiprocessing
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from chargen.errors import InputError
from chargen.network.cells import CELLS, LayerWeights
from chargen.network.native.calls import backward, forward
from chargen.network.native.library import PATHS, path, usable_paths
from chargen.network.native.packed import PackedLayer, aligned_empty

SOURCES = Path(__file__).parents[2] / "chargen" / "network" / "native"
cells = pytest.mark.parametrize("cell", list(CELLS))
needs_kernels = pytest.mark.skipif(not usable_paths(), reason="the native kernels were not built")


@pytest.fixture(params=PATHS)
def precision(request, monkeypatch):
    """Choose each path in turn; the precision of its products."""
    if request.param not in usable_paths():
        pytest.skip(f"the path {request.param} does not run here")
    monkeypatch.setenv("CHARGEN_NATIVE", request.param)
    return PATHS[request.param]


@pytest.fixture
def only_float32(precision):
    if precision != "float32":
        pytest.skip("this path rounds what it multiplies")


def empty(shape):
    return aligned_empty(int(np.prod(shape))).reshape(shape)


def random_layer(cell, B, T, H, inputs, ids, seed=0):
    """Return x, the state and the weights of a layer."""
    rng = np.random.default_rng(seed)
    G = CELLS[cell].gates
    shapes = (G * H, inputs), (G * H, H), (G * H,), (G * H,)
    weights = LayerWeights(*(rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(H**0.5) for shape in shapes))
    x = rng.integers(inputs, size=(B, T)) if ids else rng.normal(size=(B, T, inputs)).astype(np.float32)
    state = tuple(rng.normal(size=(B, H)).astype(np.float32) for _ in range(CELLS[cell].states))
    return x, state, weights


def forward_and_backward(cell, x, state, weights, threads=1, precision="float32"):
    """Return every array that the kernels compute, for gradients of the results that are made of the results."""
    outputs, end, saved = forward(cell, x, state, weights, empty, threads, precision)
    gradients = backward(cell, x, weights, saved, np.cos(outputs), tuple(map(np.sin, end)), empty, threads, precision)
    dense = [] if gradients.x is None else [gradients.x]
    return [outputs, *end, *dense, *gradients.state, *gradients.weights]


def unit_layer(gates, W_ih):
    """Return the weights of one unit that reads one number."""
    return LayerWeights(
        np.array(W_ih, np.float32).reshape(gates, 1),
        *(np.zeros(shape, np.float32) for shape in ((gates, 1), gates, gates)),
    )


@needs_kernels
@pytest.mark.parametrize("ids", [True, False])
@cells
def test_any_number_of_threads_gives_the_same_bits(precision, cell, ids):
    arguments = random_layer(cell, 5, 9, 70, 20, ids)
    expected = forward_and_backward(cell, *arguments, 1, precision)
    for threads in (2, 3, 64):
        for result, array in zip(forward_and_backward(cell, *arguments, threads, precision), expected, strict=True):
            np.testing.assert_array_equal(result, array)


@needs_kernels
@cells
def test_the_rows_of_a_batch_give_the_same_bits_alone(precision, cell):
    x, state, weights = random_layer(cell, 13, 4, 40, 20, ids=False)
    expected, _, _ = forward(cell, x, state, weights, empty, 1, precision)
    for b in range(len(x)):
        alone = x[b : b + 1], tuple(part[b : b + 1] for part in state)
        outputs, _, _ = forward(cell, *alone, weights, empty, 1, precision)
        np.testing.assert_array_equal(outputs[0], expected[b])


@needs_kernels
def test_tanh_is_within_two_units_in_the_last_place(only_float32):
    exponents = np.arange(-30, 6, 1e-3)
    x = np.concatenate([2.0**exponents, -(2.0**exponents), [0, 1e30, -1e30, np.inf, -np.inf]]).astype(np.float32)
    outputs, _, _ = forward("rnn", x.reshape(1, -1, 1), (np.zeros((1, 1), np.float32),), unit_layer(1, [1]), empty)
    expected = np.tanh(x.astype(float))
    assert (np.abs(outputs.ravel() - expected) <= 2 * np.spacing(np.abs(expected).astype(np.float32))).all()


@needs_kernels
def test_sigmoid_is_within_three_units_in_the_last_place(only_float32):
    """h' = o tanh(c') with the forget gate open and c = 50, so that tanh(c') is 1 and h' = o = sigmoid(x)."""
    x = np.concatenate([np.arange(-80, 90, 1e-2), [-1e30, 1e30]]).astype(np.float32)
    state = np.zeros((len(x), 1), np.float32), np.full((len(x), 1), 50, np.float32)
    weights = unit_layer(4, [0, 0, 0, 1])
    weights.b_ih[:2] = -100, 100
    outputs, _, _ = forward("lstm", x.reshape(-1, 1, 1), state, weights, empty)
    expected = 1 / (1 + np.exp(-np.maximum(x.astype(float), -700)))
    allowed = 3 * np.spacing(expected.astype(np.float32)) + (expected < 1e-34) * 1e-34
    assert (np.abs(outputs.ravel() - expected) <= allowed).all()


@needs_kernels
@cells
def test_infinite_input_saturates_without_spoiling_others(precision, cell):
    x, state, weights = random_layer(cell, 3, 4, 20, 1, ids=False)
    x[1, 1] = np.inf
    outputs, _, _ = forward(cell, x, state, weights, empty, 1, precision)
    assert np.isfinite(outputs).all()


@needs_kernels
@cells
def test_nan_goes_through_as_nan_in_its_own_row(precision, cell):
    x, state, weights = random_layer(cell, 3, 4, 20, 5, ids=False)
    x[1, 2, 0] = np.nan
    outputs, end, _ = forward(cell, x, state, weights, empty, 1, precision)
    assert np.isnan(outputs[1, 2:]).all()
    assert np.isfinite(outputs[[0, 2]]).all()
    assert np.isfinite(outputs[1, :2]).all()
    assert all(np.isnan(part[1]).all() for part in end)


@needs_kernels
@pytest.mark.parametrize("payload", [0x7FC00001, 0x7F800001, 0xFFFFFFFF, 0xFF8001FF])
def test_any_nan_stays_one(precision, payload):
    x = np.full((1, 1, 1), payload, np.uint32).view(np.float32)
    for cell, W_ih in (("rnn", [1]), ("gru", [0, 1, 0]), ("lstm", [0, 0, 0, 1])):
        _, state, _ = random_layer(cell, 1, 1, 1, 1, ids=False)
        outputs, _, _ = forward(cell, x, state, unit_layer(CELLS[cell].gates, W_ih), empty, 1, precision)
        assert np.isnan(outputs).all()


def wrong_calls():
    x, state, weights = random_layer("gru", 2, 3, 4, 5, ids=False)
    (h,), swap = state, weights._replace
    yield "W_hh has shape", x, state, swap(W_hh=weights.W_hh[1:])
    yield "b_ih has shape", x, state, swap(b_ih=weights.b_ih[1:])
    yield "x has shape", x[..., 1:].copy(), state, weights
    yield "state has shape", x, (h[1:],), weights
    yield "a state of 2 arrays", x, (h, h), weights
    yield "x has type", x.astype(float), state, weights
    yield "W_ih has type", x, state, swap(W_ih=weights.W_ih.astype(np.float16))
    yield "W_hh has gaps", x, state, swap(W_hh=weights.W_hh.T.copy().T)
    yield "x has gaps", x[:, ::-1], state, weights
    yield "nothing may be empty", x[:, :0], state, weights
    yield "nothing may be empty", x[0, 0], state, weights


@needs_kernels
@pytest.mark.parametrize(("words", "x", "state", "weights"), list(wrong_calls()))
def test_wrong_arrays_are_refused(words, x, state, weights):
    with pytest.raises(ValueError, match=words):
        forward("gru", x, state, weights, empty)


@needs_kernels
def test_a_gradient_of_the_wrong_shape_is_refused():
    x, state, weights = random_layer("rnn", 2, 3, 4, 5, ids=True)
    outputs, end, saved = forward("rnn", x, state, weights, empty)
    with pytest.raises(ValueError, match="gradient of the outputs has shape"):
        backward("rnn", x, weights, saved, outputs[:, 1:].copy(), end, empty)
    with pytest.raises(ValueError, match="saved has shape"):
        backward("rnn", x, weights, saved[1:], outputs, end, empty)
    with pytest.raises(ValueError, match="a state of 2 arrays"):
        backward("rnn", x, weights, saved, outputs, (None, None), empty)
    with pytest.raises(ValueError, match="W_hh has gaps"):
        backward("rnn", x, weights._replace(W_hh=weights.W_hh.T.copy().T), saved, outputs, end, empty)


@needs_kernels
@pytest.mark.parametrize("wrong", [-1, 5, 2**40])
def test_ids_out_of_range_are_refused(wrong):
    x, state, weights = random_layer("lstm", 2, 3, 4, 5, ids=True)
    outputs, end, saved = forward("lstm", x, state, weights, empty)
    x[1, 2] = wrong
    with pytest.raises(IndexError, match="below 5"):
        forward("lstm", x, state, weights, empty)
    with pytest.raises(IndexError, match="below 5"):
        backward("lstm", x, weights, saved, outputs, end, empty)


@needs_kernels
@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("B", [1, 9])
@cells
def test_a_packed_layer_goes_on_where_it_stopped(only_float32, cell, B, ids):
    T = 7
    x, state, weights = random_layer(cell, B, T, 70, 20, ids)
    expected, expected_end, _ = forward(cell, x, state, weights, empty)
    layer = PackedLayer(cell, weights, threads=2)
    outputs, end = layer.run(x, state)
    np.testing.assert_array_equal(outputs, expected)
    np.testing.assert_array_equal(end, expected_end)
    for t in range(T):
        outputs, state = layer.run(x[:, t : t + 1], state)
        np.testing.assert_array_equal(outputs[:, 0], expected[:, t])
    np.testing.assert_array_equal(state, expected_end)


@needs_kernels
def test_threads_of_python_take_turns_with_a_packed_layer(only_float32):
    layer = PackedLayer("lstm", random_layer("lstm", 1, 1, 70, 20, ids=True)[2])
    calls = [random_layer("lstm", 8, T, 70, 20, ids=True, seed=T)[:2] for T in (1, 1, 2, 3)] * 50
    alone = [layer.run(x, state)[0] for x, state in calls]
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda call: layer.run(*call)[0], calls)
        assert all(map(np.array_equal, together, alone))


@needs_kernels
def test_fractions_are_no_ids():
    _, state, weights = random_layer("gru", 2, 3, 4, 5, ids=True)
    with pytest.raises(ValueError, match="x has type float32, expected int64"):
        PackedLayer("gru", weights).run(np.ones((2, 3), np.float32), state)


def test_without_the_library_there_is_no_path(monkeypatch):
    monkeypatch.setenv("CHARGEN_NATIVE", "off")
    assert path() is None
    with pytest.raises(RuntimeError, match="not built for float32, or CHARGEN_NATIVE is off"):
        forward("lstm", *random_layer("lstm", 2, 3, 4, 5, ids=True), empty)


@needs_kernels
def test_the_environment_chooses_the_path(monkeypatch):
    monkeypatch.delenv("CHARGEN_NATIVE", raising=False)
    assert path() == next(name for name in usable_paths() if PATHS[name] == "float32")
    assert path("bfloat16") == next((name for name in usable_paths() if PATHS[name] == "bfloat16"), None)
    monkeypatch.setenv("CHARGEN_NATIVE", "portable")
    assert (path(), path("bfloat16")) == ("portable", None)
    monkeypatch.setenv("CHARGEN_NATIVE", "off")
    assert path() is None
    monkeypatch.setenv("CHARGEN_NATIVE", "mmx")
    with pytest.raises(InputError, match=r"CHARGEN_NATIVE=mmx: not available.*portable"):
        path()


def run_in_child(arguments, expected, results):
    results.put(all(map(np.array_equal, forward_and_backward("lstm", *arguments, 2), expected)))


@needs_kernels
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_starts_its_own_threads():
    arguments = random_layer("lstm", 5, 9, 70, 20, ids=True)
    expected = forward_and_backward("lstm", *arguments, 2)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=run_in_child, args=(arguments, expected, results))
    child.start()
    assert results.get(timeout=60)
    child.join(60)
    assert child.exitcode == 0
    assert all(map(np.array_equal, forward_and_backward("lstm", *arguments, 2), expected))


SHAPES = """
import itertools, sys
from pathlib import Path
import numpy as np
from chargen.network.native import library
from chargen.network.cells import CELLS
library.find_library = lambda: library.load(Path(sys.argv[1]))
sys.path.insert(0, sys.argv[2])
from test_native import forward_and_backward, random_layer
import test_native
test_native.empty = lambda shape: np.empty(shape, np.float32)  # of the exact size, so that a read past the end is seen
sizes = (1, 1, 1, 1), (2, 3, 7, 5), (7, 2, 16, 16), (13, 5, 33, 65), (1, 70, 17, 3), (65, 2, 15, 17)
for path, cell, size, ids in itertools.product(sys.argv[3:], CELLS, sizes, (True, False)):
    library.os.environ["CHARGEN_NATIVE"] = path
    forward_and_backward(cell, *random_layer(cell, *size, ids), 3, library.PATHS[path])
    print(path, cell, *size)
import test_step
for path, cell, L, E in itertools.product({"avx2", "avx512"} & set(sys.argv), CELLS, (1, 2), (0, 9)):
    library.os.environ["CHARGEN_NATIVE"] = path
    layers, output, embedding = test_step.make_network(cell, 65, 17, L, E, test_step.normal)
    one, state = test_step.StepNetwork(cell, layers, output, embedding), test_step.begin_state(cell, L, 17)
    logits, _ = one.step(64, state)
    texts = test_step.TextsNetwork(one, [test_step.PackedLayer(cell, weights) for weights in layers], 3)
    state = tuple(tuple(part.repeat(13, 0) for part in layer) for layer in state)
    texts.write(logits.repeat(13, 0), state, 1.0, 0.0, np.full((13, 2), 0.5))
"""


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_sanitizers_find_nothing(tmp_path, sanitizers):
    compiler = shutil.which("gcc")
    if not compiler or not SOURCES.exists():
        pytest.skip("NOT CHECKED: the sanitizers need gcc and the sources")
    built = tmp_path / "_kernels.so"
    flags = ["-O0", "-g", "-std=gnu11", "-fPIC", "-shared", "-pthread", f"-fsanitize={sanitizers}", "-o", built]
    runtime = "libasan.so" if "address" in sanitizers else "libtsan.so"
    compiling = subprocess.run([compiler, *flags, *SOURCES.glob("*.c")], capture_output=True, text=True)
    if compiling.returncode:
        pytest.skip(f"NOT CHECKED: the sanitizers cannot be used: {compiling.stderr.splitlines()[-1]}")
    preload = subprocess.run([compiler, f"-print-file-name={runtime}"], capture_output=True, text=True).stdout.strip()
    options = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1", "TSAN_OPTIONS": "exitcode=66"}
    run = subprocess.run(
        [sys.executable, "-c", SHAPES, built, Path(__file__).parent, *usable_paths()],
        env={**os.environ, **options, "LD_PRELOAD": preload, "OPENBLAS_NUM_THREADS": "1", "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "ERROR" not in run.stderr
    assert len(run.stdout.splitlines()) == 12 * len(CELLS) * len(usable_paths())
