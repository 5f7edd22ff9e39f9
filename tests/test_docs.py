"""The documentation: tables as the code is, no dead links, no options, tests or files that do not exist."""

import re
import runpy
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[1]
TABLES = runpy.run_path(str(ROOT / "docs" / "tables.py"))
FOLDERS = ("", "docs", "benchmarks", "checkpoints")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for folder in FOLDERS
    for path in sorted((ROOT / folder).glob("*.md"))
}
OF_OTHER_PROGRAMS = {
    "--no-index",
    "--find-links",
    "--help",
    "--nproc-per-node",
    "--nnodes",
    "--node-rank",
    "--master-addr",
    "--master-port",
}
each_page = pytest.mark.parametrize("name", PAGES)


def options_of(command):
    return {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@each_page
def test_its_tables_are_as_the_code_is(name):
    assert PAGES[name] == TABLES["updated"](PAGES[name]), "run make docs"


def test_every_command_with_options_has_one_table():
    found = re.findall(r"<!-- options: ([a-z ]+) -->", "".join(PAGES.values()))
    wanted = [
        words
        for words, command in TABLES["commands"]().items()
        if any(isinstance(parameter, click.Option) for parameter in command.params)
    ]
    assert sorted(found) == sorted(wanted)


@each_page
def test_its_links_and_pictures_exist(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[name]):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (ROOT / name).parent / path if path else ROOT / name
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text("utf-8")), target


def test_every_picture_and_page_of_docs_is_linked():
    linked = {
        ((ROOT / name).parent / target.partition("#")[0]).resolve()
        for name, page in PAGES.items()
        for target in re.findall(r"\]\(([^)\s]+)\)", page)
    }
    assert {path for path in (ROOT / "docs").glob("*.*") if path.suffix in (".md", ".png")} <= linked


@pytest.mark.parametrize("name", sorted(set(PAGES) - {"CHANGELOG.md"}))  # which may name options that are gone
def test_every_option_that_it_names_exists(name):
    known = set().union(OF_OTHER_PROGRAMS, *map(options_of, TABLES["commands"]().values()))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", PAGES[name])) - known == set()


@each_page
def test_every_command_in_it_has_the_options_that_it_is_given(name):
    for line in re.findall(r"\bchargen ([a-z][^\n`]*)", PAGES[name]):
        words = line.split("  #")[0].split()
        command = TABLES["commands"]().get(words[0]) or TABLES["commands"]().get(" ".join(words[:2]))
        given = {word.partition("=")[0] for word in words if re.match("--[a-z]", word)}
        if given:
            assert command, line
            assert given <= options_of(command) | {"--help"}, line


def test_reliability_names_tests_that_exist():
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+?)(\.\.\.)?`", PAGES["RELIABILITY.md"])
    assert len(named) > 40
    assert [name for name, more in named if f"def {name}" + "("[bool(more) :] not in tests] == []
