"""The benchmarks follow the package: all of them can start, and the one of `make bench` runs to its end."""

import importlib
import runpy
from pathlib import Path

import pytest

from chargen import load_corpus

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_benchmark_can_be_imported(script, monkeypatch):
    monkeypatch.syspath_prepend(script.parent)  # as for a script: they may import each other
    assert runpy.run_path(str(script), run_name="imported")["__doc__"]


def test_the_benchmark_against_plain_pytorch_measures_everything(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(SCRIPTS[0].parent)
    bench = importlib.import_module("bench")
    small = {"ROUNDS": 1, "SECONDS": 0.01, "SHAPES": ((8, 4, 5),), "SAMPLED": ((1, 8),), "TARGETS": (2.9, 0.1)}
    for name, value in (small | {"WRITTEN": 10, "PLAIN_LIMIT": 0.1, "PLAIN_STEPS": 2}).items():
        monkeypatch.setattr(bench, name, value)
    (tmp_path / "text").write_text("so it was, and so it went on. " * 200)
    rows = list(bench.measured(load_corpus(tmp_path / "text")))
    assert [row["what"].split(",")[0] for row in rows] == [
        "train rnn 8",
        "train gru 8",
        "train lstm 8",
        "sample lstm 1 x 8",
        "sample lstm 1 x 8",
        "validation loss 2.9",
        "validation loss 0.1",
    ]
