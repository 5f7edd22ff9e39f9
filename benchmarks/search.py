"""The search behind the default recipe: one training run with the settings given, one line added to a table.

    python benchmarks/search.py CORPUS TABLE [key=value ...]        keys and defaults: see DEFAULTS

It has more switches than chargen, for what was tried and left out; search.tsv holds what came of it. Losses are read
in 32 rows without warm-up, so they are about 0.001 above those that `chargen train` reports. It needs a processor on
which PyTorch's layers compute in bfloat16.
"""

import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from chargen import Batching, load_corpus
from chargen.text.batches import WindowStarts
from chargen.training.dropout import DropoutMasks

DEFAULTS = {
    "cell": "LSTM",
    "H": 512,  # units
    "L": 1,  # layers
    "skip": "none",  # the output reads the last layer; "concat": all layers; "res": the sum with the layer below
    "B": 32,
    "T": 64,
    "epochs": 6.0,
    "lr": 6e-3,
    "warm": 50,  # steps
    "sched": "cos",  # or "lin"
    "final": 0.02,  # share of the learning rate at the end
    "opt": "adamw",  # or "muon" for the square matrices
    "mulr": 0.02,  # Muon's learning rate
    "wd": 0.1,
    "b1": 0.9,
    "b2": 0.99,
    "clip": 1.0,
    "inp": 0.0,  # dropout of the input,
    "mid": 0.3,  # between layers,
    "out": 0.3,  # before the output
    "hdrop": 0.0,  # of recurrent weights, new ones for every window
    "var": 0,  # 1: the same units at every step of a window
    "init": "torch",  # or "orth": orthogonal recurrent matrices, gate by gate
    "fb": 0.0,  # added to the bias of the forget gate
    "ema": 0.0,  # decay of an average of the weights, scored beside them
    "seed": 0,
    "threads": 1,
}
BF16 = {"device_type": "cpu", "dtype": torch.bfloat16}


class Net(nn.Module):
    """The network with all the switches."""

    def __init__(self, vocab_size, s):
        super().__init__()
        self.s, self.masks = s, DropoutMasks()
        H, L = s["H"], s["L"]
        layer = getattr(nn, s["cell"])
        self.layers = nn.ModuleList(layer(H if index else vocab_size, H, batch_first=True) for index in range(L))
        self.output = nn.Linear(H * L if s["skip"] == "concat" else H, vocab_size)
        self.register_buffer("one_hot", torch.eye(vocab_size), persistent=False)
        for rnn in self.layers:
            if s["init"] == "orth":
                for gate in rnn.weight_hh_l0.data.split(H):
                    nn.init.orthogonal_(gate)
            rnn.bias_ih_l0.data[H : 2 * H] += s["fb"]

    def forward(self, X, states):
        x = self.drop(F.embedding(X, self.one_hot), self.s["inp"])  # (B, T, V)
        outputs, new_states = [], []
        for index, rnn in enumerate(self.layers):
            y, state = self.run_layer(rnn, x, states[index] if states else None)
            new_states.append(detached(state))
            y = self.drop(y, self.s["out" if rnn is self.layers[-1] else "mid"])  # (B, T, H)
            x = x + y if self.s["skip"] == "res" and index else y
            outputs.append(x)
        x = torch.cat(outputs, -1) if self.s["skip"] == "concat" else x
        return self.output(x).float(), new_states

    def run_layer(self, rnn, x, state):
        if not (self.training and self.s["hdrop"]):
            return rnn(x, state)
        zeros = torch.zeros(1, len(x), self.s["H"])
        weight = self.masks.weights(rnn.weight_hh_l0, self.s["hdrop"])
        weights = [rnn.weight_ih_l0, weight, rnn.bias_ih_l0, rnn.bias_hh_l0]
        x, *parts = torch.lstm(x, state or (zeros, zeros), weights, True, 1, 0.0, True, False, True)
        return x, tuple(parts)

    def drop(self, x, p):
        if not (self.training and p):
            return x
        shape = (x.shape[0], 1, x.shape[2]) if self.s["var"] else x.shape
        return x * x.new_empty(shape).bernoulli_(1 - p).div_(1 - p)


def detached(state):
    parts = state if isinstance(state, tuple) else (state,)
    parts = tuple(part.detach().float() for part in parts)
    return parts if len(parts) > 1 else parts[0]


