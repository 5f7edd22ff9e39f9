"""`chargen series`: the group of commands on time series."""

import click

from chargen.cli.exercises import list_exercises, run
from chargen.cli.forecast import fit, forecast


@click.group()
def series():
    """Time series with the same recurrent cells: classic exercises, and forecasts of your own numbers."""


for command in (list_exercises, run, fit, forecast):
    series.add_command(command)
