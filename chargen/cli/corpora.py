"""`chargen corpora`."""

import shlex
import sys
from pathlib import Path

import click
from click.core import ParameterSource

from chargen.cli.commands import Group, positive
from chargen.cli.completion import complete_texts
from chargen.cli.options import corpus_options, tell
from chargen.errors import with_names
from chargen.report.terminal import table, width_of
from chargen.report.words import counted, duration, size


@click.group(cls=Group)
def corpora():
    """List, fetch and check texts."""


@corpora.command("list")
def corpora_list():
    """List the texts that have a name, and whether they are here."""
    from chargen.text.registry import registry

    rows = [
        (
            entry.name,
            size(entry.bytes or entry.path.stat().st_size),
            "to be downloaded" if entry.needs_network else "here",
            entry.about,
        )
        for entry in registry().values()
    ]
    click.echo("\n".join(table(rows, width_of(sys.stdout), right=[1])))


@corpora.command()
@click.argument("name", shell_complete=complete_texts)
def fetch(name):
    """Download the text NAME, if need be, and print its path."""
    from chargen.text.sources import locate

    click.echo(locate(name)[1])


@corpora.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=complete_texts)
@click.option("--batch-size", type=positive, help="Rows of text in a batch.  [default: by the text]")
@click.option(
    "--num-steps", type=positive, help="Characters of each row that a training step reads.  [default: by the text]"
)
@corpus_options
@click.pass_context
def check(context, files, encoding, normalization, valid_fraction, separator, column, batch_size, num_steps):
    """Check a text before training on it.

    FILE is any CORPUS of `chargen train`; several are read as one text. Prints what they hold, what may cause trouble,
    and what to do about it. The exit code is 0 if they are fit to train on, 1 if they are not, and 2 if they cannot be
    read.
    """
    from chargen.analysis.text_check import examine
    from chargen.analysis.text_shape import PROSE
    from chargen.text.batches import Batching
    from chargen.text.reading_options import ReadingOptions
    from chargen.text.sources import documents
    from chargen.text.streams import progress_bar

    reading = ReadingOptions(encoding, normalization or "none", None, separator, valid_fraction, column)
    options = {option.name: option.opts[0] for option in context.command.params}
    name, texts = documents(files)
    batching = Batching(batch_size or 16, num_steps or 64) if batch_size or num_steps else None
    with progress_bar(f"reading {name}", sum(text.size for text in texts)) as bar:
        found = examine(name, texts, reading, batching, bar.update)
    tell(
        f"{found.name}: {counted(found.bytes, 'byte')}, {counted(found.characters, 'character')},"
        f" {found.vocabulary:,} different\n"
        f"{found.train_characters:,} to train on and {found.valid_characters:,} held out:"
        f" {counted(found.batches_per_epoch, 'batch')} of {found.batching.batch_size} x {found.batching.num_steps}"
        " an epoch"
    )
    for finding in found.findings:
        mark = "!" if finding.grave else "-"
        tell(f"{mark} {finding.what}", 2)
        tell(f"    {with_names(finding.advice, options.__getitem__)}", 4)
    if any(finding.grave for finding in found.findings):
        tell("not fit to train on: fix what is marked with ! and check again")
        context.exit(1)
    time = ""
    if all(text.path and Path(text.path).is_file() for text in texts):  # which can be read again
        time = f": training takes about {duration(_seconds(files, reading))} on this machine"
    words = ["chargen", "train", *files, *_given()]
    words += ["--column", found.column] if found.column else []
    words += ["--normalize", "prose"] * any(PROSE in finding.advice for finding in found.findings)
    tell(f"fit to train on{time}\nnow type: {shlex.join(words)}")


def _seconds(files, reading) -> float:
    """Return about how long training on a text takes here without a budget."""
    from chargen.text.corpus import read_corpus
    from chargen.training.automatic import choose
    from chargen.training.hardware import pick_device
    from chargen.training.plan import FixedSettings

    return choose(read_corpus(list(files), reading), pick_device(), FixedSettings())[0].seconds


def _given() -> list[str]:
    """Return the options that the user has typed, as words."""
    context = click.get_current_context()
    options = [option for option in context.command.params if isinstance(option, click.Option)]
    given = [one for one in options if context.get_parameter_source(one.name or "") is ParameterSource.COMMANDLINE]
    return [word for one in given for word in (one.opts[0], str(context.params[one.name or ""]))]
