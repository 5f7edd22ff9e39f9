"""Search for how a text is best learned from the base model: one line of figures for each combination of settings.

    python benchmarks/fine_tuning.py BOOK.txt --sizes 10000,30000,150000 --epochs 2,3 --rates 0.005 --dropouts 0.3,0.4

A size takes the first characters of the text; its last tenth is held out.
"""

import argparse
import itertools
import math
import time

import torch

from chargen.network.checkpoint import Checkpoint, find
from chargen.text.corpus import load_corpus
from chargen.training.base import BASE
from chargen.training.plan import FixedSettings, make_plan
from chargen.training.records import EpochRecord
from chargen.training.text_task import fit

COLUMNS = ("text", "characters", "epochs", "rate", "dropout", "bits", "best epoch", "seconds")


def numbers(kind):
    """Return a parser of numbers that commas separate."""
    return lambda text: [kind(number) for number in text.split(",")]


def main() -> None:
    """Try every combination."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--base", default=BASE)
    parser.add_argument("--sizes", type=numbers(int), default=[None])
    parser.add_argument("--epochs", type=numbers(int), default=[None])
    parser.add_argument("--rates", type=numbers(float), default=[None])
    parser.add_argument("--dropouts", type=numbers(float), default=[None])
    given = parser.parse_args()
    base = Checkpoint.load(find(given.base))
    print(*COLUMNS, sep="\t")
    for text, size in itertools.product(given.texts, given.sizes):
        corpus = load_corpus(text, max_chars=size)
        for epochs, rate, dropout in itertools.product(given.epochs, given.rates, given.dropouts):
            fixed = FixedSettings(epochs=epochs, learning_rate=rate, dropout=dropout, patience=1000)
            began = time.perf_counter()
            plan = make_plan(corpus, torch.device("cpu"), fixed, base=base)
            records = fit(plan.model, corpus.train_ids, corpus.valid_ids, plan.settings)
            best = min((record for record in records if isinstance(record, EpochRecord)), key=lambda r: r.score)
            settings = plan.settings.epochs, plan.settings.learning_rate, plan.model.config.dropout
            characters = len(corpus.train_ids) + len(corpus.valid_ids)
            bits, seconds = f"{best.score / math.log(2):.4f}", f"{time.perf_counter() - began:.0f}"
            print(corpus.name, characters, *settings, bits, best.epoch, seconds, sep="\t", flush=True)


if __name__ == "__main__":
    main()
