"""`chargen runs`: list the runs that training has kept, and remove them."""

import sys
from pathlib import Path

import click

from chargen.cli.commands import Group
from chargen.cli.completion import complete_runs
from chargen.cli.options import say


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def runs(context: click.Context):
    """List the runs in ./checkpoints, the newest first."""
    if context.invoked_subcommand is not None:
        return
    from chargen.network.checkpoint import runs_in
    from chargen.report.terminal import printable, table, width_of

    folders = runs_in()
    if not folders:
        say("there is no run here yet; train one: chargen train letters.txt")
        return
    header = ("name", "text", "network", "bits", "saved", "size")
    right = [header.index(name) for name in ("bits", "size")]
    for line in table(list(map(_row, reversed(folders))), width_of(sys.stdout), right, header):
        click.echo(printable(line, sys.stdout))


def _row(folder: Path) -> tuple[str, ...]:
    """Return a run's name, text, network, bits per character, time of its last save, and size on disk."""
    import math
    from datetime import datetime

    from chargen.errors import CheckpointError, DamagedError
    from chargen.network.checkpoint import Checkpoint, model_of
    from chargen.report.words import size

    path = model_of(folder)
    saved = f"{datetime.fromtimestamp(path.stat().st_mtime):%Y-%m-%d %H:%M}"
    total = size(sum(file.stat().st_size for file in folder.iterdir() if file.is_file()))
    try:
        checkpoint = Checkpoint.load(path)
    except CheckpointError as error:
        why = "damaged" if isinstance(error, DamagedError) else "unreadable"
        return folder.name, "-", why, "-", saved, total
    config, provenance = checkpoint.config, checkpoint.provenance
    bits = f"{provenance.reached.score / math.log(2):.3f}" if provenance.reached else "-"
    network = f"{config.cell} {config.num_layers} x {config.hidden_size}"
    return folder.name, provenance.corpus or "-", network, bits, saved, total


@runs.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_runs)
def remove(names: tuple[str, ...]):
    """Remove runs, with all that was learned in them."""
    from chargen.errors import InputError
    from chargen.files.atomic import is_there
    from chargen.network.checkpoint import BEST, runs_in
    from chargen.report.words import size, suggestion
    from chargen.training.run_folder import remove_run

    folders = {folder.name: folder for folder in runs_in()}
    for name in names:
        if name not in folders:
            is_there(Path("checkpoints") / name / BEST)  # which tells whether it may be searched
            raise InputError(f"no run {name!r}", suggestion(name, reversed(folders)))
    for name in names:
        freed, kept = remove_run(folders[name])
        left = f"; kept what else is in {folders[name]}: {', '.join(kept)}" if kept else ""
        say(f"removed {folders[name]}, {size(freed)}{left}")
