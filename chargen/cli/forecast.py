"""`chargen series forecast`."""

import os
from pathlib import Path

import click

from chargen.cli.commands import Whole, positive
from chargen.cli.options import overwrite_option, require_output, say
from chargen.cli.table_options import SUFFIX, require_apart, rows
from chargen.report.words import counted


@click.command()
@click.argument("model", type=click.Path(dir_okay=False))
@click.option("--horizon", type=rows, help="Rows to forecast.  [default: as fitted]")
@click.option(
    "--level",
    "levels",
    type=Whole(1, 99),
    multiple=True,
    default=(90,),
    help="Level of the prediction intervals, in per cent; may be repeated.",
)
@click.option(
    "--from",
    "newer",
    type=click.Path(dir_okay=False),
    help="Go on from the newer rows in this CSV file, without fitting again; it may repeat known rows.",
)
@click.option("--series", multiple=True, help="Forecast only the series of this unique_id; may be repeated.")
@click.option("--out", type=click.Path(dir_okay=False), help="Write the CSV to a file.  [default: stdout]")
@click.option("--plot", type=click.Path(dir_okay=False), help="Draw the forecast as a PNG.")
@overwrite_option
@click.option(
    "--history",
    type=positive,
    help="Rows of history in the picture.  [default: four horizons, or a third of all rows]",
    show_default=False,
)
def forecast(model, horizon, levels, newer, series, out, plot, history, overwrite):
    """Continue the series that a forecaster has learned.

    MODEL is the forecaster's file, air.forecaster.safetensors, or just air.
    The prediction intervals are quantiles of the backtest's errors, for each number of rows ahead.
    """
    from chargen.report.forecast_plot import save_forecast
    from chargen.report.plots import picture_format
    from chargen.series.forecast.forecaster import Forecaster
    from chargen.series.forecast.origin import column_names
    from chargen.series.forecast.output import forecast_panels, to_csv

    model = _find(model)
    for target in (out, plot):
        require_output(target, overwrite, model, newer)
    if plot:
        picture_format(plot)
    if out:
        require_apart(out, plot)
    forecaster = Forecaster.load(model)
    if newer:
        _extend(forecaster, newer)
    horizon = horizon or forecaster.settings.horizon
    panels = forecast_panels(forecaster, horizon, levels, series, history)
    if forecaster.tested.unbeaten:
        say(f"in the backtest {forecaster.tested.verdict}")
    if horizon > forecaster.measured:
        say(
            f"errors were measured up to {counted(forecaster.measured, 'row')} ahead; beyond that the intervals widen"
            " like those of a random walk"
        )
    if plot:
        save_forecast(panels, plot, *column_names(forecaster.about))
        say(f"wrote {plot}")
    _write(out, to_csv(forecaster, panels))


def _find(name: str) -> str:
    """Return the path of a forecaster's file; its suffix may be left out."""
    from chargen.errors import InputError
    from chargen.report.words import suggestion

    for path in (name, f"{name}{SUFFIX}"):
        if os.path.exists(path):
            return path
    raise InputError(f"no forecaster {name!r}", suggestion(name, sorted(map(str, Path().glob(f"*{SUFFIX}")))))


def _extend(forecaster, newer: str) -> None:
    from chargen.errors import InputError
    from chargen.series.forecast.newer import read_newer
    from chargen.series.reading.table import blamed

    table = read_newer(forecaster.about, newer)
    try:
        notes = forecaster.extend_by(table)
    except InputError as error:
        raise blamed(table, newer, error) from None
    for note in notes:
        say(note)


def _write(out: str | None, text: str) -> None:
    from chargen.files.atomic import write_atomically

    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomically(Path(out), text.encode("utf-8", "replace"))
        say(f"wrote {out}")
