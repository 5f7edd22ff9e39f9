"""`chargen train`."""

import contextlib
import itertools
import os
import re
import time
from pathlib import Path

import click

from chargen.cli.options import corpus_options, fraction, not_negative, positive

STARTED = time.monotonic()  # what has passed since counts towards a time budget

CHOSEN = "[default: by the text]"


class Duration(click.ParamType):
    """A length of time such as 90s, 10m or 2h, in seconds."""

    name = "duration"

    def __init__(self, shortest: float):
        self.shortest = shortest

    def convert(self, value, param, ctx):
        """Return the seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", value.strip().lower())
        seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else -1.0
        if seconds < self.shortest:
            self.fail(f"{value!r}: give a time of at least {self.shortest:g}s, such as 90s, 10m or 2h", param, ctx)
        return seconds


class Size(click.ParamType):
    """A number of bytes such as 100kB, 256MB or 2GB."""

    name = "size"

    def convert(self, value, param, ctx):
        """Return the bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)b?", value.strip().lower())
        size = int(float(match[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[match[2]]) if match else 0
        if size < 1:
            self.fail(f"{value!r}: give a number of bytes such as 100kB, 256MB or 2GB", param, ctx)
        return size


def _preset(context: click.Context, _, name: str | None) -> str | None:
    from chargen.training.recipe import PRESETS

    context.default_map = PRESETS.get(name, {})
    return name


@click.command()
@click.argument("corpus", nargs=-1)
@click.option(
    "--preset",
    type=click.Choice(["d2l"]),
    callback=_preset,
    is_eager=True,
    expose_value=False,
    help="Settings of a textbook: d2l is chapter 9 of Dive into Deep Learning.",
)
@click.option("--name", help="Name of the run's folder under checkpoints/.  [default: CORPUS-CELL]", show_default=False)
@click.option("--overwrite", is_flag=True, help="Replace the run of that name.")
@click.option(
    "--resume",
    metavar="[NAME]",
    is_flag=False,
    flag_value="",
    help="Go on with a run that was stopped: NAME, or that of CORPUS, or the newest one.",
)
@click.option("--save-every", type=Duration(0), default="30s", help="Time between saves; an epoch's end saves too.")
@click.option(
    "--budget", type=Duration(10), help="Train for this long, such as 90s, 10m or 2h, as well as that allows."
)
@click.option("--init-from", help="Begin with the weights of this model: a .safetensors file or the name of a run.")
@corpus_options
@click.option("--max-chars", type=positive, help="Read only so many characters of the text.")
@click.option(
    "--in-memory",
    type=Size(),
    default="256MB",
    help="Keep the ids of a text of more than this in a file of the cache folder, and read them there.",
)
@click.option("--cell", type=click.Choice(["rnn", "gru", "lstm"]), help="Kind of recurrent cell.  [default: lstm]")
@click.option("--hidden-size", type=positive, help=f"Units in a layer.  {CHOSEN}")
@click.option("--num-layers", type=positive, help=f"Recurrent layers.  {CHOSEN}")
@click.option("--dropout", type=fraction, help=f"Share of units silenced during training.  {CHOSEN}")
@click.option("--recurrent-dropout", type=fraction, help=f"Share of recurrent weights silenced.  {CHOSEN}")
@click.option("--batch-size", type=positive, help=f"Pieces of text read side by side.  {CHOSEN}")
@click.option("--num-steps", type=positive, help=f"Characters of each that a step of training reads.  {CHOSEN}")
@click.option(
    "--partition",
    type=click.Choice(["sequential", "random"]),
    help="Carry the state from batch to batch, or read pieces in random order.  [default: sequential]",
)
@click.option("--epochs", type=positive, help=f"Passes over the text.  {CHOSEN}")
@click.option(
    "--patience", type=positive, help=f"Stop after so many epochs without a better validation loss.  {CHOSEN}"
)
@click.option(
    "--valid-chars",
    type=positive,
    help="Characters of the held-out text, at most, to read after an epoch.  [default: 1,000,000, or by the budget]",
)
@click.option("--optimizer", type=click.Choice(["adamw", "sgd"]), default="adamw", help="How the weights are moved.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help="The highest learning rate.  [default: by cell and optimizer]",
)
@click.option("--warmup-steps", type=not_negative, help="Steps over which the learning rate rises.  [default: 50]")
@click.option(
    "--final-learning-rate",
    type=click.FloatRange(0, 1),
    help="Share of the learning rate that is left at the end; 1 keeps it constant.  [default: 0.02]",
)
@click.option(
    "--weight-decay", type=click.FloatRange(0), help="Pull of the weights towards zero.  [default: 0.03; sgd: 0]"
)
@click.option(
    "--clip", type=click.FloatRange(0, min_open=True), help="Scale gradients down to this global norm.  [default: 1]"
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "tf32", "bfloat16"]),
    default="auto",
    help="Of the products of matrices; auto takes bfloat16 where this machine is faster in it, and never tf32.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Same seed, same machine, same model.")
