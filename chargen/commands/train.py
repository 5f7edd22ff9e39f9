"""`chargen train`."""

import os
import re
import time

import click

from chargen.commands import corpus_options, fraction, not_negative, positive

STARTED = time.monotonic()  # what has passed since counts towards a time budget

CHOSEN = "[default: by the text]"


class Duration(click.ParamType):
    """A length of time such as 90s, 10m or 2h, in seconds."""

    name = "duration"

    def convert(self, value, param, ctx):
        """Return the seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", value.strip().lower())
        seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
        if seconds < 10:
            self.fail(f"{value!r} is no time to train in; give at least 10s, such as 90s, 10m or 2h", param, ctx)
        return seconds


def _preset(context: click.Context, _, name: str | None) -> str | None:
    from chargen.recipe import PRESETS

    context.default_map = PRESETS.get(name, {})
    return name


@click.command()
@click.argument("corpus", required=False)
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
@click.option("--budget", type=Duration(), help="Train for this long, such as 90s, 10m or 2h, as well as that allows.")
@click.option("--init-from", help="Begin with the weights of this model: a .safetensors file or the name of a run.")
@corpus_options
@click.option("--max-chars", type=positive, help="Read only so many characters of the text.")
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
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    help="Of the products of matrices; auto takes bfloat16 where this machine is faster in it.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Same seed, same machine, same model.")
@click.option("--device", default="auto", help="auto, cpu, cuda or mps.")
@click.option(
    "--sample-every", type=not_negative, default=4, help="Show a sample after every so many epochs; 0 for never."
)
@click.option("--sample-prefix", default="", help="What the shown samples go on from.")
def train(corpus, name, overwrite, init_from, encoding, normalization, max_chars, valid_fraction, **options):
    """Learn to write like CORPUS.

    CORPUS is a text file, - for standard input, an http(s) URL, or a name from `chargen corpora list`; without it, the
    bundled story is learned. The run lands in checkpoints/NAME. What is not given is chosen by the size of the text.
    """
    from chargen.checkpoint import Checkpoint, find
    from chargen.corpus import folder_name, load_corpus

    epochs_source = click.get_current_context().get_parameter_source("epochs")
    if options["budget"] and epochs_source is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--budget and --epochs both say how long to train; give one of them")
    base = Checkpoint.load(find(init_from)) if init_from else None
    text = load_corpus(
        corpus,
        encoding=encoding,
        normalization=normalization or (base.vocabulary.normalization if base else "none"),
        max_chars=max_chars,
        valid_fraction=valid_fraction,
    )
    for note in text.notes:
        click.echo(note, err=True)
    cell = options["cell"] or (base.config.cell if base else "lstm")
    _train(text, base, os.path.join("checkpoints", folder_name(name or f"{text.name}-{cell}")), overwrite, **options)


def _train(text, base, folder, overwrite, budget, seed, device, sample_every, sample_prefix, precision, **settled):
    from chargen.baselines import measure
    from chargen.checkup import TRUSTED_VALIDATION
    from chargen.console import show_summary, show_training
    from chargen.model import pick_device
    from chargen.planning import make_plan
    from chargen.runs import BEST, refuse_existing, train_run
    from chargen.sampling import Sampler, SamplingSettings
    from chargen.vocabulary import normalize

    device = pick_device(device)
    refuse_existing(folder, overwrite)
    if unknown := set(normalize(sample_prefix, text.vocabulary.normalization)) - set(text.vocabulary.characters):
        raise click.UsageError(f"--sample-prefix has characters that the text has not: {' '.join(sorted(unknown))}")
    settled = {key: value for key, value in settled.items() if value is not None}
    if precision != "auto":
        settled["precision"] = precision
    baselines = measure(text)
    seconds = budget and budget - (time.monotonic() - STARTED)
    plan = make_plan(text, device, seed, seconds, base, **settled)
    records = train_run(folder, plan.model, text, plan.settings, overwrite)
    if base:
        click.echo(_what_fits(base.vocabulary.characters, text.vocabulary.characters), err=True)
    click.echo(plan.why, err=True)
    if 0 < len(text.valid_ids) < TRUSTED_VALIDATION:
        click.echo(
            f"only {len(text.valid_ids):,} characters are held out: the validation loss is a hint, no more", err=True
        )

    def preview(epoch: int) -> str | None:
        if not sample_every or epoch % sample_every:
            return None
        sampler = Sampler(plan.model.to_checkpoint(text.vocabulary))
        return sample_prefix + sampler.sample(
            sample_prefix, 200, settings=SamplingSettings(temperature=0.8), seed=epoch
        )

    best = os.path.join(folder, BEST)
    try:
        epochs = show_training(records, preview)
    except KeyboardInterrupt:
        records.close()
        click.echo(f"the best so far is kept: {best}" if os.path.exists(best) else "nothing was saved yet", err=True)
        raise
    show_summary(epochs, baselines, best)


def _what_fits(before: str, now: str) -> str:
    new, dropped = "".join(sorted(set(now) - set(before))), "".join(sorted(set(before) - set(now)))
    return (
        f"{len(now) - len(new)} characters keep their weights; new to the model: {new!r};"
        f" known to it but not in this text, and dropped: {dropped!r}"
    )