def make_optimizers(net, s):
    biases = [p for p in net.parameters() if p.ndim == 1]
    square = [rnn.weight_hh_l0 for rnn in net.layers] + [rnn.weight_ih_l0 for rnn in net.layers[1:]]
    by_muon = {id(p) for p in square} if s["opt"] == "muon" else set()
    matrices = [p for p in net.parameters() if p.ndim == 2 and id(p) not in by_muon]
    groups = [{"params": matrices, "weight_decay": s["wd"]}, {"params": biases, "weight_decay": 0.0}]
    optimizers = [torch.optim.AdamW(groups, lr=s["lr"], betas=(s["b1"], s["b2"]), fused=True)]
    if by_muon:
        optimizers.append(torch.optim.Muon(square, lr=s["mulr"], weight_decay=s["wd"], momentum=0.95))
    return optimizers


def rate_at(step, total, s):
    if step < s["warm"]:
        return (step + 1) / s["warm"]
    left = 1 - (step - s["warm"]) / max(total - s["warm"], 1)
    shape = left if s["sched"] == "lin" else 0.5 * (1 - math.cos(math.pi * left))
    return s["final"] + (1 - s["final"]) * shape


@torch.no_grad()
def losses(net, ids):
    """Return the loss in sequence and in separate windows of 256, in nats per character."""
    net.eval()
    figures = []
    for rows, length in ((32, (len(ids) - 1) // 32), ((len(ids) - 1) // 256, 256)):
        X, Y = ids[: rows * length].view(rows, length), ids[1 : rows * length + 1].view(rows, length)
        states, total = None, 0.0
        for t in range(0, length, 256):
            with torch.autocast(**BF16):
                logits, states = net(X[:, t : t + 256], states)
            total += F.cross_entropy(logits.flatten(0, 1), Y[:, t : t + 256].flatten(), reduction="sum").item()
        figures.append(total / (rows * length))
    net.train()
    return figures


def main(source, table, *changes):
    s = dict(DEFAULTS)
    for key, _, value in (change.partition("=") for change in changes):
        s[key] = type(DEFAULTS[key])(value)
    torch.set_num_threads(s["threads"])
    torch.manual_seed(s["seed"])
    corpus = load_corpus(source)
    train_ids, valid_ids = torch.as_tensor(corpus.train_ids).long(), torch.as_tensor(corpus.valid_ids).long()
    net = Net(len(corpus.vocabulary), s)
    optimizers = make_optimizers(net, s)
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    average = [p.detach().clone() for p in net.parameters()]
    batching = Batching(s["B"], s["T"], seed=s["seed"])
    per_epoch = batching.batches_per_epoch(len(train_ids))
    total = int(per_epoch * s["epochs"])
    steps = torch.arange(s["T"] + 1)
    began, summed = time.perf_counter(), []
    for step in range(total):
        if step % per_epoch == 0:
            starts = torch.as_tensor(np.asarray(WindowStarts(len(train_ids), batching, step // per_epoch)))
            states = None
        for optimizer, lrs in zip(optimizers, peaks, strict=True):
            for group, lr in zip(optimizer.param_groups, lrs, strict=True):
                group["lr"] = lr * rate_at(step, total, s)
        windows = train_ids[starts[step % per_epoch][:, None] + steps]  # (B, T + 1)
        with torch.autocast(**BF16):
            logits, states = net(windows[:, :-1], states)
        loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        net.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), s["clip"])
        for optimizer in optimizers:
            optimizer.step()
        if s["ema"]:
            torch._foreach_lerp_(average, [p.detach() for p in net.parameters()], 1 - s["ema"])
        summed.append(loss.detach())
    seconds = time.perf_counter() - began
    in_sequence, in_windows = losses(net, valid_ids)
    train_loss = np.mean(torch.stack(summed[-per_epoch:]).numpy())
    line = [f"{in_sequence:.4f}", f"{in_windows:.4f}", f"{train_loss:.4f}", f"{seconds:.0f}"]
    line += [f"{total * s['B'] * s['T'] / seconds:.0f}", " ".join(changes)]
    if s["ema"]:
        for p, a in zip(net.parameters(), average, strict=True):
            p.data.copy_(a)
        line.append("averaged: {:.4f} {:.4f}".format(*losses(net, valid_ids)))
    with Path(table).open("a") as file:
        print(*line, sep="\t", file=file)


if __name__ == "__main__":
    main(*sys.argv[1:])