@click.option("--device", default="auto", help="auto, cpu, cuda or mps.")
@click.option(
    "--sample-every", type=not_negative, default=4, help="Show a sample after every so many epochs; 0 for never."
)
@click.option("--sample-prefix", default="", help="What the shown samples go on from.")
@click.pass_context
def train(context, corpus, resume, device, sample_every, sample_prefix, **options):
    """Learn to write like CORPUS.

    CORPUS is a text file, a folder of .txt files, - for standard input, an http(s) URL, or a name from `chargen corpora
    list`; several are read as one text, in the order given; without any, the bundled story is learned. The run lands in
    checkpoints/NAME. What is not given is chosen by the size of the text.

    Several processes, on one machine or many, train one model together if torchrun starts them:
    torchrun --nproc-per-node 2 -m chargen train CORPUS
    """
    from chargen.training.processes import joined, own_device

    device, corpus = own_device(device), list(corpus) or None
    with joined(device) as processes:
        if processes.size > 1 and any(map(_is_stream, corpus or [])):
            raise click.UsageError("standard input and pipes can be read by one process alone; give several a file")
        if resume is None:
            run = _begin(context, processes, corpus, device, sample_prefix, **options)
        else:
            run = _resume(context, processes, corpus, device, sample_prefix, resume, **options)
        exit_code = _train(run, processes, sample_every, sample_prefix)
    context.exit(exit_code)


def _train(run, processes, sample_every, sample_prefix) -> int:
    """Train, show how it goes, and return the code to exit with."""
    from chargen.analysis.text_check import TRUSTED_VALIDATION
    from chargen.cli.progress import show_summary, show_training
    from chargen.cli.stop_signals import StopRequest
    from chargen.sampling.filters import SamplingSettings
    from chargen.sampling.sampler import Sampler
    from chargen.training.run import BEST

    text = run.corpus
    if len(text.valid_ids) > run.settings.valid_chars:
        click.echo(
            f"of the held-out text, the first {run.settings.valid_chars:,} characters are read after each epoch;"
            " more with --valid-chars",
            err=True,
        )
    if 0 < len(text.valid_ids) < TRUSTED_VALIDATION:
        click.echo(
            f"only {len(text.valid_ids):,} characters are held out: the validation loss is a hint, no more", err=True
        )

    def preview(epoch: int) -> str | None:
        if not sample_every or epoch % sample_every or not processes.first:
            return None
        sampler = Sampler(run.model.to_checkpoint(text.vocabulary))
        return sample_prefix + sampler.sample(
            sample_prefix, 200, settings=SamplingSettings(temperature=0.8), seed=epoch
        )

    with StopRequest() as request:
        failure = None
        try:
            with contextlib.closing(run.records()) as records:
                show_training(run, itertools.takewhile(lambda _: request.exit_code is None, records), preview)
        except OSError as error:  # the terminal may be gone with its signal
            failure = error
        exit_code = int(processes.largest(request.exit_code or 0))
        if failure and not exit_code:
            raise failure
        if exit_code and not run.finished:
            name = run.folder.name if run.folder.parent == Path("checkpoints") else run.folder
            command = "chargen" if processes.size == 1 else "torchrun ... -m chargen"
            with contextlib.suppress(OSError):
                click.echo(
                    f"stopped and saved after {run.step:,} steps; to go on: {command} train --resume {name}", err=True
                )
            return exit_code
    if processes.first:
        show_summary(run, os.path.join(run.folder, BEST))
    return 0


def _begin(context, processes, corpus, device, sample_prefix, name, overwrite, init_from, save_every, **options):
    """Return a new run for a corpus, and say on stderr what was chosen."""
    from dataclasses import fields

    from chargen.network.checkpoint import Checkpoint, find
    from chargen.text.baselines import measure
    from chargen.text.corpus import read_corpus
    from chargen.text.reading_options import ReadingOptions
    from chargen.training.plan import make_plan
    from chargen.training.run import Run, refuse_existing

    reading = {field.name: options.pop(field.name) for field in fields(ReadingOptions)}
    in_memory = options.pop("in_memory")
    budget, seed, precision = (options.pop(key) for key in ("budget", "seed", "precision"))
    if budget and context.get_parameter_source("epochs") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--budget and --epochs both say how long to train; give one of them")
    base = Checkpoint.load(find(init_from)) if init_from else None
    reading["normalization"] = reading["normalization"] or (base.vocabulary.normalization if base else "none")
    with processes.one_before_the_others():
        text = read_corpus(corpus, ReadingOptions(**reading), in_memory)
    for note in text.notes:
        click.echo(note, err=True)
    folder = _folder(name, text.name, options["cell"] or (base.config.cell if base else "lstm"))
    if processes.first:
        refuse_existing(folder, overwrite)
    _require_known(sample_prefix, text.vocabulary)
    settled = {key: value for key, value in options.items() if value is not None}
    if precision != "auto":
        settled["precision"] = precision
    about = {"budget": budget, "init_from": init_from, "baselines": measure(text) if processes.first else {}}
    seconds = budget and budget - (time.monotonic() - STARTED)
    plan = make_plan(text, device, seed, seconds, base, processes, **settled)
    kept = {"overwrite": overwrite, "save_every": save_every, "about": about, "processes": processes}
    run = Run.begin(folder, plan.model, text, plan.settings, **kept)
    if base:
        click.echo(_what_fits(base.vocabulary.characters, text.vocabulary.characters), err=True)
    click.echo(plan.why, err=True)
    return run


