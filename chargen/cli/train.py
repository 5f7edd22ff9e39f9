"""`chargen train`."""

import os
import re
import time

import click

from chargen.cli.commands import Command, Decimal, Whole, fraction, not_negative, positive
from chargen.cli.completion import complete_models, complete_runs, complete_texts
from chargen.cli.options import corpus_options, quiet_option

CHOSEN = "[default: by the text]"
LONGEST = 366 * 24 * 3600  # seconds
LARGEST = 10**15  # bytes
GROUPS = {
    "Everyday": ("budget", "name", "resume", "overwrite", "init_from", "from_scratch"),
    "Text": (
        *("normalization", "encoding", "column", "separator", "valid_fraction", "valid_chars", "max_chars"),
        "in_memory",
    ),
    "Network": ("cell", "hidden_size", "num_layers", "dropout", "recurrent_dropout"),
    "Optimization": (
        *("epochs", "patience", "batch_size", "num_steps", "partition", "optimizer", "learning_rate", "warmup_steps"),
        *("final_learning_rate", "weight_decay", "clip", "precision", "engine", "device", "seed", "preset"),
    ),
    "Output": ("sample_every", "sample_prefix", "save_every", "quiet"),
}


class Duration(click.ParamType):
    """A length of time such as 90s, 10m or 2h, in seconds."""

    name = "duration"

    def get_metavar(self, param, ctx):
        """Return examples."""
        return "90s|10m|2h"

    def __init__(self, shortest: float):
        self.shortest = shortest

    def convert(self, value, param, ctx):
        """Return the seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", value.strip().lower())
        seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else -1.0
        if not self.shortest <= seconds <= LONGEST:
            self.fail(f"{value!r}: give a time from {self.shortest:g}s to a year, such as 90s, 10m or 2h", param, ctx)
        return seconds


class Size(click.ParamType):
    """A number of bytes such as 100kB, 256MB or 2GB."""

    name = "size"

    def get_metavar(self, param, ctx):
        """Return examples."""
        return "256MB|2GB"

    def convert(self, value, param, ctx):
        """Return the bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)b?", value.strip().lower())
        size = float(match[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[match[2]] if match else 0
        if not 1 <= size <= LARGEST:
            self.fail(f"{value!r}: give a number of bytes such as 100kB, 256MB or 2GB", param, ctx)
        return int(size)


def _preset(context: click.Context, _, name: str | None) -> str | None:
    from chargen.training.recipe import PRESETS

    context.default_map = PRESETS[name] if name else {}
    return name


@click.command(cls=Command, groups=GROUPS)
@click.argument("corpus", nargs=-1, shell_complete=complete_texts)
@click.option(
    "--preset",
    type=click.Choice(["d2l"]),
    callback=_preset,
    is_eager=True,
    expose_value=False,
    help="The settings of a textbook: d2l is chapter 9 of Dive into Deep Learning.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="Name of the run's folder under checkpoints/.  [default: CORPUS-lstm, or another --cell]",
    show_default=False,
)
@click.option("--overwrite", is_flag=True, help="Replace the run of that name.")
@click.option(
    "--resume",
    metavar="[NAME]",
    shell_complete=complete_runs,
    is_flag=False,
    flag_value="",
    help="Go on with a run that was stopped: NAME, or the run of CORPUS, or the newest run.",
)
@click.option("--save-every", type=Duration(0), default="30s", help="Time between saves; each epoch's end saves too.")
@click.option("--budget", type=Duration(10), help="Train for this long.  [default: by the text, a few minutes]")
@click.option(
    "--init-from",
    metavar="MODEL",
    shell_complete=complete_models,
    help="Begin with the weights of this model: a .safetensors file or the name of a run.",
)
@click.option("--from-scratch", is_flag=True, help="Begin with random weights instead of the base model.")
@corpus_options
@click.option("--max-chars", type=positive, help="Read only this many characters of the text.")
@click.option(
    "--in-memory",
    type=Size(),
    default="256MB",
    help="Keep the ids of a larger text in a file in the cache folder and read them from there.",
)
@click.option(
    "--cell",
    type=click.Choice(["rnn", "gru", "lstm", "capped-lstm"]),
    help="Kind of recurrent cell.  [default: capped-lstm where the native kernels run, else lstm]",
)
@click.option("--hidden-size", type=positive, help=f"Hidden units of each layer.  {CHOSEN}")
@click.option("--num-layers", type=positive, help=f"Recurrent layers.  {CHOSEN}")
@click.option("--dropout", type=fraction, help=f"Dropout rate of the units.  {CHOSEN}")
@click.option("--recurrent-dropout", type=fraction, help=f"Dropout rate of the recurrent weights.  {CHOSEN}")
@click.option("--batch-size", type=positive, help=f"Sequences in a batch.  {CHOSEN}")
@click.option("--num-steps", type=positive, help=f"Characters of each sequence in a batch.  {CHOSEN}")
@click.option(
    "--partition",
    type=click.Choice(["sequential", "random"]),
    help="Carry the state from batch to batch, or read sequences in random order.  [default: sequential]",
)
@click.option("--epochs", type=positive, help=f"Passes over the text.  {CHOSEN}")
@click.option(
    "--patience", type=positive, help=f"Stop after this many epochs without a better validation loss.  {CHOSEN}"
)
@click.option(
    "--valid-chars",
    type=positive,
    help="Held-out characters to read after each epoch, at most.  [default: 1,000,000, or by the budget]",
)
@click.option("--optimizer", type=click.Choice(["adamw", "sgd"]), default="adamw", help="The optimizer.")
@click.option(
    "--learning-rate",
    type=Decimal(0, min_open=True),
    help="Peak learning rate.  [default: by cell and optimizer]",
)
@click.option("--warmup-steps", type=not_negative, help="Steps over which the learning rate rises.  [default: 50]")
@click.option(
    "--final-learning-rate",
    type=Decimal(0, 1),
    help="Final learning rate as a ratio of the peak; 1 keeps it constant.  [default: 0.15; sgd or a known text: 0.02]",
)
@click.option("--weight-decay", type=Decimal(0), help="Weight decay.  [default: 0.03; sgd: 0]")
@click.option(
    "--clip",
    type=Decimal(0, min_open=True),
    help="Scale gradients down to this global norm.  [default: 1; from a model that does not know the text: 0.25]",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "tf32", "bfloat16"]),
    default="auto",
    help="Of matrix products; auto takes bfloat16 where the processor or GPU multiplies in it.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "native", "torch"]),
    default="auto",
    envvar="CHARGEN_ENGINE",
    help="What runs the layers on a CPU: chargen's kernels in C, or PyTorch; auto takes the faster one.",
)
@click.option("--seed", type=Whole(0, 2**63 - 1), default=0, help="Same seed, same machine, same model.")
@click.option("--device", metavar="auto|cpu|cuda|mps", default="auto", help="auto takes cuda if it is there, else cpu.")
@click.option(
    "--sample-every", type=Duration(0), help="Time between samples; 0 shows none.  [default: 20s, later longer]"
)
@click.option("--sample-prefix", metavar="TEXT", default="", show_default=False, help="What the samples go on from.")
@quiet_option
@click.pass_context
def train(context, corpus, resume, device, sample_every, sample_prefix, **options):
    """Learn to write like CORPUS.

    CORPUS is a text file, a folder of .txt files, - for standard input, an http(s) URL, or a name from `chargen corpora
    list`. Several are read as one text, in the order given; without any, the bundled story is learned. The run is kept
    in checkpoints/NAME. What is not given is chosen by the size of the text.
    """
    began = time.monotonic()
    from chargen.cli import runs
    from chargen.training.clock import seconds_worked
    from chargen.training.processes import joined, own_device

    began += seconds_worked() - time.monotonic()  # by that clock from now on; loading PyTorch may hold up its thread
    device = own_device(device)
    with joined(device) as processes:
        if processes.size > 1 and any(map(_is_stream, corpus)):
            raise click.UsageError("only one process can read standard input or a pipe; give several processes a file")
        read = (context, processes, list(corpus) or None, device, sample_prefix)
        run = runs.begin(*read, began, **options) if resume is None else runs.resume(*read, resume, **options)
        exit_code = runs.train(run, processes, sample_every, sample_prefix)
    context.exit(exit_code)


def _is_stream(source: str) -> bool:
    return source == "-" or (os.path.exists(source) and not os.path.isfile(source) and not os.path.isdir(source))
