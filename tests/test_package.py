"""The package as it is installed: what loads torch, and the examples in docstrings."""

import ast
import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chargen
import chargen.series

PACKAGE = Path(chargen.__file__).parent
WITHOUT_TORCH = ["errors", "files", "report", "text", "network", "sampling", "analysis", "cli"]
LIBRARY = ["errors", "files", "report", "text", "network", "sampling", "training", "analysis", "series"]
STILL_NAME_FLAGS: set[str] = set()
SERIES_WITHOUT_TORCH = [
    *("exercises.catalog", "exercises.waves", "reading.table"),
    *(f"forecast.{name}" for name in ("backtest", "checks", "conformal_intervals", "framing", "metrics", "settings")),
]


def modules_of(package):
    path = PACKAGE / package
    return (
        [f"chargen.{package}.{file.stem}" for file in sorted(path.glob("*.py"))]
        if path.is_dir()
        else [f"chargen.{package}"]
    )


@pytest.mark.parametrize("package", sorted(set(LIBRARY) - STILL_NAME_FLAGS))
def test_the_library_names_settings_not_flags(package):
    flags = [
        f"{path.relative_to(PACKAGE)}: {node.value!r}"
        for path in [*(PACKAGE / package).rglob("*.py"), PACKAGE / f"{package}.py"]
        if path.exists()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"(?<!\S)--\w", node.value)
    ]
    assert not flags


@pytest.mark.parametrize("package", WITHOUT_TORCH)
def test_importing_does_not_load_torch(package):
    modules = ", ".join(modules_of(package))
    assert (
        subprocess.run([sys.executable, "-c", f"import sys, {modules}; sys.exit('torch' in sys.modules)"]).returncode
        == 0
    )


def test_importing_these_parts_of_series_does_not_load_torch():
    modules = ", ".join(f"chargen.series.{name}" for name in SERIES_WITHOUT_TORCH)
    program = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


@pytest.mark.parametrize("package", [chargen, chargen.series])
def test_editors_are_told_the_public_names(package):
    """The names of the TYPE_CHECKING block, with their modules, are those that are imported when first used."""
    (block,) = [node for node in ast.parse(Path(package.__file__).read_text()).body if isinstance(node, ast.If)]
    told = {alias.asname: node.module for node in block.body for alias in node.names}
    assert told == {name: f"{package.__name__}.{module}" for name, module in package._EXPORTS.items()}


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
