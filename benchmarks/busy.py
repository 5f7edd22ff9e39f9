"""Measure training beside a busy process: characters a second with chargen's choice of threads, and with one thread.

    python benchmarks/busy.py CORPUS [ENGINE ...]

The bar: beside one process that keeps a core busy, every size keeps nine tenths of the speed of one thread on an idle
machine.
"""

import subprocess
import sys

import torch

from chargen import Batching, CharModel, TrainingSettings, load_corpus
from chargen.training.text_task import text_trainer

SIZES = (64, 128, 256, 512)
SECONDS = 8.0


def main(source, *engines):
    corpus = load_corpus(source)
    print("| engine | units | threads: chosen, idle | chosen, busy | one, idle | one, busy | busy / one idle |")
    print("|---|---|---|---|---|---|---|")
    for engine in engines or ("torch", "native"):
        for hidden_size in SIZES:
            speeds = {}
            for busy in (False, True):
                for threads in (torch.get_num_threads(), 1):
                    speeds[busy, threads == 1] = speed(corpus, engine, hidden_size, threads, busy)
            figures = [speeds[False, False], speeds[True, False], speeds[False, True], speeds[True, True]]
            ratio = speeds[True, False] / speeds[False, True]
            print(
                "|",
                " | ".join([engine, str(hidden_size), *(f"{f:,.0f}" for f in figures), f"{ratio:.2f}"]),
                "|",
                flush=True,
            )


def speed(corpus, engine, hidden_size, threads, busy):
    """Return the characters a second of the second half of a training, when the number of threads has been chosen."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"])] if busy else []
    try:
        model = CharModel(len(corpus.vocabulary), "lstm", hidden_size, engine=engine)
        settings = TrainingSettings(seconds=2 * SECONDS, batching=Batching(16, 64))
        trainer = text_trainer(model, corpus.train_ids, corpus.valid_ids[:0], settings)
        steps = []
        for _ in trainer.records():
            steps.append((trainer.now, trainer.position.step))
            if trainer.now > SECONDS:
                break
        middle = next(place for place in steps if place[0] > SECONDS / 2)
        return 1024 * (steps[-1][1] - middle[1]) / (steps[-1][0] - middle[0])
    finally:
        torch.set_num_threads(before)
        for process in spinning:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
