"""`chargen series fit`."""

import itertools
import json
from pathlib import Path

import click

from chargen.cli.commands import Command, Decimal, Whole, positive
from chargen.cli.options import overwrite_option, require_output, say, tell
from chargen.cli.table_options import NAMES, SUFFIX, require_apart, rows, table_options
from chargen.report.words import counted
from chargen.series.exercises.catalog import RECURRENT

GROUPS = {
    "Everyday": ("horizon", "seasons", "plot", "out", "overwrite", "as_json"),
    "Table": NAMES,
    "Method": (*("model", "minimum", "maximum", "log", "folds", "cell", "hidden_size", "window", "epochs", "seed"),),
}
MODELS = ("auto", "network", "smoothing", "theta", "autoregression", "seasonal-naive", "naive", "mean")


class Window(click.ParamType):
    """A number of rows, or "auto", which is None in the library."""

    name = "rows"

    def convert(self, value, param, ctx):
        """Return the number, or None."""
        return None if value in (None, "auto") else Whole(2, 100_000).convert(value, param, ctx)


@click.command(cls=Command, groups=GROUPS)
@click.argument("file", type=click.Path(dir_okay=False))
@table_options
@click.option("--horizon", type=rows, default=24, help="Rows to forecast; the backtest measures as many.")
@click.option(
    "--model",
    metavar="NAME",
    type=click.Choice(MODELS),
    default="auto",
    help=f"Forecast with one method: {', '.join(MODELS[1:])}; auto weighs all of them by the backtest.",
)
@click.option(
    "--min",
    "minimum",
    type=Decimal(),
    help="No forecast is lower.  [default: 0 where no value is negative]",
    show_default=False,
)
@click.option("--max", "maximum", type=Decimal(), help="No forecast is higher.")
@click.option("--cell", type=click.Choice(RECURRENT), default="gru", help="Kind of recurrent cell.")
@click.option("--windows", "window", type=Window(), default="auto", help="Rows that the network reads, or auto.")
@click.option(
    "--season",
    "seasons",
    type=Whole(0, 100_000),
    multiple=True,
    help="Length of a season in rows; may be given twice, 0 for none.  [default: detected]",
    show_default=False,
)
@click.option(
    "--log/--no-log",
    default=None,
    help="Forecast logarithms.  [default: where the seasons grow with the level]",
    show_default=False,
)
@click.option("--hidden-size", type=Whole(1, 4096), default=32, help="Units of the recurrent layer.")
@click.option(
    "--folds",
    type=Whole(1, 10_000),
    help="Horizons at the end that the backtest holds out.  [default: a fifth of the rows, 3 to 20]",
    show_default=False,
)
@click.option("--epochs", type=positive, default=60, help="Maximum number of passes over the training rows.")
@click.option(
    "--seed",
    type=Whole(0, 2**31 - 1),
    default=0,
    help="The same seed gives the same forecaster.",
)
@click.option("--out", help=f"The forecaster's file.  [default: FILE's name with {SUFFIX}]", show_default=False)
@overwrite_option
@click.option("--plot", type=click.Path(dir_okay=False), help="Draw the backtest: what came, and what was forecast.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def fit(context, file, reading, out, overwrite, plot, as_json, seasons, model, **options):
    """Fit a forecaster to the series in the CSV file FILE.

    FILE (- for standard input, or a URL) holds one series, or several in the long format, a row for each value; one
    network learns them all. The last rows are held out first: how well each method forecasts them decides how much it
    counts in each series' forecast.
    """
    from chargen.report.plots import picture_format
    from chargen.series.forecast.origin import metadata_of
    from chargen.series.reading.source import short_name
    from chargen.series.reading.table import read_table

    if 0 in seasons and len(seasons) > 1:
        raise click.UsageError("--season 0 means no season; leave out the other --season")
    out = Path(out or f"{short_name(file)}{SUFFIX}")
    for target in (out, plot):
        require_output(target, overwrite, file)
    require_apart(out, plot)
    if plot:
        picture_format(plot)
    table = read_table(file, **reading)
    seasons = tuple(season for season in seasons if season) if seasons else None
    forecaster = _fitted(context, file, table, seasons=seasons, model=model.replace("-", " "), **options)
    forecaster.about = metadata_of(table, file, **reading)
    forecaster.save(out)
    if as_json:
        click.echo(json.dumps(_summary(out, table, forecaster)))
    else:
        show_backtest(forecaster)
    say(f"saved {out}; now try: chargen series forecast {str(out).removesuffix(SUFFIX)}")
    if plot:
        _draw(plot, table, forecaster)


def _fitted(context, file, table, **options):
    from chargen.cli.progress import show_fitting
    from chargen.cli.stop_signals import StopRequest
    from chargen.series.forecast.checks import SeriesError
    from chargen.series.forecast.forecaster import Forecaster
    from chargen.series.reading.table import blamed

    forecaster = Forecaster(likely_seasons=table.clock.seasons, **options)
    steps = forecaster.fitting({one.name: one.values for one in table.series})
    with StopRequest() as request:
        try:
            first = list(itertools.islice(steps, 1))  # what was found out is told before there is a bar
            say("\n".join([*table.notes, _describe(table, forecaster)]))
            steps = itertools.chain(first, steps)
            show_fitting(itertools.takewhile(lambda _: request.exit_code is None, steps))
        except SeriesError as error:
            raise blamed(table, file, error) from None
        if request.exit_code is not None:
            say("stopped; nothing was saved")
            context.exit(request.exit_code)
    return forecaster


def _describe(table, forecaster) -> str:
    framing, settings = forecaster.framing, forecaster.settings
    rows = sum(len(one.values) for one in table.series)
    of = f" of {len(table.series)} series" if len(table.series) > 1 else ""
    step = f", a step of {table.clock}" if table.time else ""
    seasons = " and ".join(map(str, framing.seasons))
    season = f"a season of {seasons} rows" if seasons else "no season"
    logs = ", in logarithms" * framing.log
    windows = f", windows of {framing.window} rows"
    units = counted(settings.hidden_size, "unit")
    network = f"{windows}, a {settings.cell.upper()} of {units} that gives {counted(settings.horizon, 'row')}"
    return f"{counted(rows, 'row')}{of}{step}, {season}{logs}{f'{network} at once' if forecaster.trains else ''}"


def _draw(plot: str, table, forecaster) -> None:
    """Draw the backtest, where there was one."""
    from chargen.report.forecast_plot import save_forecast
    from chargen.series.forecast.origin import column_names
    from chargen.series.forecast.output import backtest_panels

    panels = backtest_panels(forecaster, table)
    if not panels:
        say(f"{plot} was not drawn: there are too few rows for a backtest")
        return
    save_forecast(panels, plot, *column_names(forecaster.about))
    rest = len(table.series) - len(panels)
    say(f"wrote {plot}" + f", with the {len(panels)} series of the largest MASE" * (rest > 0))


def _summary(out: Path, table, forecaster) -> dict:
    tested, framing = forecaster.tested, forecaster.framing
    return {
        "forecaster": str(out),
        "rows": sum(len(one.values) for one in table.series),
        "series": len(table.series),
        "notes": table.notes,
        "seasons": framing.seasons,
        "window": framing.window,
        "log": framing.log,
        "epochs": forecaster.epochs,
        "folds": tested.folds,
        "horizon": tested.horizon,
        "model": forecaster.settings.model,
        "backtest": tested.figures,
        "shares": tested.shares,
        "beats": [name for name in tested.margins if name not in tested.unbeaten],
        "verdict": tested.verdict,
        "table": [
            {"series": one.name, "rows": len(one.values), "exception": forecaster.reasons.get(one.name)}
            | figures
            | {"weights": forecaster.weights[one.name]}
            for one, figures in zip(table.series, tested.by_series, strict=True)
        ],
    }


def show_backtest(forecaster) -> None:
    """Print the errors of the backtest, and what follows from them."""
    tested = forecaster.tested
    click.echo(f"{'':15}{'MAE':>12}{'sMAPE':>9}{'MASE':>9}")
    for name, figures in tested.figures.items():
        mase = "-" if figures["mase"] is None else f"{figures['mase']:.3f}"
        click.echo(f"{name:15}{figures['mae']:12.5g}{figures['smape']:9.2f}{mase:>9}")
    tell(f"{tested.verdict[0].upper()}{tested.verdict[1:]}.")
    if "," in tested.composition:
        tell(f"The forecast is {tested.composition}, by their errors in the backtest.")
    for reason in sorted(set(forecaster.reasons.values())):
        names = [name for name, other in forecaster.reasons.items() if other == reason]
        listed = ", ".join(names[:5]) + f" and {len(names) - 5} more" * (len(names) > 5)
        tell(f"{reason[0].upper()}{reason[1:]}{f' ({listed})' if listed else ''}.")
