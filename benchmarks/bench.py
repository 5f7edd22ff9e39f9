"""chargen against plain PyTorch, alternately in one process: prints a table and writes results.json.

python benchmarks/bench.py [CORPUS]        CORPUS: what `chargen train` takes, by default tiny-shakespeare
"""

import json
import statistics
import sys
import time
from functools import partial
from itertools import islice
from pathlib import Path

import plain
import torch

from chargen import Batching, CharModel, EpochRecord, Sampler, TrainingSettings, load_corpus
from chargen.cli.info import machine_facts
from chargen.network.config import ModelConfig
from chargen.training.hardware import pick_engine
from chargen.training.plan import make_plan
from chargen.training.text_task import text_trainer

CPU = torch.device("cpu")
ROUNDS = 5
SECONDS = 3.0  # of training in each round
SHAPES = ((256, 32, 35), (512, 32, 64))  # hidden size, batch size, steps
SAMPLED = ((1, 256), (1, 512), (2, 512))  # layers, hidden size
TARGETS = (1.88, 1.50)  # nats per character of validation
PLAIN_LIMIT = 300  # seconds after which the plain loop is given up
PLAIN_STEPS = 160  # between two of its evaluations
WRITTEN = 1500  # characters of one stream


def main():
    corpus = load_corpus(sys.argv[1] if len(sys.argv) > 1 else "tiny-shakespeare")
    rows = list(measured(corpus))
    precision = " in ".join(pick_engine(CPU, ModelConfig(65)))
    machine = machine_facts() | {"the default network": precision}
    results = {"machine": machine, "corpus": corpus.name, "rows": rows}
    Path(__file__).with_name("results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"\n{', '.join(machine.values())}; medians of {ROUNDS} rounds in turns\n")
    print(f"{'measured':58} {'unit':>13} {'chargen':>10} {'plain':>10} {'ratio':>6}")
    for row in rows:
        print(f"{row['what']:58} {row['unit']:>13} {row['chargen']!s:>10} {row['plain']!s:>10} {row['ratio']!s:>6}")


def measured(corpus):
    yield from training_speed(corpus)
    yield from sampling_speed(corpus)
    yield from time_to_loss(corpus)


def row(what, unit, chargen, plain_figure, ratio):
    print(f"{what}: chargen {chargen:,.0f}, plain {plain_figure:,.0f} {unit}", file=sys.stderr)
    return {
        "what": what,
        "unit": unit,
        "chargen": round(chargen),
        "plain": round(plain_figure),
        "ratio": round(ratio, 2),
    }


def in_turns(*measures):
    """Call the measures in turns; return the median of each."""
    figures = [[measure() for measure in measures] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*figures, strict=True)]


def training_speed(corpus):
    for hidden_size, *batch in SHAPES:
        for cell in plain.LAYERS:
            a, b = in_turns(
                partial(our_training, corpus, cell, hidden_size, *batch),
                partial(plain_training, corpus, cell, hidden_size, *batch),
            )
            yield row(f"train {cell} {hidden_size}, {batch[0]} x {batch[1]}", "characters/s", a, b, a / b)


def our_training(corpus, cell, hidden_size, batch_size, num_steps):
    model = CharModel(len(corpus.vocabulary), cell, hidden_size=hidden_size)
    model.engine, precision = pick_engine(CPU, model.config)
    settings = TrainingSettings(seconds=SECONDS, batching=Batching(batch_size, num_steps), precision=precision)
    *_, last = text_trainer(model, corpus.train_ids, corpus.valid_ids[:0], settings).records()
    return last.step * batch_size * num_steps / last.seconds


def plain_training(corpus, cell, hidden_size, batch_size, num_steps):
    model = plain.PlainModel(len(corpus.vocabulary), cell, hidden_size)
    steps = plain.train(model, torch.as_tensor(corpus.train_ids).long(), batch_size, num_steps)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        next(steps)
        done += 1
    return done * batch_size * num_steps / (time.perf_counter() - began)


def sampling_speed(corpus):
    V = len(corpus.vocabulary)
    for num_layers, hidden_size in SAMPLED:
        sampler = Sampler(CharModel(V, "lstm", hidden_size, num_layers).to_checkpoint(corpus.vocabulary))
        model = plain.PlainModel(V, "lstm", hidden_size, num_layers)
        begin = torch.zeros(1, 1, dtype=torch.long)
        first = corpus.vocabulary.characters[0]
        one, many, b = in_turns(
            partial(characters_per_second, sampler.sample, first),
            partial(characters_per_second, partial(side_by_side, sampler), first),
            partial(characters_per_second, plain.sample, model, begin),
        )
        yield row(f"sample lstm {num_layers} x {hidden_size}, one stream", "characters/s", one, b, one / b)
        what = f"sample lstm {num_layers} x {hidden_size}, 32 streams (plain: one of ours)"
        yield row(what, "characters/s", 32 * many, one, 32 * many / one)


def side_by_side(sampler, prefix, length):
    return list(sampler.samples(32, prefix, length))


def characters_per_second(sample, *begin):
    """Return the speed of one stream."""
    began = time.perf_counter()
    sample(*begin, length=WRITTEN)
    return WRITTEN / (time.perf_counter() - began)


def time_to_loss(corpus):
    """Seconds of training, evaluation apart, until the validation loss is at most each target."""
    plan = make_plan(corpus, CPU)
    settings = plan.settings
    ours = [
        (record.seconds, record.valid_loss)
        for record in text_trainer(plan.model, corpus.train_ids, corpus.valid_ids, settings).records()
        if isinstance(record, EpochRecord)
    ]
    theirs = list(plain_history(corpus))
    for target in TARGETS:
        a, b = (next((s for s, loss in history if loss <= target), float("inf")) for history in (ours, theirs))
        what = f"validation loss {target}, once (plain: lstm 512, Adam)"
        if float("inf") not in (a, b):
            yield row(what, "seconds", a, b, b / a)
        else:
            a, b = (
                round(seconds)
                if seconds < float("inf")
                else f"{min(loss for _, loss in history):.3f} after {history[-1][0]:.0f}"
                for seconds, history in ((a, ours), (b, theirs))
            )
            yield {"what": what, "unit": "seconds", "chargen": a, "plain": b, "ratio": "-"}


def plain_history(corpus):
    train_ids, valid_ids = torch.as_tensor(corpus.train_ids).long(), torch.as_tensor(corpus.valid_ids).long()
    model = plain.PlainModel(len(corpus.vocabulary), "lstm", 512)
    steps = plain.train(model, train_ids, 32, 64)
    seconds, best, since_best = 0.0, float("inf"), 0
    while seconds < PLAIN_LIMIT and best > min(TARGETS) and since_best < 8:
        began = time.perf_counter()
        for _ in islice(steps, PLAIN_STEPS):
            pass
        seconds += time.perf_counter() - began
        loss = plain.evaluate(model, valid_ids)
        best, since_best = (loss, 0) if loss < best else (best, since_best + 1)
        yield seconds, loss


if __name__ == "__main__":
    main()
