"""The benchmarks can start: their imports follow the package."""

import runpy
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_benchmark_can_be_imported(script, monkeypatch):
    monkeypatch.syspath_prepend(script.parent)  # as for a script: they may import each other
    assert runpy.run_path(str(script), run_name="imported")["__doc__"]
