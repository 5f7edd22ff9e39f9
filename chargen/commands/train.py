"""`chargen train`."""

import math
import os

import click

from chargen.commands import corpus_options, fraction, not_negative, positive

# What --preset sets, by option; what a person types wins.
PRESETS = {
    "d2l": {
        "normalization": "letters",
        "max_chars": 10_000,
        "valid_fraction": 0.0,
        "batch_size": 32,
        "num_steps": 35,
        "hidden_size": 256,
        "num_layers": 1,
        "dropout": 0.0,
        "epochs": 500,
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "warmup_steps": 0,
        "final_learning_rate": 1.0,
        "weight_decay": 0.0,
        "clip": 1.0,
        "sample_every": 50,
    }
}

# What --optimizer sets, by option, where neither a person nor a preset does.
OPTIMIZER_DEFAULTS = {
    "adamw": {"learning_rate": 0.006, "weight_decay": 0.1},
    "sgd": {"learning_rate": 1.0, "weight_decay": 0.0},
}


def _preset(context: click.Context, _, name: str | None) -> str | None:
    context.default_map = PRESETS.get(name, {})
    return name


def _optimizer(context: click.Context, _, name: str) -> str:
    context.default_map = {**OPTIMIZER_DEFAULTS[name], **(context.default_map or {})}
    return name


@click.command()
@click.argument("corpus", required=False)
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    callback=_preset,
    is_eager=True,
    expose_value=False,
    help="Settings of a textbook: d2l is chapter 9 of Dive into Deep Learning.",
)
@click.option("--name", help="Name of the run's folder under checkpoints/.  [default: CORPUS-CELL]", show_default=False)
@click.option("--overwrite", is_flag=True, help="Replace the run of that name.")
@corpus_options
@click.option("--max-chars", type=positive, help="Read only so many characters of the text.")
@click.option("--cell", type=click.Choice(["rnn", "gru", "lstm"]), default="lstm", help="Kind of recurrent cell.")
@click.option("--hidden-size", type=positive, default=512, help="Units in a layer.")
@click.option("--num-layers", type=positive, default=1, help="Recurrent layers.")
@click.option("--dropout", type=fraction, default=0.3, help="Share of units silenced during training.")
@click.option(
    "--partition",
    type=click.Choice(["sequential", "random"]),
    default="sequential",
    help="Carry the state from batch to batch, or read pieces in random order.",
)
@click.option("--epochs", type=positive, default=10, help="Passes over the text.")
@click.option(
    "--optimizer",
    type=click.Choice(["adamw", "sgd"]),
    default="adamw",
    callback=_optimizer,
    help="How the weights are moved.",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help="The highest learning rate.  [default: 0.006; sgd: 1]",
)
@click.option("--warmup-steps", type=not_negative, default=50, help="Steps over which the learning rate rises.")
@click.option(
    "--final-learning-rate",
    type=click.FloatRange(0, 1),
    default=0.02,
    help="Share of the learning rate that is left at the end; 1 keeps it constant.",
)
@click.option(
    "--weight-decay",
    type=click.FloatRange(0),
    help="Pull of the weights towards zero.  [default: 0.1; sgd: 0]",
)
@click.option(
    "--clip", type=click.FloatRange(0, min_open=True), default=1.0, help="Scale gradients down to this global norm."
)
@click.option("--seed", type=not_negative, default=0, help="Same seed, same machine, same model.")
@click.option("--device", default="auto", help="auto, cpu, cuda or mps.")
@click.option(
    "--sample-every", type=not_negative, default=5, help="Show a sample after every so many epochs; 0 for never."
)
@click.option("--sample-prefix", default="", help="What the shown samples go on from.")
def train(corpus, name, overwrite, encoding, normalization, max_chars, valid_fraction, **options):
    """Learn to write like CORPUS.

    CORPUS is a text file, - for standard input, an http(s) URL, or a name from `chargen corpora list`; without it, the
    bundled story is learned. The run lands in checkpoints/NAME.
    """
    from chargen.corpus import folder_name, load_corpus

    text = load_corpus(
        corpus, encoding=encoding, normalization=normalization, max_chars=max_chars, valid_fraction=valid_fraction
    )
    for note in text.notes:
        click.echo(note, err=True)
    folder = os.path.join("checkpoints", folder_name(name or f"{text.name}-{options['cell']}"))
    _train(text, folder, overwrite, **options)


def _train(text, folder, overwrite, sample_every, sample_prefix, seed, device, **options):
    import torch

    from chargen.batches import Batching
    from chargen.console import show_training
    from chargen.model import CharModel, pick_device
    from chargen.runs import BEST, train_run
    from chargen.sampling import Sampler
    from chargen.training import TrainingSettings

    text.vocabulary.encode(sample_prefix)  # refuses unknown characters now rather than after some epochs
    batching = Batching(seed=seed, **{key: options.pop(key) for key in ("batch_size", "num_steps", "partition")})
    shape = {key: options.pop(key) for key in ("cell", "hidden_size", "num_layers", "dropout")}
    settings = TrainingSettings(batching=batching, **options)
    torch.manual_seed(seed)
    model = CharModel(len(text.vocabulary), **shape).to(pick_device(device))
    records = train_run(folder, model, text, settings, overwrite)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    click.echo(
        f"learning {text.name}: {len(text.train_ids):,} characters to train on, {len(text.valid_ids):,} held out,"
        f" vocabulary {len(text.vocabulary)}; {shape['cell']} {shape['num_layers']} x {shape['hidden_size']},"
        f" {parameters:,} parameters, on {model.output.weight.device}",
        err=True,
    )

    def preview(epoch: int) -> str | None:
        if not sample_every or epoch % sample_every:
            return None
        sampler = Sampler(model.to_checkpoint(text.vocabulary))
        return sample_prefix + sampler.sample(sample_prefix, length=200, seed=epoch)

    epochs = show_training(records, preview)
    best = min(epochs, key=lambda record: record.score)
    click.echo(
        f"saved {os.path.join(folder, BEST)}: perplexity {math.exp(best.score):.2f} after epoch {best.epoch};"
        f" now try: chargen sample",
        err=True,
    )
