"""How the speed of training follows the network, the batch, the threads and the processes; writes scaling.md.

    python benchmarks/scaling.py [--bandwidth GBIT/S] [--latency MICROSECONDS] [--seconds S]

One process measures the shapes with one thread and with two; two independent processes measure them at the same time;
two that torchrun starts measure them together. A step of one process is modelled as a sum of four costs, see `costs`,
whose factors are fitted to the measurements with one thread. For several processes the all-reduce of the gradient is
added, see `exchange`. The two processes here test that: they share this machine's memory and caches, so their own steps
are modelled by those of the two independent ones. For separate machines, the factors of one process hold, and the
network is given by the options.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from chargen import Batching, CharModel, TrainingSettings
from chargen.network.config import ModelConfig
from chargen.training.hardware import pick_engine
from chargen.training.processes import joined, own_device
from chargen.training.recipe import operations_per_character, recurrent_weights
from chargen.training.text_task import text_trainer

V, T = 65, 64
SHAPES = (  # hidden size, layers, batch size
    (128, 1, 16),
    (256, 1, 16),
    (512, 1, 4),
    (512, 1, 8),
    (512, 1, 16),
    (512, 1, 64),
    (512, 2, 16),
    (1024, 1, 16),
)
MESSAGES = (1_000, 10_000, 100_000, 1_000_000, 4_000_000)  # float32 numbers
MACHINES = (1, 2, 4, 8, 16)
COSTS = ("a step", "an operation", "a byte of recurrent weights, read at each time step", "a byte of weights, moved")


def main():
    options = read_options()
    if options.measure:
        return measure_here(options.seconds)
    runs = {name: run(name, options.seconds) for name in ("1 thread", "2 threads", "2 independent", "2 processes")}
    speeds = {name: {tuple(shape): speed for shape, speed in found["speeds"]} for name, found in runs.items()}
    factors, crowded = fitted(speeds["1 thread"]), fitted(speeds["2 independent"])
    local = line_through(runs["2 processes"]["messages"])
    network = options.latency / 1e6, 8 / (options.bandwidth * 1e9)  # seconds, seconds a byte
    lines = [
        "# Scaling",
        "",
        f"`{' '.join(['python', 'benchmarks/scaling.py', *sys.argv[1:]])}`: LSTM, {V} characters, windows of {T}, no"
        f" dropout; {runs['1 thread']['precision']}, torch {torch.__version__}, {os.cpu_count()} cores; characters/s.",
        *speed_table(speeds, factors, crowded, local),
        *factor_table(factors, local),
        *error_lines(speeds, factors, crowded, local),
        *prediction_table(factors, network, options),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    Path(__file__).with_suffix(".md").write_text(text)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bandwidth", type=float, default=10.0, help="of the network, in Gbit/s")
    parser.add_argument("--latency", type=float, default=50.0, help="of a message on it, in microseconds")
    parser.add_argument("--seconds", type=float, default=5.0, help="of training for each figure")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def run(name, seconds):
    """Return what `measure_here` finds in processes of their own."""
    print(f"measuring with {name} ...", file=sys.stderr)
    command = [__file__, "--measure", "--seconds", str(seconds)]
    torchrun = Path(sys.executable).with_name("torchrun")
    start = [torchrun, "--nproc-per-node", "2"] if name == "2 processes" else [sys.executable]
    environment = os.environ | {"OMP_NUM_THREADS": "2" if name == "2 threads" else "1"}
    processes = [
        subprocess.Popen([*start, *command], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2 if name == "2 independent" else 1)
    ]
    found = [json.loads(process.communicate()[0]) for process in processes]
    return found[0]


def measure_here(seconds):
    """Print the characters per second of each shape and, of several processes, the seconds of each message."""
    with joined(own_device("cpu")) as processes:
        precision = ("float32", "bfloat16")[
            int(processes.agree(pick_engine(torch.device("cpu"), ModelConfig(65), "torch")[1] == "bfloat16"))
        ]
        speeds = [(shape, speed_of(shape, precision, seconds, processes)) for shape in SHAPES]
        messages = [(4 * size, seconds_of(size, processes)) for size in MESSAGES if processes.size > 1]
        print(json.dumps({"precision": precision, "speeds": speeds, "messages": messages}))


def speed_of(shape, precision, seconds, processes):
    hidden_size, num_layers, batch_size = shape
    ids = np.random.default_rng(0).integers(V, size=200_000)
    model = CharModel(V, "lstm", hidden_size, num_layers)
    for limit in (seconds / 5, seconds):  # the first steps do not count
        settings = TrainingSettings(seconds=limit, batching=Batching(batch_size, T), precision=precision)
        *_, last = text_trainer(model, ids, ids[:0], settings, processes).records()
    return last.step * batch_size * T / last.seconds


def seconds_of(size, processes, times=20):
    """Return the median time of an all-reduce of `size` numbers."""
    numbers, found = torch.zeros(size), []
    for _ in range(times):
        processes.agree(0)
        began = time.perf_counter()
        torch.distributed.all_reduce(numbers)
        found.append(time.perf_counter() - began)
    return sorted(found)[times // 2]


def config_of(shape):
    return ModelConfig(V, "lstm", shape[0], shape[1])


def gradient_bytes(shape):
    return 4 * sum(math.prod(weight) for weight in config_of(shape).weight_shapes().values())


def costs(shape):
    """Return what a step of one process costs, in the units of `COSTS`."""
    config, B = config_of(shape), shape[2]
    return np.array(
        [1, operations_per_character(config) * B * T, 4 * recurrent_weights(config) * T, gradient_bytes(shape)]
    )


def fitted(speeds):
    """Return the factors of `costs`, none negative, with the least squares of relative errors of the steps' times."""
    table = np.array([costs(shape) * speed / (shape[2] * T) for shape, speed in speeds.items()])  # 1 / seconds
    used = list(range(len(COSTS)))
    while True:
        factors = np.zeros(len(COSTS))
        scale = table[:, used].max(0)
        factors[used] = np.linalg.lstsq(table[:, used] / scale, np.ones(len(table)), rcond=None)[0] / scale
        if factors.min() >= 0:
            return factors
        used.remove(int(np.argmin(factors)))


