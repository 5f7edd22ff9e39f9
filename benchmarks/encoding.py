"""How fast a text becomes ids, against `wc -m` and a plain loop in Python: prints a table.

python benchmarks/encoding.py [FILE] [MEGABYTES]        repeats FILE, by default the bundled text, up to so many, 500
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chargen.text.corpus import load_corpus
from chargen.text.normalization import NORMALIZATIONS
from chargen.text.sources import locate

PLAIN_BYTES = 20_000_000  # of the text that the plain loop reads


def main():
    source = locate(sys.argv[1] if len(sys.argv) > 1 else None)[1]
    megabytes = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CHARGEN_CACHE"] = folder
        path = repeated(source, megabytes * 10**6, Path(folder, "text.txt"))
        measured = {"a plain loop in Python": rate(PLAIN_BYTES, lambda: plain(path))}
        if shutil.which("wc"):
            environment = {**os.environ, "LC_ALL": "C.UTF-8"}
            measured["wc -m"] = rate(path, lambda: subprocess.run(["wc", "-m", path], env=environment, check=True))
        for normalization in NORMALIZATIONS:
            for kind, limit in (("in memory", 10**12), ("to a file", 1)):
                settings = {"normalization": normalization, "in_memory": limit}
                measured[f"chargen, --normalize {normalization}, {kind}"] = rate(
                    path, lambda settings=settings: load_corpus(path, **settings)
                )
        os.utime(path, (1e9, 1e9))  # what has just been written is not taken on trust
        load_corpus(path, in_memory=1)
        again = seconds(lambda: load_corpus(path, in_memory=1))
    print(f"\n{source.name} repeated to {megabytes:,} MB, {os.cpu_count()} cores\n")
    for what, figure in measured.items():
        print(f"{what:45} {figure:8,.1f} MB/s")
    print(f"{'the second time':45} {again:8.3f} s")


def repeated(source, size, path):
    data = source.read_bytes()
    with path.open("wb") as file:
        for _ in range(-(-size // len(data))):
            file.write(data)
    return path


def plain(path):
    """What the usual script does: a dictionary of the characters, and a list of their numbers."""
    text = path.read_bytes()[:PLAIN_BYTES].decode("utf-8", "ignore")
    ids = {character: number for number, character in enumerate(sorted(set(text)))}
    return [ids[character] for character in text]


def rate(what, action):
    size = what if isinstance(what, int) else what.stat().st_size
    return size / 1e6 / seconds(action)


def seconds(action):
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
