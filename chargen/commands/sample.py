"""`chargen sample` and `chargen info`."""

import json
import sys

import click

from chargen.commands import not_negative, positive


@click.command()
@click.argument("prefix", default="")
@click.option(
    "--checkpoint",
    help="A .safetensors file, or the name of a run.  [default: the newest run in ./checkpoints]",
    show_default=False,
)
@click.option("--length", type=not_negative, default=500, help="Characters to write.")
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=0.8,
    help="Below 1 safer, above 1 wilder, 0 always the likeliest character.",
)
@click.option("--top-k", type=positive, help="Choose among the k likeliest characters only.")
@click.option(
    "--top-p",
    type=click.FloatRange(0, 1, min_open=True),
    help="Choose among the fewest characters that have this probability together.",
)
@click.option("--greedy", is_flag=True, help="Always take the likeliest character; the same as --temperature 0.")
@click.option(
    "--seed",
    type=not_negative,
    help="The same seed writes the same text.  [default: a new one each time]",
    show_default=False,
)
@click.option("--num-samples", type=positive, default=1, help="How many texts to write.")
@click.option("--stop", help="End a text before this would appear in it.")
@click.option(
    "--unknown",
    type=click.Choice(["error", "skip", "replace"]),
    default="error",
    help="What to do with characters of PREFIX that the model has never seen.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a text.")
def sample(prefix, checkpoint, temperature, top_k, top_p, greedy, seed, num_samples, as_json, unknown, **options):
    """Write on from PREFIX.

    Without PREFIX, write on from a random character.
    """
    import secrets

    from chargen.checkpoint import Checkpoint, find
    from chargen.console import printable
    from chargen.sampling import Sampler, SamplingSettings

    path = find(checkpoint)
    if checkpoint is None:
        click.echo(f"sampling from {path}", err=True)
    sampler = Sampler(Checkpoint.load(path))
    settings = SamplingSettings(0 if greedy else temperature, top_k, top_p)
    seed = secrets.randbits(32) if seed is None else seed
    prefix = sampler.vocabulary.decode(sampler.vocabulary.encode(prefix, unknown))
    for number in range(num_samples):
        pieces = sampler.stream(prefix, settings=settings, seed=(seed, number), **options)
        if as_json:
            click.echo(json.dumps({"prefix": prefix, "text": "".join(pieces), "seed": seed, "number": number}))
            continue
        sys.stdout.write("---\n" * (number > 0) + printable(prefix, sys.stdout))
        for piece in pieces:
            sys.stdout.write(printable(piece, sys.stdout))
            sys.stdout.flush()
        sys.stdout.write("\n")


@click.command()
@click.argument("checkpoint", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(checkpoint, as_json):
    """Show what a model holds.

    CHECKPOINT is a .safetensors file or the name of a run; without it, the newest run is shown.
    """
    from dataclasses import asdict

    from chargen.checkpoint import Checkpoint, find
    from chargen.console import printable

    path = find(checkpoint)
    loaded = Checkpoint.load(path)
    about = {
        "checkpoint": str(path),
        "parameters": sum(array.size for array in loaded.weights.values()),
        "input": f"embedding of {loaded.config.embedding_size}" if loaded.config.embedding_size else "one-hot",
        **asdict(loaded.config),
        **asdict(loaded.vocabulary),
        **loaded.training,
    }
    if as_json:
        click.echo(json.dumps(about))
        return
    for key, value in about.items():
        nested = value.items() if isinstance(value, dict) else ()
        shown = "" if nested else repr(value) if key == "characters" else value
        click.echo(printable(f"{key.replace('_', ' '):24} {shown}".rstrip(), sys.stdout))
        for name, item in nested:
            click.echo(printable(f"  {name.replace('_', ' '):22} {item}", sys.stdout))
