"""The direction of imports: a file imports only from files that stand above it in ROOMS; some must never load torch."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import chargen

PACKAGE = Path(chargen.__file__).parent
ROOMS = [
    "errors",
    "storage",
    "tensorfile",
    "vocabulary",
    "downloads",
    "sources",
    "streams",
    "encoded",
    "corpus",
    "batches",
    "baselines",
    "cells",
    "recipe",
    "checkup",
    "copying",
    "checkpoint",
    "drawing",
    "sampling",
    "scoring",
    "plots",
    "pages",
    "scorepage",
    "activations",
    "inspectpage",
    "recurrent",
    "model",
    "optimizers",
    "processes",
    "training",
    "language",
    "planning",
    "runs",
    "series",
    "console",
    "interactive",
    "signals",
    "commands",
    "cli",
    "__main__",
]
MAY_IMPORT_TORCH = {
    *("recurrent", "model", "optimizers", "processes", "training", "language", "planning", "runs", "series")
}

SERIES_WITHOUT_TORCH = [
    *("backtest", "catalog", "clock", "forecast_figure", "framing", "given", "metrics", "signals", "table")
]


def files():
    return [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield node.module
            if node.module == "chargen":
                yield from (f"chargen.{alias.name}" for alias in node.names)


def test_every_file_has_a_room():
    assert {room_of(path) for path in files()} - {"corpora", "checkpoints"} == set(ROOMS)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_up_the_list(path):
    rooms = [name.split(".")[1] for name in imports(path) if name.startswith("chargen.")]
    above = ROOMS[: ROOMS.index(room_of(path)) + 1] if room_of(path) in ROOMS else []
    wrong = [room for room in rooms if room in ROOMS and room not in above]
    assert not wrong, f"{path.name} imports {wrong}, which stand below it"


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in MAY_IMPORT_TORCH | {"__main__"}])
def test_importing_does_not_load_torch(room):
    program = f"import sys, chargen.{room}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_importing_these_parts_of_series_does_not_load_torch():
    modules = ", ".join(f"chargen.series.{name}" for name in SERIES_WITHOUT_TORCH)
    program = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_tests_run_against_a_package_that_is_whole():
    assert (PACKAGE / "py.typed").exists()
    for name in chargen.__all__:
        assert getattr(chargen, name) is not None
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = chargen.no_such_thing


@pytest.mark.parametrize(
    "path",
    [path for path in PACKAGE.rglob("*.py") if path.stem != "__main__"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_examples_in_docstrings(path):
    module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    failures, _ = doctest.testmod(importlib.import_module(module))
    assert failures == 0
