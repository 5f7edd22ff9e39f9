"""Train on tiny-shakespeare from nothing and score the model twice: in sequence, and in windows of 256.

    python benchmarks/shakespeare.py CORPUS SEED [chargen train options ...]

The second figure is how nanoGPT scores: separate windows of 256 characters, each read from the zero state.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from chargen import CharModel, Checkpoint, evaluate, load_corpus


def main(source, seed, *options):
    with tempfile.TemporaryDirectory() as folder:
        chargen, text = Path(sys.executable).with_name("chargen"), Path(source).resolve()
        command = [chargen, "train", text, "--from-scratch", "--seed", seed, *options]
        began = time.monotonic()
        subprocess.run([*command, "--name", "run", "--sample-every", "0"], cwd=folder, check=True)
        seconds = time.monotonic() - began
        best = Checkpoint.load(Path(folder) / "checkpoints" / "run" / "best.safetensors")
    model, valid_ids = CharModel.from_checkpoint(best), torch.as_tensor(load_corpus(source).valid_ids).long()
    result = {
        "seed": int(seed),
        "options": " ".join(options),
        "in_sequence": round(evaluate(model, valid_ids), 4),
        "windows_of_256": round(windowed_loss(model, valid_ids), 4),
        "seconds_from_start_to_end": round(seconds, 1),
        "seconds_of_training": round(best.provenance.reached.seconds, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }
    print(json.dumps(result))


@torch.no_grad()
def windowed_loss(model, ids, length=256):
    model.eval()
    count = (len(ids) - 1) // length
    X, Y = ids[: count * length].view(count, length), ids[1 : count * length + 1].view(count, length)
    logits, _ = model(X, model.begin_state(count))
    return F.cross_entropy(logits.flatten(0, 1), Y.flatten()).item()


if __name__ == "__main__":
    main(*sys.argv[1:])
