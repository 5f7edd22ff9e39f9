"""Learn texts without any option and from nothing: bits per character, and seconds from start to end, of both.

python benchmarks/from_base.py TEXT...
"""

import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chargen.network.checkpoint import Checkpoint

CHARGEN = str(Path(sys.executable).with_name("chargen"))


def learned(folder: str, text: str, *options: str) -> tuple[dict, float, float]:
    """Return the run's metadata, the bits per character of its best model, and the seconds it took."""
    began = time.perf_counter()
    command = [CHARGEN, "train", text, "--name", "run", "--overwrite", "--sample-every", "0", *options]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    best = Checkpoint.load(Path(folder, "checkpoints/run/best.safetensors")).provenance
    return best.metadata, best.reached.valid_loss / math.log(2), time.perf_counter() - began


def main() -> None:
    """Measure each text."""
    print("text", "characters", "begun from", "bits", "s", "from nothing", "s", sep="\t")
    for text in map(Path.resolve, map(Path, sys.argv[1:])):
        with tempfile.TemporaryDirectory() as folder:
            metadata, bits, seconds = learned(folder, str(text))
            _, nothing, longer = learned(folder, str(text), "--from-scratch")
        print(text.stem, len(text.read_text("utf-8")), metadata["init_from"], sep="\t", end="\t")
        print(f"{bits:.3f}", f"{seconds:.0f}", f"{nothing:.3f}", f"{longer:.0f}", sep="\t", flush=True)


if __name__ == "__main__":
    main()
