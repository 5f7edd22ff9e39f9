"""The native layers beside PyTorch's, forward and backward, in turns in one process: milliseconds a step and ratios.

python benchmarks/native.py [ROUNDS] [THREADS ...]       by default 15 rounds, with one thread and with two

The machine should have nothing else to do; where it has, look at the columns of the best times rather than at the
medians.
"""

import statistics
import sys
import time

import torch

from chargen.network.cells import CELLS, LayerWeights
from chargen.network.native.library import path
from chargen.training.native_layers import run_layer

LAYERS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
SIZES = (256, 512, 1024)
B, T, V = 16, 64, 65
PADDED = 80  # the width of the one-hot vectors for PyTorch, whose products like multiples of 16


def main(rounds=15, *threads):
    print(f"path {path()}, torch {torch.__version__}; {B} x {T} ids of {V}; ms a step, forward and backward")
    print(f"{'layer':10} {'threads':>7} {'native':>8} {'torch':>8} {'ratio':>6} {'best':>8} {'best':>8} {'ratio':>6}")
    for count in threads or (1, 2):
        torch.set_num_threads(count)
        for cell in LAYERS:
            for hidden_size in SIZES:
                native, library = in_turns(rounds, *steps(cell, hidden_size))
                a, b = 1e3 * statistics.median(native), 1e3 * statistics.median(library)
                c, d = 1e3 * min(native), 1e3 * min(library)
                row = f"{a:8.2f} {b:8.2f} {b / a:6.2f} {c:8.2f} {d:8.2f} {d / c:6.2f}"
                print(f"{cell:4} {hidden_size:5} {count:7} {row}", flush=True)


def in_turns(rounds, *functions):
    """Return the seconds that each call of each function took, called in turns."""
    times = [[] for _ in functions]
    for index in range(rounds + 1):
        for function, record in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if index:  # the first is for warming up
                record.append(time.perf_counter() - start)
    return times


def steps(cell, hidden_size):
    """Return a step of the native layer and one of PyTorch's, of the same weights and ids."""
    layer = LAYERS[cell](PADDED, hidden_size, batch_first=True)
    weights = LayerWeights(*layer.parameters())
    ids = torch.randint(V, (B, T))
    x = torch.nn.functional.one_hot(ids, PADDED).float()  # (B, T, PADDED)
    gradient = torch.randn(B, T, hidden_size) / T
    zeros = tuple(torch.zeros(B, hidden_size) for _ in range(CELLS[cell].states))
    library_zeros = tuple(part[None] for part in zeros) if len(zeros) > 1 else zeros[0][None]

    def native():
        outputs, _ = run_layer(cell, ids, zeros, weights)
        torch.autograd.grad(outputs, weights, gradient)

    def library():
        outputs, _ = layer(x, library_zeros)
        torch.autograd.grad(outputs, weights, gradient)

    return native, library


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
