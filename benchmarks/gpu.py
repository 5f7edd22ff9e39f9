"""chargen on a GPU against plain PyTorch on the same GPU: characters/s, share of its peak, time to a loss.

    python benchmarks/gpu.py [CORPUS] [--peak TFLOPS]

CORPUS is what `chargen train` takes, by default tiny-shakespeare; TFLOPS are the products in bfloat16 that the GPU's
data sheet promises, without sparsity. `--device cpu --seconds 0.5 --hidden 32 --no-target` tries the script itself.
"""

import argparse
import sys
import time

import plain
import torch

from chargen import Batching, CharModel, EpochRecord, TrainingSettings, load_corpus
from chargen.network.config import ModelConfig
from chargen.training.hardware import pick_engine
from chargen.training.plan import make_plan
from chargen.training.recipe import operations_per_character
from chargen.training.text_task import text_trainer

TARGET = 1.4697  # nats per character of validation, nanoGPT's
BATCHES = ((16, 64), (256, 128))  # the recipe's, and one that fills a GPU
FLOPS = 6  # for each multiplication of the forward pass: with its addition, forward once and backward twice


def main():
    options = read_options()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("there is no GPU here that PyTorch could use, so nothing was measured")
    corpus = load_corpus(options.corpus)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, which says nothing about a GPU"
    _, precision = pick_engine(device, ModelConfig(65))
    print(f"{name}, torch {torch.__version__}, {precision}; plain is float32\n")
    print(
        "| network | batch | chargen, characters/s | plain | ratio | TFLOP/s | of peak |\n|---|---|---|---|---|---|---|"
    )
    for hidden_size in options.hidden:
        for num_layers in (1, 2):
            for batch in BATCHES:
                print(row(corpus, device, precision, hidden_size, num_layers, Batching(*batch), options), flush=True)
    if options.target:
        time_to_target(corpus, device)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", default="tiny-shakespeare")
    parser.add_argument("--peak", type=float, help="TFLOP/s of products in bfloat16")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=5.0, help="of training for each figure")
    parser.add_argument("--hidden", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--no-target", dest="target", action="store_false", help="leave out the time to the loss")
    return parser.parse_args()


def row(corpus, device, precision, hidden_size, num_layers, batching, options):
    V = len(corpus.vocabulary)
    model = CharModel(V, "lstm", hidden_size, num_layers).to(device)
    ours = our_speed(model, corpus, precision, batching, options.seconds)
    theirs = plain_speed(
        plain.PlainModel(V, "lstm", hidden_size, num_layers).to(device), corpus, batching, options.seconds
    )
    teraflops = ours * FLOPS * operations_per_character(model.config) / 1e12
    share = f"{teraflops / options.peak:.1%}" if options.peak else "-"
    network, batch = f"lstm {num_layers} x {hidden_size}", f"{batching.batch_size} x {batching.num_steps}"
    return f"| {network} | {batch} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.2f} | {teraflops:.2f} | {share} |"


def our_speed(model, corpus, precision, batching, seconds):
    """Return characters per second; the first ones, in which kernels are chosen, do not count."""
    for limit in (seconds / 5, seconds):
        settings = TrainingSettings(seconds=limit, batching=batching, precision=precision)
        *_, last = text_trainer(model, corpus.train_ids, corpus.valid_ids[:0], settings).records()
    return last.step * batching.batch_size * batching.num_steps / last.seconds


def plain_speed(model, corpus, batching, seconds):
    """Return characters per second, likewise."""
    ids = torch.as_tensor(corpus.train_ids, device=next(model.parameters()).device).long()
    steps = plain.train(model, ids, batching.batch_size, batching.num_steps)
    for limit in (seconds / 5, seconds):
        began, done = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - began) < limit:
            next(steps)
            done += 1
    return done * batching.batch_size * batching.num_steps / elapsed


def time_to_target(corpus, device):
    """Print the seconds from a plan to the first epoch whose validation loss is as low as `TARGET`."""
    began = time.perf_counter()
    plan = make_plan(corpus, device)
    print(f"\n{plan.why}")
    for record in text_trainer(plan.model, corpus.train_ids, corpus.valid_ids, plan.settings).records():
        if not isinstance(record, EpochRecord):
            continue
        elapsed = time.perf_counter() - began
        print(f"epoch {record.epoch}: {record.valid_loss:.4f} after {elapsed:.1f} s, {record.seconds:.1f} in steps")
        if record.valid_loss <= TARGET:
            print(f"validation loss {TARGET} was reached after {elapsed:.1f} s")
            return
    print(f"validation loss {TARGET} was not reached")


if __name__ == "__main__":
    main()
