"""Write the tables of the documentation: options from the commands themselves, files from their first sentences.

A table stands between `<!-- options: train -->` or `<!-- files -->` and `<!-- end -->`. `make docs` runs this file.
"""

import ast
import re
from pathlib import Path

import click

from chargen.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BUILT = {"__pycache__", ".so", ".pyd"}  # not written by people
PARTS = {".css": "the style", ".html": "the markup", ".js": "the script"}
MARKED = re.compile(r"<!-- (options: )?([a-z ]+) -->\n.*?<!-- end -->", re.DOTALL)


def commands(group: click.Group = cli, path: str = "") -> dict[str, click.Command]:
    """Return every command that is no group, by its words: `train`, `series fit`."""
    found = {}
    for name, command in group.commands.items():
        words = f"{path} {name}".strip()
        found |= commands(command, words) if isinstance(command, click.Group) else {words: command}
    return found


def option_table(command: click.Command) -> str:
    """Return a Markdown table of a command's options, as `--help` words them."""
    context = click.Context(command, parent=click.Context(cli), show_default=True)
    options = [option for option in command.params if isinstance(option, click.Option)]
    return _table(("option", "values", "default", "what it does"), (_row(option, context) for option in options))


def _row(option: click.Option, context: click.Context) -> tuple[str, ...]:
    """Return an option's cells, from the two columns of `--help`: `--epochs INTEGER`, `Text.  [default: 3; x>=1]`."""
    names, text = option.get_help_record(context) or ("", "")
    names, _, metavar = names.partition(" ") if not option.is_flag else (names, "", "")
    text, notes = re.match(r"(.*?)((?:\s*\[[^][]*])*)$", text, re.DOTALL).groups()
    notes = [note for bracket in re.findall(r"\[(.*?)]", notes) for note in bracket.split("; ")]
    ranges = [f"`{note}`" for note in notes if re.match(r"\S*[<>]", note)]
    default = "; ".join(note for note in notes if not re.match(r"\S*[<>]", note)).removeprefix("default: ")
    listed = isinstance(option.type, click.Choice) and not option.metavar
    choices = metavar.strip("[]").replace("|", ", ") if listed else metavar.lower()
    return f"`{names}`", ", ".join(ranges) or choices, _plain(default), _plain(text)


def file_table() -> str:
    """Return a Markdown table of the package's files, each with the first sentence of its docstring or comment."""
    files = sorted(
        path for path in (ROOT / "chargen").rglob("*") if path.is_file() and not BUILT & {*path.parts, path.suffix}
    )
    rows = ((f"`{file.relative_to(ROOT / 'chargen').as_posix()}`", _plain(_purpose(file))) for file in files)
    return _table(("file", "what it is for"), rows)


def _purpose(file: Path) -> str:
    """Return the first sentence of a file's docstring or comment; a part of a page is told by its name."""
    if file.suffix in PARTS and not file.read_text("utf-8").startswith("//"):
        return f"{PARTS[file.suffix]} of {'every' if file.stem == 'page' else f'the {file.stem}'} page"
    text = file.read_text("utf-8")
    text = ast.get_docstring(ast.parse(text)) or "" if file.suffix == ".py" else text.strip("/* \n")
    sentence = re.match(r"(.*?)(\.?\s*\Z|\.\s|\n\n|\s*\*/)", text, re.DOTALL)[1].replace("\n", " ")
    return sentence or "tells type checkers that the package has types"


def _table(head: tuple[str, ...], rows) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ("---",) * len(head), *rows])


def _plain(text: str) -> str:
    """Return text with nothing in it that Markdown would take for markup, but for code in backticks."""
    return re.sub(r"([\\|<*])", r"\\\1", text)


def updated(page: str) -> str:
    """Return a page with its tables as they should be."""

    def block(match: re.Match) -> str:
        table = option_table(commands()[match[2]]) if match[1] else file_table()
        return f"{match[0].partition(chr(10))[0]}\n{table}\n<!-- end -->"

    return MARKED.sub(block, page)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(updated(path.read_text("utf-8")), "utf-8")
