"""Options and checks that several commands share."""

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from chargen.cli.commands import fraction
from chargen.cli.completion import complete_models
from chargen.errors import InputError
from chargen.report.terminal import fitted, unescaped

if TYPE_CHECKING:
    from chargen.network.checkpoint import Checkpoint

QUIET = "chargen.quiet"

checkpoint_option = click.option(
    "--checkpoint",
    metavar="MODEL",
    shell_complete=complete_models,
    help="A .safetensors file, or the name of a run.  [default: the newest run in ./checkpoints, or the bundled model]",
    show_default=False,
)


def unknown_option(default: str):
    """The option that says what to do with unknown characters."""
    return click.option(
        "--unknown",
        type=click.Choice(["error", "skip", "replace"]),
        default=default,
        help="What to do with characters that the model does not know; replace takes the nearest known ones.",
    )


encoding_option = click.option("--encoding", metavar="NAME", default="utf-8", help="Encoding of the text.")
column_option = click.option(
    "--column", metavar="NAME", help="Read the texts in this column of a CSV file, a row each."
)
separator_option = click.option(
    "--separator",
    metavar="TEXT",
    default="\\n",
    callback=lambda _context, _option, text: unescaped(text),
    help="Put this between two texts; \\n is a line break, \\t a tab, \\\\ a backslash.",
)


def corpus_options(command):
    """The options that say how a text is read."""
    for option in (
        separator_option,
        column_option,
        click.option(
            "--valid-fraction",
            type=fraction,
            default=0.1,
            help="Fraction of the text, at its end, that is held out for validation.",
        ),
        click.option(
            "--normalize",
            "normalization",
            type=click.Choice(["none", "prose", "lower", "letters"]),
            help="prose joins the lines of each paragraph and writes quotation marks and dashes in one way; lower is"
            " lower case; letters keeps lower-case letters and single spaces.  [default: none]",
        ),
        encoding_option,
    ):
        command = option(command)
    return command


quiet_option = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    expose_value=False,
    callback=lambda context, _option, quiet: _hush(context, quiet),
    help="Say nothing but errors on stderr.",
)


def _hush(context: click.Context, quiet: bool) -> None:
    context.meta[QUIET] = quiet
    if quiet:
        warnings.simplefilter("ignore")


def quiet() -> bool:
    """Return whether the user wants nothing but errors on stderr."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(QUIET))


def say(text: str) -> None:
    """Write talk to stderr; where that is a terminal, its lines are broken at words."""
    if not quiet():
        click.echo(fitted(text, sys.stderr), err=True)


def tell(text: str, indent: int = 0) -> None:
    """Write what was asked for to stdout; where that is a terminal, its lines are broken at words, see `wrapped`."""
    click.echo(fitted(text, sys.stdout, indent))


def refuse_with(context: click.Context, option: str, *others: str) -> None:
    """Raise UsageError if one of the other parameters was given, which have no effect together with `option`."""
    for other in context.command.params:
        if other.name in others and context.get_parameter_source(other.name) is ParameterSource.COMMANDLINE:
            name = other.opts[0] if isinstance(other, click.Option) else other.human_readable_name
            raise click.UsageError(f"{option} cannot be combined with {name}; leave one of them out")


overwrite_option = click.option("--overwrite", is_flag=True, help="Replace an existing file.")


def require_output(path: str | os.PathLike | None, overwrite: bool, *inputs: str | os.PathLike | None) -> None:
    """Raise InputError, before any work is done, if a file cannot be written, or would replace another.

    Args:
        path: of the file; None where nothing is written.
        overwrite: whether it may replace one that this command does not read.
        inputs: what the command reads: paths, or what is no path; of a model, see `files_of`.
    """
    if path is None:
        return
    folder, name = os.path.split(path)
    if name in ("", "-") or os.path.isdir(path):
        raise InputError(f"{os.fspath(path)!r} is not the name of a file", "give one")
    if not os.path.isdir(folder or "."):
        raise InputError(f"there is no folder {folder} for {name}", "create it, or choose another place")
    if not os.access(folder or ".", os.W_OK | os.X_OK):
        raise InputError(f"cannot write {path}: its folder may not be changed", "choose another one")
    if not os.path.lexists(path):
        return
    for one in inputs:
        if one is not None and os.path.exists(one) and os.path.exists(path) and os.path.samefile(one, path):
            raise InputError(f"{path} is a file that this command reads", "write to another one")
    if not overwrite:
        raise InputError(f"{path} exists", "choose another name, or replace it with {overwrite}")


def files_of(model: Path) -> list[Path]:
    """Return the path of a model, and those of the other files of its run."""
    from chargen.network.checkpoint import MODELS
    from chargen.training.run_folder import HISTORY

    return [model, *(model.with_name(name) for name in (*MODELS, HISTORY))]


def load_model(
    name: str | None, output: str | None, overwrite: bool, *inputs: Path | None
) -> tuple[Path, "Checkpoint"]:
    """Return the file and the model of this name; say which one is taken where none is named.

    Args:
        output, overwrite, inputs: of what will be written, see `require_output`; no file of the model is replaced.
    """
    from chargen.network.checkpoint import Checkpoint, bundled_model, find, model_name

    path = find(name)
    require_output(output, overwrite, *files_of(path), *inputs)
    if name is None:
        say(f"model: {model_name(path)}{' (bundled)' * (path == bundled_model())}")
    return path, Checkpoint.load(path)


def use_one_blas_thread() -> None:
    """Let NumPy multiply in one thread where the native kernels do the large products; call it before NumPy is loaded.

    The threads of OpenBLAS spin for milliseconds after each product, on the processors that the kernels need.
    """
    from chargen.network.native import library

    if library.has_vectors():
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