def _resume(context, processes, corpus, device, sample_prefix, resume, name, overwrite, save_every, **options):
    """Return the run that is to go on, and say on stderr where it stands."""
    from chargen.network.checkpoint import Checkpoint, find
    from chargen.text.corpus import Origin, read_corpus
    from chargen.text.sources import documents, folder_name
    from chargen.training.run import Run, changed_options, last_save, newest_run

    if overwrite:
        raise click.UsageError("--overwrite begins a run anew and --resume goes on with it; give one of them")
    if resume and name:
        raise click.UsageError(f"--resume {resume} and --name {name} both name a run; give one of them")
    if resume or name:
        folder = os.path.join("checkpoints", folder_name(resume or name))
        folder = resume if os.path.isdir(resume) and not os.path.isdir(folder) else folder
    elif corpus:
        stem, _ = documents(corpus)
        base = options["init_from"]
        folder = _folder(None, stem, options["cell"] or (Checkpoint.load(find(base)).config.cell if base else "lstm"))
    else:
        folder = newest_run("checkpoints") if processes.first else "checkpoints"
    saved, _ = last_save(folder, processes)
    _require_known(sample_prefix, saved.vocabulary)
    typed = {key: options[key] for key in _typed(context) if key in options and options[key] != "auto"}
    epochs, budget = typed.pop("epochs", None), typed.pop("budget", None)
    had = saved.training["about"].get("budget")
    for key, value in changed_options(saved, typed).items():
        option = next(parameter.opts[-1] for parameter in context.command.params if parameter.name == key)
        raise click.UsageError(
            f"{option} {typed[key]}: the run has {_shown(value)}, and resuming can change nothing but --epochs and"
            " --budget; leave the option out, or begin a new run with --init-from"
        )
    if (epochs and had) or (budget and not had):
        kind = f"a budget of {had:g}s" if had else f"{saved.training['settings']['epochs']} epochs"
        raise click.UsageError(f"the run was begun with {kind}; only more of that can be given")
    if budget and budget < had:
        raise click.UsageError(f"--budget {budget:g}s: the run has {had:g}s; it can only get more")
    in_memory = options["in_memory"]
    with processes.one_before_the_others():
        text = read_corpus(corpus, Origin(**saved.training["origin"]), in_memory) if corpus else None
    run = Run.resume(
        folder,
        text,
        epochs=epochs,
        more_seconds=budget - had if budget else 0.0,
        device=device,
        save_every=save_every,
        about={"budget": budget or had},
        in_memory=in_memory,
        processes=processes,
    )
    for note in run.notes:
        click.echo(note, err=True)
    over = "; it is over: more --epochs or a longer --budget would go on" if run.finished else ""
    click.echo(f"going on with {folder} after {run.step:,} steps, {len(run.history)} epochs{over}", err=True)
    return run


def _require_known(sample_prefix, vocabulary):
    from chargen.text.normalization import normalize

    if unknown := set(normalize(sample_prefix, vocabulary.normalization)) - set(vocabulary.characters):
        raise click.UsageError(f"--sample-prefix has characters that the text has not: {' '.join(sorted(unknown))}")


def _is_stream(source: str) -> bool:
    return source == "-" or (os.path.exists(source) and not os.path.isfile(source) and not os.path.isdir(source))


def _shown(value) -> str:
    """Return an option's value as it is typed: a line end as an escape, but no quotation marks around words."""
    return repr(value)[1:-1] if isinstance(value, str) else str(value)


def _typed(context: click.Context) -> list[str]:
    """Return the names of the parameters that a person, or a preset, has given."""
    given = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.DEFAULT_MAP)
    return [name for name in context.params if context.get_parameter_source(name) in given]


def _folder(name: str | None, corpus_name: str, cell: str) -> str:
    from chargen.text.sources import folder_name

    return os.path.join("checkpoints", folder_name(name or f"{corpus_name}-{cell}"))


def _what_fits(before: str, now: str) -> str:
    new, dropped = "".join(sorted(set(now) - set(before))), "".join(sorted(set(before) - set(now)))
    return (
        f"{len(now) - len(new)} characters keep their weights; new to the model: {new!r};"
        f" known to it but not in this text, and dropped: {dropped!r}"
    )
