"""Whole steps of the trainer, native kernels and PyTorch's layers in turns in one process: medians in milliseconds.

    python benchmarks/steps.py CORPUS [NETWORK ...]     a network: CELL,UNITS[,LAYERS[,BATCH]], such as lstm,512

The machine should have nothing else to do.
"""

import statistics
import sys
import time

import torch

from chargen import Batching, CharModel, ModelConfig, TrainingSettings, load_corpus
from chargen.network.native.library import path
from chargen.training.text_task import text_trainer

NETWORKS = [f"{cell},{units}" for cell in ("lstm", "gru", "rnn") for units in (256, 512, 768, 1024)]
PRECISIONS = [precision for precision in ("bfloat16", "float32") if path(precision)]
SIDES = [(engine, precision) for precision in PRECISIONS for engine in ("native", "torch")]
ROUNDS = 15


def main(source, *networks):
    corpus = load_corpus(source)
    paths = " and ".join(map(path, PRECISIONS))
    print(f"{paths}, torch {torch.__version__}, {torch.get_num_threads()} threads, 64 characters")
    print(f"{'network':14}" + "".join(f"{f'{engine} {precision}':>17}" for engine, precision in SIDES) + "   ratios")
    for network in networks or NETWORKS:
        cell, *sizes = network.split(",")
        sides = [trainer(corpus, side, cell, *map(int, sizes)) for side in SIDES]
        times = [[step(side) for side in sides] for _ in range(ROUNDS + 2)][2:]  # the first ones are for warming up
        medians = [1e3 * statistics.median(column) for column in zip(*times, strict=True)]
        ratios = [torch / native for native, torch in zip(medians[::2], medians[1::2], strict=True)]
        print(
            f"{network:14}" + "".join(f"{median:17.1f}" for median in medians), *(f"{ratio:7.2f}" for ratio in ratios)
        )


def trainer(corpus, side, cell, units, layers=1, batch_size=16):
    engine, precision = side
    torch.manual_seed(0)
    model = CharModel(ModelConfig(len(corpus.vocabulary), cell, units, layers), engine=engine)
    settings = TrainingSettings(batching=Batching(batch_size, 64), precision=precision, learning_rate=0.001)
    made = text_trainer(model, corpus.train_ids, corpus.valid_ids, settings)
    made._parallel = model.train()  # as `records` does
    return made


def step(made):
    """Return the seconds that one more step took."""
    with made.threads.computing():
        began = time.perf_counter()
        made._train_step()
        seconds = time.perf_counter() - began
    made.position.step += 1
    made.position.batch = (made.position.batch + 1) % made.task.batches_per_epoch
    return seconds


if __name__ == "__main__":
    main(*sys.argv[1:])
