"""`chargen series`: the group of commands on time series."""

import click

from chargen.cli.commands import Group
from chargen.cli.exercises import list_exercises, run
from chargen.cli.fit import fit
from chargen.cli.forecast import forecast


@click.group(cls=Group)
def series():
    """Exercises on time series, and forecasts of your own numbers."""


for command in (list_exercises, run, fit, forecast):
    series.add_command(command)
