"""Time the copy audit: python benchmarks/copies.py FILE... (joined; the first 1 and 8 million characters are used)."""

import sys
import time
from pathlib import Path

import numpy as np

from chargen.analysis.copies import CopyScan


def made_of(text, rng, length=500):
    """Return a sample made of passages of 3 to 39 characters from the text."""
    sample = ""
    while len(sample) < length:
        begin = rng.integers(len(text))
        sample += text[begin : begin + rng.integers(3, 40)]
    return sample[:length]


def main():
    whole = "".join(Path(path).read_text("utf-8", errors="replace") for path in sys.argv[1:])
    rng = np.random.default_rng(0)
    for length in (1_000_000, 8_000_000):
        text = whole[:length]
        samples = [made_of(text, rng) for _ in range(100)]
        for count in (1, 100):
            start = time.process_time()
            CopyScan(text).audit_all(samples[:count])
            print(f"{len(text):,} characters, {count} samples of 500: {time.process_time() - start:.2f} s of one core")


if __name__ == "__main__":
    main()