def exchange(size, processes, line):
    """Return the seconds that `processes` take for the mean of `size` bytes, in a ring, and to agree on the clock.

    Args:
        line: the latency of a message in seconds, and the seconds that a byte takes.
    """
    if processes == 1:
        return 0.0
    latency, per_byte = line
    ring = 2 * (processes - 1) * (latency + size / processes * per_byte)
    return ring + latency * math.ceil(math.log2(processes))


def line_through(messages):
    """Return latency and seconds a byte of the all-reduces of two processes; each sends twice half."""
    sizes, seconds = np.array(messages).T
    table = np.stack([2 * np.ones_like(sizes), sizes], 1) / seconds[:, None]
    return tuple(np.maximum(np.linalg.lstsq(table, np.ones(len(sizes)), rcond=None)[0], 0))


def predicted(shape, factors, line, processes=1):
    """Return the characters per second of processes that share the batch evenly, with nothing done at once."""
    hidden_size, num_layers, B = shape
    own = costs((hidden_size, num_layers, B / processes)) @ factors
    return B * T / (own + exchange(gradient_bytes(shape), processes, line))


def speed_table(speeds, factors, crowded, local):
    yield ""
    yield "| network | batch | 1 thread | model | 2 threads | 1 of 2 independent | 2 processes | model | of twice 1 |"
    yield "|---" * 9 + "|"
    for shape, one in speeds["1 thread"].items():
        two = speeds["2 processes"][shape]
        yield (
            f"| {shape[1]} x {shape[0]} | {shape[2]} | {one:,.0f} | {predicted(shape, factors, local):,.0f} |"
            f" {speeds['2 threads'][shape]:,.0f} | {speeds['2 independent'][shape]:,.0f} | {two:,.0f} |"
            f" {predicted(shape, crowded, local, 2):,.0f} |"
            f" {two / (2 * one):.0%} |"
        )


def factor_table(factors, local):
    yield from ("", "| cost in a process of one thread | nanoseconds |", "|---|---|")
    for name, factor in zip(COSTS, factors, strict=True):
        yield f"| {name} | {factor * 1e9:.3g} |"
    yield f"| a message between the two processes | {local[0] * 1e9:,.0f} |"
    yield f"| a byte of it | {local[1] * 1e9:.3g} |"


def error_lines(speeds, factors, crowded, local):
    yield ""
    for name, own, processes in (("1 thread", factors, 1), ("2 processes", crowded, 2)):
        error = [predicted(shape, own, local, processes) / speed - 1 for shape, speed in speeds[name].items()]
        mean, most = np.mean(np.abs(error)), max(error, key=abs)
        yield f"For {name} the model is off by {mean:.0%} on average, {most:+.0%} at most."


def prediction_table(factors, network, options):
    yield from (
        "",
        f"Predicted for machines with one such process each, over {options.bandwidth:g} Gbit/s with"
        f" {options.latency:g} microseconds a message; the share of perfect scaling in brackets.",
        "",
        "| network | batch | " + " | ".join(f"{count} machine{'s' * (count > 1)}" for count in MACHINES) + " |",
        "|---" * (len(MACHINES) + 2) + "|",
    )
    for hidden_size, num_layers, batch_size, each in ((512, 1, 64, False), (512, 1, 64, True), (1024, 2, 64, True)):
        one = predicted((hidden_size, num_layers, batch_size), factors, network)
        cells = []
        for count in MACHINES:
            shape = (hidden_size, num_layers, batch_size * count if each else batch_size)
            speed = predicted(shape, factors, network, count)
            cells.append(f"{speed:,.0f} ({speed / one / count:.0%})")
        yield f"| {num_layers} x {hidden_size} | {batch_size}{' each' * each} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
