"""The options of commands that read series from a CSV file."""

import functools
import os

import click

from chargen.cli.commands import Whole

NAMES = ("column", "time", "ids", "count_rows", "no_header", "time_format", "zone", "decimal", "fill", "encoding")
SUFFIX = ".forecaster.safetensors"  # of a forecaster's file

rows = Whole(1, 100_000)


def table_options(command):
    """The options that say how a CSV file is read, given to the command as one dictionary, `reading`."""

    @functools.wraps(command)
    def with_reading(*arguments, **options):
        reading = {name: options.pop(name) for name in NAMES}
        return command(*arguments, reading=reading, **options)

    for option in reversed(
        (
            click.option(
                "--column", help="Column of the values.  [default: y, or the only numbers]", show_default=False
            ),
            click.option("--time", help="Column of the times.  [default: ds, or the only times]", show_default=False),
            click.option(
                "--id",
                "ids",
                multiple=True,
                help="Column that names the series of a row; may be repeated."
                "  [default: unique_id, or what tells rows of the same time apart]",
                show_default=False,
            ),
            click.option("--count-rows", is_flag=True, help="Take the rows in their order, without times."),
            click.option("--no-header", is_flag=True, help="The first line is a row, not the names of the columns."),
            click.option("--time-format", help="Form of the times, such as %d/%m/%Y; %q is the quarter."),
            click.option("--zone", default="", help="Time zone of the times, such as Europe/Berlin."),
            click.option(
                "--decimal", type=click.Choice([".", ","]), help="Decimal mark, where the file leaves it open."
            ),
            click.option(
                "--fill",
                type=click.Choice(["linear", "last"]),
                help="Fill missing values and rows: by a line to the next value, or with the last one.",
            ),
            click.option("--encoding", default="utf-8", help="Encoding of the file."),
        )
    ):
        with_reading = option(with_reading)
    return with_reading


def require_apart(out: str | os.PathLike, plot: str | None) -> None:
    """Raise UsageError if a picture would have the name of the other file that is written."""
    if plot and os.path.abspath(out) == os.path.abspath(plot):
        raise click.UsageError(f"--out and --plot both name {out}; choose another file for the picture")
